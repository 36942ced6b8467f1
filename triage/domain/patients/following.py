"""Members outside the care team who want to be told of a patient's messages: asked once, remembered (C86 to C88)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Member
from triage.kit import db, live


class PatientFollower(db.Base):
    """What a member answered to "Notify me about this patient?"."""

    __tablename__ = "patient_follower"
    __table_args__ = (
        db.within_practice("patient_id", "patient"),
        db.within_practice("member_id", "member"),
        Index("ix_patient_follower_member", "practice_id", "member_id", postgresql_where="is_on"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_on: Mapped[bool]
    answered_at: Mapped[datetime]


def answer(session: Session, patient: Patient, *, yes: bool, by: Member, now: datetime) -> None:
    """Follow the patient, or do not; it is not asked again. Safe to repeat."""
    known = session.get(PatientFollower, (patient.id, by.id), populate_existing=True)
    if known is not None and known.is_on == yes:
        return
    given = {"is_on": yes, "answered_at": now}
    session.execute(
        insert(PatientFollower)
        .values(practice_id=by.practice_id, patient_id=patient.id, member_id=by.id, **given)
        .on_conflict_do_update(
            index_elements=[PatientFollower.patient_id, PatientFollower.member_id], set_=given
        )
    )
    audit.record(
        session,
        by.practice_id,
        audit.Action.FOLLOWING_CHANGED,
        by=by.id,
        at=now,
        subject_id=by.id,
        patient_id=patient.id,
        what="on" if yes else "off",
    )
    live.announce(session, by.practice_id, "counts", to={by.id})


def patients_of(member: Member) -> Select[UUID]:
    """Ids of the member's patients: of whose care team they are, and whom they follow."""
    cared_for = select(CareTeamMember.patient_id).where(
        CareTeamMember.practice_id == member.practice_id, CareTeamMember.member_id == member.id
    )
    followed = select(PatientFollower.patient_id).where(
        PatientFollower.practice_id == member.practice_id,
        PatientFollower.member_id == member.id,
        PatientFollower.is_on,
    )
    both = union_all(cared_for, followed).subquery("my_patients")
    return select(both.c.patient_id)
