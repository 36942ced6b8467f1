"""Who is told when a patient writes, and why somebody is not (ThoroughCare's care-team panel, C82)."""

from collections.abc import Collection
from datetime import datetime, time
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Uuid, and_, exists, func, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from triage.domain.patients import readers
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.following import PatientFollower
from triage.domain.patients.patient import Patient
from triage.domain.practice.member import Brief, Member, Notice
from triage.domain.practice.privileges import Messages, Role
from triage.domain.practice.program import ProgramRestriction
from triage.kit.bulk import Rows


class Told(NamedTuple):
    """Somebody of the panel. `why_not` is empty for whom a message of this patient would be told now."""

    brief: Brief
    role: str
    is_primary: bool
    is_follower: bool
    is_me: bool
    why_not: str


class Panel(NamedTuple):
    """`asks`: whoever looks has not said yet whether they want to be told; `follows`: they do, outside the team."""

    people: list[Told]
    is_in_team: bool
    asks: bool
    follows: bool


def panel_of(
    session: Session, patient: Patient, *, facility_id: UUID | None, to: Member, now: datetime
) -> Panel:
    """The care team and the followers; messages come to `facility_id`. One statement."""
    place, follower = aliased(CareTeamMember), aliased(PatientFollower)
    rows = session.execute(
        select(
            Member,
            Role,
            place.member_id.is_not(None).label("is_in_team"),
            place.role.label("part"),
            place.is_primary,
            follower.is_on,
            readers.within_walls(literal(patient.id, Uuid()), literal(facility_id, Uuid())).label("may_see"),
        )
        .join(Role, Role.id == Member.role_id)
        .outerjoin(place, and_(place.member_id == Member.id, place.patient_id == patient.id))
        .outerjoin(follower, and_(follower.member_id == Member.id, follower.patient_id == patient.id))
        .where(
            Member.practice_id == patient.practice_id,
            or_(place.member_id.is_not(None), follower.member_id.is_not(None)),
        )
        .order_by(place.is_primary.desc().nulls_last(), place.member_id.is_(None), func.lower(Member.name))
    ).all()
    wall_clock = now.astimezone(ZoneInfo(to.practice.time_zone)).time()
    mine = next((row for row in rows if row.Member.id == to.id), None)
    people = [
        Told(
            brief=row.Member.brief,
            role=row.part or "",
            is_primary=bool(row.is_primary),
            is_follower=not row.is_in_team,
            is_me=row.Member.id == to.id,
            why_not=why_not(row.Member, row.Role.messages, may_see=row.may_see, at=wall_clock),
        )
        for row in rows
        if row.is_in_team or row.is_on
    ]
    is_in_team = mine is not None and mine.is_in_team
    may_follow = to.messages is Messages.ALL and not is_in_team
    return Panel(
        people,
        is_in_team=is_in_team,
        asks=may_follow and mine is None,
        follows=may_follow and mine is not None and bool(mine.is_on),
    )


def why_not(member: Member, messages: Messages, *, may_see: bool, at: time) -> str:
    """Pure. Why a message of one of their patients would not be told to this member, at this time of the day."""
    if not member.is_active:
        return "no longer works here"
    if messages is Messages.NONE:
        return "may not read messages"
    if not may_see:
        return "may not see this patient"
    if not member.is_told_of_messages:
        return "notices are off"
    covers = {Notice.ALL, Notice.PATIENTS} & {member.notify_sound, member.notify_popup}
    if messages is Messages.ASSIGNED or not covers:
        return "only assigned messages"
    if member.is_away:
        return "away"
    return "quiet hours" if is_quiet(member, at) else ""


def is_quiet(member: Member, at: time) -> bool:
    """Pure. Between the two times, which may lie on both sides of midnight."""
    since, until = member.quiet_from, member.quiet_until
    if since is None or until is None:
        return False
    return since <= at < until if since < until else at >= since or at < until


class Listeners(NamedTuple):
    """Who may hear of a text beside its assignees: whose patient it is about, and who sees all behind a wall."""

    patients_of: set[UUID]
    seers: set[UUID]


NOBODY = Listeners(set(), set())

_TEXTED = Rows("texted", {"id": Uuid(), "practice_id": Uuid(), "patient_id": Uuid(), "facility_id": Uuid()})
_texted = _TEXTED.table.c
_follows = and_(PatientFollower.patient_id == _texted.patient_id, PatientFollower.is_on)
_is_walled = or_(
    Role.own_facilities_only,
    exists().where(ProgramRestriction.member_id == Member.id).correlate(Member),
)


def _who(notice: Notice) -> ColumnElement[bool]:
    return and_(
        Member.is_active,
        Role.messages == Messages.ALL,
        or_(Member.notify_sound == notice, Member.notify_popup == notice),
    )


def _near(theirs: ColumnElement[bool], table: Any) -> Select[Any]:
    return (
        select(_texted.id, Member.id.label("member_id"), literal(True).label("is_theirs"))
        .select_from(_TEXTED.table)
        .join(table, theirs)
        .join(Member, Member.id == table.member_id)
        .join(Role, Role.id == Member.role_id)
        .where(_who(Notice.PATIENTS), readers.within_walls(_texted.patient_id, _texted.facility_id))
    )


# Whoever sees everything hears everything; behind a wall the listener has to be named.
_LISTENERS = union(
    _near(CareTeamMember.patient_id == _texted.patient_id, CareTeamMember),
    _near(_follows, PatientFollower),
    select(_texted.id, Member.id, literal(False))
    .select_from(_TEXTED.table)
    .join(Member, Member.practice_id == _texted.practice_id)
    .join(Role, Role.id == Member.role_id)
    .where(_who(Notice.ALL), _is_walled, readers.within_walls(_texted.patient_id, _texted.facility_id)),
)


def has_listeners(practice_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether somebody of the practice has to be looked for when a patient writes."""
    listens = or_(
        _who(Notice.PATIENTS),
        and_(_who(Notice.ALL), _is_walled),
    )
    return (
        exists()
        .where(Member.practice_id == practice_id, Role.id == Member.role_id, listens)
        .correlate_except(Member, Role, ProgramRestriction)
    )


class Texted(Protocol):
    """A conversation that a patient has written in."""

    @property
    def id(self) -> UUID: ...
    @property
    def practice_id(self) -> UUID: ...
    @property
    def patient_id(self) -> UUID | None: ...
    @property
    def facility_id(self) -> UUID | None: ...


def listeners(session: Session, conversations: Collection[Texted]) -> dict[UUID, Listeners]:
    """By conversation; one statement for all of them, and none for none."""
    found: dict[UUID, Listeners] = {}
    if not conversations:
        return found
    texted = ((one.id, one.practice_id, one.patient_id, one.facility_id) for one in conversations)
    for row in session.execute(_LISTENERS, _TEXTED.given(texted)):
        heard = found.setdefault(row[0], Listeners(set(), set()))
        (heard.patients_of if row[2] else heard.seers).add(row[1])
    return found
