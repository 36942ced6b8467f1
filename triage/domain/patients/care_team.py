"""Which members look after a patient."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Uuid, bindparam, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice.member import Brief, Member
from triage.kit import db


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


class Place(NamedTuple):
    brief: Brief
    role: str
    is_primary: bool


def team_of(session: Session, practice_id: UUID, patient_id: UUID) -> list[Place]:
    """The care team, the primary member first."""
    rows = session.execute(
        select(CareTeamMember, Member)
        .join(Member, Member.id == CareTeamMember.member_id)
        .where(CareTeamMember.practice_id == practice_id, CareTeamMember.patient_id == patient_id)
        .order_by(CareTeamMember.is_primary.desc(), Member.name)
    )
    return [Place(member.brief, place.role, place.is_primary) for place, member in rows]


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
