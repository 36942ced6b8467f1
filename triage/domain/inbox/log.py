"""Everything that was written with a patient: all numbers, contacts and practice numbers in one list, newest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, tuple_
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.task import Task, TaskMessage
from triage.domain.inbox.thread import Delivery, delivery_of
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Identity, Known, Phone, PhoneUse, identities
from triage.domain.practice.member import Brief, Member, briefs
from triage.domain.practice.practice import PracticeNumber
from triage.kit.paging import Mark, read_cursor

PAGE_SIZE = 50
# Above every id, so that a mark with it stands behind the message of that moment.
_LAST = UUID(int=(1 << 128) - 1)


class Line(NamedTuple):
    """One message. `person` is who holds the number now, None where that is nobody or several.

    `is_shared`: it is open which of those who share the number it concerns. `place` is the cursor with which the
    thread ends at this message; None where the newest page of the thread holds it.
    """

    id: UUID
    at: datetime
    is_from_us: bool
    is_automatic: bool
    body: str
    files: int
    number: str
    person: str | None
    is_shared: bool
    is_former: bool
    practice_number: str
    sender: Brief | None
    delivery: Delivery | None
    state: str | None
    task_id: UUID | None
    conversation_id: UUID
    place: str | None


class Log(NamedTuple):
    """`older` is the cursor of the next page."""

    lines: list[Line]
    older: str | None


def read_log(session: Session, member: Member, patient: Patient, *, before: str | None = None) -> Log:
    """A page of what the member may see of it. Raises `Invalid` for a cursor that is none."""
    query = (
        visible_messages(member)
        .where(_of(patient))
        .join(Phone, Phone.id == Conversation.phone_id)
        .join(PracticeNumber, PracticeNumber.id == Conversation.practice_number_id)
        .with_only_columns(Message, Conversation, Phone, PracticeNumber.label)
        .order_by(Message.at.desc(), Message.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if before:
        mark = read_cursor(before)
        query = query.where(tuple_(Message.at, Message.id) < tuple_(mark.at, mark.id))
    rows = session.execute(query).all()
    found = [(row[0], row[1], row[2], row[3]) for row in rows[:PAGE_SIZE]]
    last = found[-1][0] if len(rows) > PAGE_SIZE else None
    older = Mark(last.at, last.id).as_cursor() if last else None
    return Log(_lines(session, member, patient, found, is_newest=before is None), older)


def _of(patient: Patient) -> ColumnElement[bool]:
    """What concerns the patient, and what came from or went to a number of theirs while it is open whom it concerns."""
    theirs = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == patient.practice_id,
        PhoneUse.patient_id == patient.id,
        or_(PhoneUse.ended_at.is_(None), PhoneUse.ended_at >= Message.at),
    )
    return or_(
        Message.patient_id == patient.id,
        and_(Message.patient_id.is_(None), Conversation.phone_id.in_(theirs)),
    )


Found = tuple[Message, Conversation, Phone, str]


def _lines(
    session: Session, member: Member, patient: Patient, found: Sequence[Found], *, is_newest: bool
) -> list[Line]:
    ids = [message.id for message, _, _, _ in found]
    known = identities(session, {phone.id for _, _, phone, _ in found})
    current = _current(session, patient)
    outbound = _outbound(session, member, ids)
    tasks = _tasks(session, member, ids)
    senders = briefs(session, member.practice_id, {one[0].sent_by_id for one in found if one[0].sent_by_id})
    return [
        _line(
            message,
            conversation,
            phone,
            label,
            identity=known[phone.id],
            is_former=phone.id not in current,
            sender=senders.get(message.sent_by_id) if message.sent_by_id else None,
            outbound=outbound.get(message.id),
            task=tasks.get(message.id),
            is_near=is_newest and conversation.patient_id == patient.id,
        )
        for message, conversation, phone, label in found
    ]


def _line(
    message: Message,
    conversation: Conversation,
    phone: Phone,
    label: str,
    *,
    identity: Identity,
    is_former: bool,
    sender: Brief | None,
    outbound: OutboundText | None,
    task: Task | None,
    is_near: bool,
) -> Line:
    return Line(
        id=message.id,
        at=message.at,
        is_from_us=message.direction is Direction.OUT,
        is_automatic=message.is_automatic,
        body=message.body,
        files=len(message.media),
        number=phone.number,
        person=None if is_former else identity.name,
        is_shared=message.patient_id is None and identity.known is Known.SHARED,
        is_former=is_former,
        practice_number=label,
        sender=sender,
        delivery=delivery_of(outbound) if outbound else None,
        state=task.state.value if task else None,
        task_id=task.id if task else None,
        conversation_id=conversation.id,
        place=None if is_near else Mark(message.at, _LAST).as_cursor(),
    )


def _current(session: Session, patient: Patient) -> set[UUID]:
    """Numbers at which the patient, or somebody about the patient, is reached now."""
    query = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == patient.practice_id,
        PhoneUse.patient_id == patient.id,
        PhoneUse.ended_at.is_(None),
    )
    return set(session.scalars(query))


def _outbound(session: Session, member: Member, ids: Iterable[UUID]) -> dict[UUID, OutboundText]:
    query = select(OutboundText).where(
        OutboundText.practice_id == member.practice_id, OutboundText.message_id.in_(list(ids))
    )
    return {text.message_id: text for text in session.scalars(query)}


def _tasks(session: Session, member: Member, ids: Iterable[UUID]) -> dict[UUID, Task]:
    """The task of each incoming text, where the member may see it."""
    query = (
        visible_tasks(member)
        .join(TaskMessage, TaskMessage.task_id == Task.id)
        .where(TaskMessage.message_id.in_(list(ids)))
        .with_only_columns(TaskMessage.message_id, Task)
    )
    return {row[0]: row[1] for row in session.execute(query)}
