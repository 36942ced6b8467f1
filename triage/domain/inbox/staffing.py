"""Changing members and roles, with what it means for the open tasks of those who lose something."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.access import tokens
from triage.domain.inbox import scope, transitions
from triage.domain.inbox.task import Task
from triage.domain.practice import member as members
from triage.domain.practice import privileges, sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.practice import find_practice
from triage.domain.practice.privileges import Allowed, Messages, Role
from triage.kit import clock

# Shown as "Returned to the queue: ...".
LEFT = "its assignee left"
LOST_MESSAGES = "its assignee may no longer read messages"
OUT_OF_REACH = "its assignee may no longer see it"


class Wanted(NamedTuple):
    """A member as the form wants them."""

    login: str
    name: str
    role_id: UUID
    facility_ids: frozenset[UUID] = frozenset()
    program_ids: frozenset[UUID] = frozenset()
    is_active: bool = True
    is_away: bool = False
    email: str = ""


def add_member(
    session: Session, practice_id: UUID, wanted: Wanted, *, password: str | None, by: Member | None
) -> Member:
    """Without a password nobody can sign in: invite them. `by` is None in a command.

    Raises `Invalid`, naming the fields, and `NotFound` for a role of elsewhere.
    """
    now = clock.now(session)
    member = members.add_member(
        session,
        practice_id,
        login=wanted.login,
        name=wanted.name,
        role_id=wanted.role_id,
        password_hash=_hashed(password, wanted),
        email=wanted.email,
        now=now,
    )
    members.set_facilities(session, member, set(wanted.facility_ids))
    members.keep_out_of(session, member, set(wanted.program_ids))
    _record(session, member, by, now, ["added"])
    return member


def _hashed(password: str | None, wanted: Wanted) -> str | None:
    if password is None:
        return None
    return sign_in.hash_password(password, about=(wanted.login, wanted.name))


def change_member(session: Session, member: Member, wanted: Wanted, *, by: Member | None) -> int:
    """What the member can no longer have goes back to the queue; returns how many tasks did.

    Who left or lost all messages is signed out. Raises `Invalid`, `NotFound`.
    """
    now = clock.now(session)
    find_practice(session, member.practice_id, lock=True)
    before = Before(member.id, member.is_active, member.messages)
    was = as_is(session, member)
    members.change_member(
        session,
        member,
        login=wanted.login,
        name=wanted.name,
        role_id=wanted.role_id,
        is_active=wanted.is_active,
        is_away=wanted.is_away,
        email=wanted.email,
    )
    members.set_facilities(session, member, set(wanted.facility_ids))
    members.keep_out_of(session, member, set(wanted.program_ids))
    field = "role_id" if wanted.is_active else "is_active"
    members.refuse_without_administrator(session, member.practice_id, field)
    changed = [field for field in Wanted._fields if getattr(was, field) != getattr(wanted, field)]
    if "email" in changed:
        tokens.end_all(session, member, now=now)
    if changed:
        _record(session, member, by, now, changed)
    return _take_back(session, [before], now=now)


def switch_off(session: Session, member: Member, *, by: Member | None) -> int:
    """The member can no longer sign in; returns how many tasks went back. Raises `Invalid`. Safe to repeat."""
    now = clock.now(session)
    find_practice(session, member.practice_id, lock=True)
    before = Before(member.id, member.is_active, member.messages)
    member.is_active = False
    members.refuse_without_administrator(session, member.practice_id, "is_active")
    if before.was_active:
        _record(session, member, by, now, ["is_active"])
    return _take_back(session, [before], now=now)


def set_password(session: Session, member: Member, password: str, *, by: Member | None) -> None:
    """Ends every session of the member. Raises `Invalid`."""
    now = clock.now(session)
    sign_in.set_password(session, member, password, now=now)
    tokens.end_all(session, member, now=now)
    _record(session, member, by, now, ["password"])


def sign_out_everywhere(session: Session, member: Member, *, by: Member) -> None:
    """Safe to repeat."""
    now = clock.now(session)
    sign_in.end_all_sessions(session, member, now=now)
    _record(session, member, by, now, ["sessions"])


def save_role(
    session: Session, role: Role | None, *, name: str, messages: str, switches: set[str], by: Member
) -> tuple[Role, int]:
    """Change a role, or make one; returns it, and how many tasks its members had to give back.

    Raises `Invalid`, also where nobody could administer members any more.
    """
    now = clock.now(session)
    find_practice(session, by.practice_id, lock=True)
    held = _members_with(session, role) if role is not None else []
    before = _as_values(role)
    role = privileges.save_role(
        session, by.practice_id, role, name=name, messages=messages, switches=switches
    )
    members.refuse_without_administrator(session, by.practice_id, "privileges")
    changed = [field for field, value in _as_values(role).items() if before.get(field) != value]
    if changed:
        _record_role(session, role, by, now, changed)
    return role, _take_back(session, held, now=now)


def save_roles(session: Session, wanted: Mapping[UUID, Allowed], *, by: Member) -> tuple[int, int]:
    """Change what several roles allow at once; returns how many roles changed, and how many tasks went back.

    Raises `NotFound`, and `Invalid` where nobody could administer members any more.
    """
    now = clock.now(session)
    find_practice(session, by.practice_id, lock=True)
    roles = {
        role_id: privileges.find_role(session, by.practice_id, role_id, lock=True)
        for role_id in sorted(wanted)
    }
    present = {role_id: privileges.allowed_by(role) for role_id, role in roles.items()}
    fields: dict[UUID, list[str]] = {}
    for change in privileges.changes(present, wanted):
        fields.setdefault(change.role_id, []).append(change.switch or "messages")
    held = [before for role_id in fields for before in _members_with(session, roles[role_id])]
    for role_id, names in fields.items():
        role, (messages, switches) = roles[role_id], wanted[role_id]
        privileges.save_role(
            session, by.practice_id, role, name=role.name, messages=messages, switches=set(switches)
        )
        _record_role(session, role, by, now, names)
    members.refuse_without_administrator(session, by.practice_id, "")
    return len(fields), _take_back(session, held, now=now)


def remove_role(session: Session, role: Role, *, by: Member) -> None:
    """Raises `NotPossible` while somebody has it, and for the roles of the product."""
    now = clock.now(session)
    find_practice(session, by.practice_id, lock=True)
    privileges.remove_role(session, role, held_by=members.count_with_role(session, role))
    _record_role(session, role, by, now, ["removed"])


def _record_role(session: Session, role: Role, by: Member, now: datetime, fields: Iterable[str]) -> None:
    audit.record(
        session,
        by.practice_id,
        audit.Action.ROLE_CHANGED,
        by=by.id,
        at=now,
        subject_id=role.id,
        fields=", ".join(fields),
    )


class Before(NamedTuple):
    """A member before the change."""

    id: UUID
    was_active: bool
    messages: Messages


def _members_with(session: Session, role: Role) -> list[Before]:
    held = select(Member.id, Member.is_active).where(
        Member.practice_id == role.practice_id, Member.role_id == role.id
    )
    rows = session.execute(held.order_by(Member.id))
    return [Before(row.id, row.is_active, role.messages) for row in rows]


def _as_values(role: Role | None) -> dict[str, object]:
    if role is None:
        return {}
    return {field: getattr(role, field) for field in ("name", "messages", *privileges.SWITCHES)}


def _take_back(session: Session, changed: Iterable[Before], *, now: datetime) -> int:
    return sum(_take_back_from(session, before, now=now) for before in changed)


def _take_back_from(session: Session, before: Before, *, now: datetime) -> int:
    session.flush()
    member = members.load_member(session, before.id)
    assert member is not None
    has_left = before.was_active and not member.is_active
    has_messages = member.messages is not Messages.NONE
    if has_left or (not has_messages and before.messages is not Messages.NONE):
        sign_in.end_all_sessions(session, member, now=now)
    if not member.is_active or not has_messages:
        why = LOST_MESSAGES if member.is_active else LEFT
        return transitions.return_orphans(session, member, why=why)
    return return_out_of_reach(session, member)


def return_out_of_reach(session: Session, member: Member) -> int:
    """Walls of facilities and programs may have come between the member and some of their tasks."""
    if not member.role.own_facilities_only and not member.kept_out_of:
        return 0
    lost = [
        task
        for task in scope.open_tasks_with(session, member.practice_id, member.id)
        if not scope.can_be_given(session, member, task)
    ]
    for task in lost:
        transitions.hand_back(session, task, member.id, why=OUT_OF_REACH)
    return len(lost)


def return_unseen(session: Session, task: Task) -> None:
    """A wall may have come between the task and some of those who have it, because it is another patient's now."""
    for member_id in transitions.assignees_of(session, task):
        if task.id not in transitions.who_can_have_which(session, [task], member_id):
            transitions.hand_back(session, task, member_id, why=OUT_OF_REACH)


def as_is(session: Session, member: Member) -> Wanted:
    """The member as the form first shows them."""
    return Wanted(
        login=member.login,
        name=member.name,
        role_id=member.role_id,
        facility_ids=members.facility_ids_of(session, member),
        program_ids=members.kept_out_of_ids(session, member),
        is_active=member.is_active,
        is_away=member.is_away,
        email=member.email or "",
    )


def _record(
    session: Session, member: Member, by: Member | None, now: datetime, fields: Iterable[str]
) -> None:
    """Names of fields only: values identify people."""
    audit.record(
        session,
        member.practice_id,
        audit.Action.MEMBER_CHANGED,
        by=by.id if by else None,
        at=now,
        subject_id=member.id,
        fields=", ".join(fields),
    )
