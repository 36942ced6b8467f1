"""What narrows a folder: place, people, kind of text, days, words; and the order of its rows."""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, or_
from sqlalchemy.orm import aliased

from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import searching
from triage.domain.inbox.searching import Sought
from triage.domain.inbox.task import Assignment, Task, TaskMessage, is_open
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import PhoneUse
from triage.domain.practice.member import Member


class Sort(StrEnum):
    OLDEST = "oldest"
    NEWEST = "newest"


class Filters(NamedTuple):
    """`since` and `until` bound the time that a row shows; `until` itself is outside."""

    facility_id: UUID | None = None
    assignee_id: UUID | None = None
    practice_number_id: UUID | None = None
    language: str | None = None
    has_media: bool = False
    is_unread_only: bool = False
    since: datetime | None = None
    until: datetime | None = None
    sought: Sought | None = None
    sort: Sort | None = None


def narrow(
    query: Select[Any], member: Member, filters: Filters, at: ColumnElement[Any], *, of_messages: bool
) -> Select[Any]:
    """The rows of `query`, tasks or messages joined to their conversation, that pass; `at` is their time."""
    if filters.since:
        query = query.where(at >= filters.since)
    if filters.until:
        query = query.where(at < filters.until)
    if of_messages:
        return query.where(*_of_messages(member, filters), *_of_conversations(member, filters))
    in_conversation = _of_conversations(member, filters)
    if in_conversation:
        query = query.join(Conversation, Conversation.id == Task.conversation_id)
    return query.where(*_of_tasks(member, filters), *in_conversation)


def _of_tasks(member: Member, filters: Filters) -> list[ColumnElement[bool]]:
    passes: list[ColumnElement[bool]] = []
    if filters.facility_id:
        passes.append(Task.facility_id == filters.facility_id)
    if filters.assignee_id:
        passes.append(_is_with(filters.assignee_id))
    if filters.has_media:
        came_with = exists().where(TaskMessage.task_id == Task.id, Message.id == TaskMessage.message_id)
        passes.append(came_with.where(_has_media()))
    if filters.sought:
        passes.append(Task.id.in_(searching.tasks_with(member, filters.sought)))
    return passes


def _of_messages(member: Member, filters: Filters) -> list[ColumnElement[bool]]:
    passes: list[ColumnElement[bool]] = []
    if filters.facility_id:
        passes.append(Conversation.facility_id == filters.facility_id)
    if filters.assignee_id:
        theirs = and_(Task.conversation_id == Message.conversation_id, is_open())
        passes.append(exists().where(theirs, _is_with(filters.assignee_id)).correlate(Message))
    if filters.has_media:
        passes.append(_has_media())
    if filters.sought:
        passes.append(searching.is_message_with(member, filters.sought))
    return passes


def _of_conversations(member: Member, filters: Filters) -> list[ColumnElement[bool]]:
    passes: list[ColumnElement[bool]] = []
    if filters.practice_number_id:
        passes.append(Conversation.practice_number_id == filters.practice_number_id)
    if filters.is_unread_only:
        passes.append(reading.is_unread(member))
    if filters.language:
        use = aliased(PhoneUse)
        passes.append(
            exists()
            .where(use.phone_id == Conversation.phone_id, use.ended_at.is_(None))
            .where(Patient.id == use.patient_id, Patient.language == filters.language)
            .correlate(Conversation)
        )
    return passes


def _is_with(member_id: UUID) -> ColumnElement[bool]:
    """Assigned to this member now, or, of a closed task, when it was closed."""
    return (
        exists()
        .where(Assignment.task_id == Task.id, Assignment.member_id == member_id)
        .where(or_(Assignment.ended_at.is_(None), Assignment.ended_at >= Task.closed_at))
        .correlate(Task)
    )


def _has_media() -> ColumnElement[bool]:
    return func.jsonb_array_length(Message.media) > literal_column("0")
