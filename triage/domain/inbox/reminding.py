"""Reminders of what a patient wrote and nobody has opened for a day (ThoroughCare's "Unread Message Reminder", C85)."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Select,
    Time,
    and_,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.conversations.reading import MemberReading
from triage.domain.inbox.scope import visible_tasks
from triage.domain.inbox.task import Assignment, Task, is_open
from triage.domain.patients import readers
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.following import PatientFollower
from triage.domain.practice.member import Member, Notice
from triage.domain.practice.practice import Practice, UnreadBadge
from triage.domain.practice.privileges import Messages, Role
from triage.kit import clock, db, live

UNREAD_FOR = timedelta(hours=24)
# More than anybody reads; the rest comes with the next tick.
MOST_AT_ONCE = 2000


class UnreadReminder(db.Base):
    """When a member was last reminded of a conversation."""

    __tablename__ = "unread_reminder"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        db.within_practice("conversation_id", "conversation"),
        Index("ix_unread_reminder_conversation", "practice_id", "conversation_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    reminded_at: Mapped[datetime]


def remind(session: Session) -> int:
    """Remind everybody who wants that, once until they have looked; returns how many reminders. Safe to repeat."""
    now = clock.now(session)
    told = session.execute(_REMIND, {"now": now, "before": now - UNREAD_FOR}).all()
    members = Counter((row.practice_id, row.member_id) for row in told)
    for (practice_id, member_id), count in members.items():
        live.announce_alone(session, practice_id, "reminder", to=member_id, count=count)
    return len(told)


def still_unread(member: Member) -> Select[Any]:
    """Open tasks that this member was reminded of and has not looked at since."""
    reminded = (
        visible_tasks(member).where(is_open()).join(Conversation, Conversation.id == Task.conversation_id)
    )
    reminded = reminded.join(
        UnreadReminder,
        and_(UnreadReminder.conversation_id == Conversation.id, UnreadReminder.member_id == member.id),
    )
    if member.practice.unread_badge is UnreadBadge.SHARED:
        return reminded.where(UnreadReminder.reminded_at > Conversation.unread_since)
    looked = exists().where(
        MemberReading.member_id == member.id,
        MemberReading.conversation_id == Conversation.id,
        MemberReading.read_until >= UnreadReminder.reminded_at,
    )
    return reminded.where(reading.unread_by(member), ~looked.correlate(Conversation, UnreadReminder))


_now, _before = (bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "before"))
_is_shared = Practice.unread_badge == UnreadBadge.SHARED
_read_until = func.coalesce(MemberReading.read_until, Member.created_at)


def _wants(notice: Notice) -> ColumnElement[bool]:
    return or_(Member.notify_sound == notice, Member.notify_popup == notice)


def _is_concerned() -> ColumnElement[bool]:
    """Whom a text of this task would have been told: the scope of the member's own setting."""
    is_assigned = exists().where(
        Assignment.task_id == Task.id, Assignment.member_id == Member.id, Assignment.ended_at.is_(None)
    )
    in_team = exists().where(
        CareTeamMember.patient_id == Task.patient_id, CareTeamMember.member_id == Member.id
    )
    follows = exists().where(
        PatientFollower.patient_id == Task.patient_id,
        PatientFollower.member_id == Member.id,
        PatientFollower.is_on,
    )
    sees_more = or_(_wants(Notice.ALL), and_(_wants(Notice.PATIENTS), or_(in_team, follows)))
    return or_(is_assigned, and_(Role.messages == Messages.ALL, sees_more))


def _is_there() -> ColumnElement[bool]:
    """Works here, is not away, and it is not their quiet time: then it waits until it is over."""
    clock_there = cast(func.timezone(Practice.time_zone, _now), Time)
    since, until = Member.quiet_from, Member.quiet_until
    is_quiet = or_(
        and_(since < until, clock_there >= since, clock_there < until),
        and_(since > until, or_(clock_there >= since, clock_there < until)),
    )
    return and_(
        Member.is_active,
        ~Member.is_away,
        Member.notify_unread,
        Role.messages != Messages.NONE,
        func.coalesce(~is_quiet, True),
    )


def _is_unread_for_long() -> ColumnElement[bool]:
    """As the badges of the practice count: by nobody, or not by this member."""
    unseen = exists().where(
        Message.conversation_id == Conversation.id,
        Message.direction == Direction.IN,
        Message.at > _read_until,
        Message.at <= _before,
    )
    return or_(
        Conversation.unread_since <= _before,
        and_(~_is_shared, unseen.correlate(Conversation, MemberReading, Member)),
    )


def _is_told_already() -> ColumnElement[bool]:
    return and_(
        UnreadReminder.reminded_at.is_not(None),
        or_(
            and_(_is_shared, UnreadReminder.reminded_at > Conversation.unread_since),
            and_(~_is_shared, UnreadReminder.reminded_at > _read_until),
        ),
    )


def _of_member(table: Any) -> ColumnElement[bool]:
    return and_(table.member_id == Member.id, table.conversation_id == Conversation.id)


_due = (
    select(Member.practice_id, Member.id.label("member_id"), Conversation.id.label("conversation_id"), _now)
    .distinct()
    .join(Role, Role.id == Member.role_id)
    .join(Practice, Practice.id == Member.practice_id)
    .join(Task, and_(Task.practice_id == Practice.id, is_open()))
    .join(Conversation, Conversation.id == Task.conversation_id)
    .outerjoin(MemberReading, _of_member(MemberReading))
    .outerjoin(UnreadReminder, _of_member(UnreadReminder))
    .where(
        _is_there(),
        Conversation.last_inbound_at > Member.created_at,
        _is_unread_for_long(),
        ~func.coalesce(_is_told_already(), False),
        _is_concerned().self_group(),
        readers.within_walls(Task.patient_id.expression, Task.facility_id.expression),
    )
    .limit(MOST_AT_ONCE)
)
_reminders = db.Base.metadata.tables["unread_reminder"]
_REMIND = (
    insert(_reminders)
    .from_select(["practice_id", "member_id", "conversation_id", "reminded_at"], _due)
    .on_conflict_do_update(index_elements=["member_id", "conversation_id"], set_={"reminded_at": _now})
    .returning(_reminders.c.practice_id, _reminders.c.member_id)
)
