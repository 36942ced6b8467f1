"""Which members look after a patient, since when, and who did before."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Uuid, bindparam, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.patients import readers
from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Brief, Member
from triage.kit import db, live
from triage.kit.errors import Invalid, NotFound

LONGEST_ROLE = 60


class CareTeamMember(db.Base):
    """A member's place in a patient's care team; at most one of a team is primary."""

    __tablename__ = "care_team_member"
    __table_args__ = (
        db.within_practice("patient_id", "patient"),
        db.within_practice("member_id", "member"),
        Index("ix_care_team_member_member", "practice_id", "member_id"),
        Index("uq_care_team_member_primary", "patient_id", unique=True, postgresql_where="is_primary"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    patient_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(default="")
    is_primary: Mapped[bool] = mapped_column(default=False)
    since_on: Mapped[date | None]


class FormerCareTeamMember(db.OfPractice, db.Base):
    """A place that has ended. It is kept apart, so that whoever asks for a team reads those who are in it alone."""

    __tablename__ = "former_care_team_member"
    __table_args__ = (
        db.within_practice("patient_id", "patient"),
        db.within_practice("member_id", "member"),
        db.within_practice("ended_by_id", "member"),
        Index("ix_former_care_team_member_patient", "practice_id", "patient_id"),
        CheckConstraint("since_on is null or since_on <= until_on", name="until_on"),
    )

    patient_id: Mapped[UUID]
    member_id: Mapped[UUID]
    role: Mapped[str]
    was_primary: Mapped[bool]
    since_on: Mapped[date | None]
    until_on: Mapped[date]
    ended_by_id: Mapped[UUID | None]
    ended_at: Mapped[datetime]


class Place(NamedTuple):
    brief: Brief
    role: str
    is_primary: bool
    since_on: date | None


class Former(NamedTuple):
    """A place that has ended; `until_on` is its last day."""

    brief: Brief
    role: str
    was_primary: bool
    since_on: date | None
    until_on: date


class Wanted(NamedTuple):
    """A place as the form wants it."""

    role: str = ""
    is_primary: bool = False
    since_on: date | None = None


def team_of(session: Session, practice_id: UUID, patient_id: UUID) -> list[Place]:
    """The care team, the primary member first."""
    rows = session.execute(
        select(CareTeamMember, Member)
        .join(Member, Member.id == CareTeamMember.member_id)
        .where(CareTeamMember.practice_id == practice_id, CareTeamMember.patient_id == patient_id)
        .order_by(CareTeamMember.is_primary.desc(), Member.name)
    )
    return [Place(member.brief, place.role, place.is_primary, place.since_on) for place, member in rows]


def former_of(session: Session, practice_id: UUID, patient_id: UUID) -> list[Former]:
    """Who was in the team before, the last to leave first."""
    rows = session.execute(
        select(FormerCareTeamMember, Member)
        .join(Member, Member.id == FormerCareTeamMember.member_id)
        .where(FormerCareTeamMember.practice_id == practice_id, FormerCareTeamMember.patient_id == patient_id)
        .order_by(FormerCareTeamMember.until_on.desc(), FormerCareTeamMember.id.desc())
    )
    return [
        Former(member.brief, place.role, place.was_primary, place.since_on, place.until_on)
        for place, member in rows
    ]


def find_place(session: Session, patient: Patient, member_id: UUID) -> CareTeamMember:
    """Raises `NotFound`."""
    place = session.get(CareTeamMember, (patient.id, member_id), populate_existing=True)
    if place is None or place.practice_id != patient.practice_id:
        raise NotFound("This member is not in the care team any more.")
    return place


def candidates(session: Session, patient: Patient) -> list[Brief]:
    """Members who are not in the team and may see the patient, by name."""
    inside = select(CareTeamMember.member_id).where(CareTeamMember.patient_id == patient.id)
    found = session.scalars(readers.of_patient(patient).where(Member.id.not_in(inside)))
    return [member.brief for member in found]


def join(
    session: Session, patient: Patient, member_id: UUID, wanted: Wanted, *, by: Member, now: datetime
) -> None:
    """A member is in the care team from now on. The patient is locked by who asks.

    Raises `Invalid` for a member who may not see the patient, or is in the team already.
    """
    if session.get(CareTeamMember, (patient.id, member_id)) is not None:
        raise Invalid(member_id="This member is in the care team already.")
    if session.scalar(readers.of_patient(patient).where(Member.id == member_id)) is None:
        raise Invalid(member_id="Choose a member who may see this patient.")
    wanted = _checked(wanted, by, now)
    _make_room(session, patient, wanted)
    place = CareTeamMember(practice_id=patient.practice_id, patient_id=patient.id, member_id=member_id)
    session.add(place)
    place.role, place.is_primary, place.since_on = wanted
    place.since_on = wanted.since_on or today(by, now)
    session.flush()
    _note(session, patient, member_id, "joined", by=by, now=now)


def change(
    session: Session, patient: Patient, member_id: UUID, wanted: Wanted, *, by: Member, now: datetime
) -> None:
    """Their role in the team, since when, and whether they are primary. Safe to repeat. Raises `Invalid`, `NotFound`."""
    place, wanted = find_place(session, patient, member_id), _checked(wanted, by, now)
    changed = [name for name in Wanted._fields if getattr(place, name) != getattr(wanted, name)]
    if not changed:
        return
    _make_room(session, patient, wanted, but=member_id)
    place.role, place.is_primary, place.since_on = wanted
    session.flush()
    _note(session, patient, member_id, "changed", by=by, now=now, fields=", ".join(changed))


def leave(
    session: Session, patient: Patient, member_id: UUID, *, until_on: date | None, by: Member, now: datetime
) -> None:
    """The place ends and is kept; today is its last day where no other is named. Raises `Invalid`, `NotFound`."""
    place, last = find_place(session, patient, member_id), until_on or today(by, now)
    if last > today(by, now):
        raise Invalid(until_on="The last day lies in the future.")
    if place.since_on is not None and last < place.since_on:
        raise Invalid(until_on="The last day lies before the first.")
    session.add(
        FormerCareTeamMember(
            practice_id=patient.practice_id,
            patient_id=patient.id,
            member_id=member_id,
            role=place.role,
            was_primary=place.is_primary,
            since_on=place.since_on,
            until_on=last,
            ended_by_id=by.id,
            ended_at=now,
        )
    )
    session.delete(place)
    session.flush()
    _note(session, patient, member_id, "left", by=by, now=now)


def today(by: Member, now: datetime) -> date:
    """By the practice's clock."""
    return now.astimezone(ZoneInfo(by.practice.time_zone)).date()


def _checked(wanted: Wanted, by: Member, now: datetime) -> Wanted:
    role, wrong = " ".join(wanted.role.split()), {}
    if len(role) > LONGEST_ROLE:
        wrong["role"] = f"Use at most {LONGEST_ROLE} letters."
    if wanted.since_on is not None and wanted.since_on > today(by, now):
        wrong["since_on"] = "The first day lies in the future."
    if wrong:
        raise Invalid(**wrong)
    return wanted._replace(role=role)


def _make_room(session: Session, patient: Patient, wanted: Wanted, *, but: UUID | None = None) -> None:
    """Whoever was primary is so no longer: a team has one."""
    if not wanted.is_primary:
        return
    others = update(CareTeamMember).where(
        CareTeamMember.patient_id == patient.id, CareTeamMember.is_primary, CareTeamMember.member_id != but
    )
    session.execute(others.values(is_primary=False))


def _note(
    session: Session,
    patient: Patient,
    member_id: UUID,
    what: str,
    *,
    by: Member,
    now: datetime,
    **detail: str,
) -> None:
    audit.record(
        session,
        patient.practice_id,
        audit.Action.CARE_TEAM_CHANGED,
        by=by.id,
        at=now,
        subject_id=member_id,
        patient_id=patient.id,
        what=what,
        **detail,
    )
    live.announce(session, patient.practice_id, "counts", to={member_id})


_TEAMS = (
    select(CareTeamMember.patient_id, CareTeamMember.member_id, CareTeamMember.is_primary)
    .where(CareTeamMember.patient_id == func.any(bindparam("patient_ids", type_=ARRAY(Uuid))))
    .order_by(CareTeamMember.patient_id, CareTeamMember.member_id)
)


def member_ids_by_patient(
    session: Session, patient_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[UUID, bool]]]:
    """For each patient the (member id, is primary) pairs, in a steady order; one query."""
    teams: dict[UUID, list[tuple[UUID, bool]]] = {}
    for row in session.execute(_TEAMS, {"patient_ids": list(patient_ids)}):
        teams.setdefault(row.patient_id, []).append((row.member_id, row.is_primary))
    return teams
