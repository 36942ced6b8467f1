"""What one row of a list shows, gathered for a whole page at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from triage.domain.conversations import asking_out, drafts, reading, unanswered
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import folders, marking, searching, stars
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.searching import Sought
from triage.domain.inbox.task import OPEN, Assignment, State, Task, TaskMessage
from triage.domain.patients import consent
from triage.domain.patients.phones import Identity, Known, Phone, identities, narrowed
from triage.domain.practice.member import Brief, Member, briefs
from triage.domain.practice.practice import Facility, UnreadBadge
from triage.kit import phone as phone_format

MOST_TAGS = 3


class Tag(NamedTuple):
    """`tone` is danger, warn, ok or neutral."""

    text: str
    tone: str


class Row(NamedTuple):
    """One line of a folder. `message_id` is set where the row stands for a message, not for a task.

    `has_draft`: the member who looks has begun to write there. `is_unread` says that nobody has opened it, and
    `is_unread_by_me` that this member has not, each where the practice wants it shown.
    """

    task_id: UUID | None
    conversation_id: UUID
    version: int
    state: str | None
    name: str
    number_label: str
    is_unread: bool
    is_unread_by_me: bool
    is_starred: bool
    star_message_id: UUID | None
    waiting_since: datetime
    overdue_for: timedelta | None
    snippet: str
    prefix: str
    tags: tuple[Tag, ...]
    assignees: tuple[Brief, ...]
    is_mine: bool
    closed_by: Brief | None
    closed_at: datetime | None
    facility_name: str | None
    message_id: UUID | None = None
    has_draft: bool = False
    body: str = ""


class _Around(NamedTuple):
    """What the rows of one page share: names, people, stars."""

    identities: dict[UUID, Identity]
    people: dict[UUID, Brief]
    assignees: dict[UUID, list[UUID]]
    starred: set[UUID]
    read_until: dict[UUID, datetime]
    failed: set[UUID]
    drafted: set[UUID]
    asking_out: set[UUID]


def rows_of(
    session: Session,
    member: Member,
    listing: folders.Listing,
    *,
    now: datetime,
    sought: Sought | None = None,
) -> list[Row]:
    """The rows of one page, in its order; with a search, each shows the words that were found in it."""
    if not listing.ids:
        return []
    if listing.is_of_messages:
        found = _message_rows(session, member, listing.ids, now=now)
        return [_excerpted(row, {}, sought) for row in found] if sought else found
    found = task_rows(session, member, listing.ids, now=now)
    if sought is None:
        return found
    bodies = searching.excerpts(session, member, sought, {row.conversation_id for row in found})
    return [_excerpted(row, bodies, sought) for row in found]


def _excerpted(row: Row, bodies: dict[UUID, str], sought: Sought) -> Row:
    body = bodies.get(row.conversation_id) if row.message_id is None else row.body
    return row._replace(snippet=marking.excerpt(body, sought.words)) if body else row


def task_rows(session: Session, member: Member, ids: Sequence[UUID], *, now: datetime) -> list[Row]:
    """Rows of these tasks as far as the member may see them, in the order of `ids`."""
    last = aliased(Message)
    found = session.execute(
        visible_tasks(member)
        .where(Task.id.in_(ids))
        .join(Conversation, Conversation.id == Task.conversation_id)
        .join(Phone, Phone.id == Conversation.phone_id)
        .join(last, last.id == Task.last_message_id)
        .outerjoin(Facility, Facility.id == Task.facility_id)
        .with_only_columns(Task, Conversation, Phone, last, Facility.name)
    ).all()
    around = _around(
        session,
        member,
        phone_ids={row[2].id for row in found},
        task_ids={row[0].id for row in found},
        people={row[0].closed_by_id for row in found},
        message_ids={row[3].id for row in found},
        conversation_ids={row[1].id for row in found},
    )
    rows = {row[0].id: _task_row(member, *row, around=around, now=now) for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


def _task_row(
    member: Member,
    task: Task,
    conversation: Conversation,
    phone: Phone,
    last: Message,
    facility_name: str | None,
    *,
    around: _Around,
    now: datetime,
) -> Row:
    identity = narrowed(around.identities[phone.id], conversation.chosen_patient_id)
    number = phone_format.for_people(phone.number, member.practice.region)
    assignees = tuple(around.people[id_] for id_ in around.assignees.get(task.id, ()))
    has_failed = task.state in OPEN and conversation.id in around.failed
    overdue = overdue_for(member, task, now, has_failed=has_failed)
    badge = member.practice.unread_badge
    return Row(
        task_id=task.id,
        conversation_id=conversation.id,
        version=task.version,
        state=task.state.value,
        name=identity.name or number,
        number_label=number,
        is_unread=badge is not UnreadBadge.MEMBER and conversation.unread_since is not None,
        is_unread_by_me=badge is not UnreadBadge.SHARED and _is_unread_by(member, conversation, around),
        is_starred=last.id in around.starred,
        star_message_id=last.id,
        waiting_since=task.waiting_since,
        overdue_for=overdue,
        snippet=_snippet(last),
        prefix=_prefix(last, member),
        tags=tags_for(
            task,
            identity,
            phone,
            last,
            overdue,
            has_failed=has_failed,
            asks_out=phone.id in around.asking_out,
            is_nobody=conversation.is_nobody,
        )[:MOST_TAGS],
        assignees=assignees,
        is_mine=any(brief.id == member.id for brief in assignees),
        closed_by=around.people.get(task.closed_by_id) if task.closed_by_id else None,
        closed_at=task.closed_at,
        facility_name=facility_name,
        has_draft=conversation.id in around.drafted and task.closed_at is None,
    )


def tags_for(
    task: Task,
    identity: Identity,
    phone: Phone,
    last: Message,
    overdue: timedelta | None,
    *,
    has_failed: bool = False,
    asks_out: bool = False,
    is_nobody: bool = False,
) -> tuple[Tag, ...]:
    """What a reader must know before opening the row, the gravest first."""
    tags: list[Tag] = []
    if overdue is not None:
        tags.append(Tag("Overdue", "danger"))
    if has_failed:
        tags.append(Tag("Not delivered", "danger"))
    if phone.opted_out_at is not None:
        is_held = phone.opted_out_how in consent.HELD_BY_CARRIER
        tags.append(Tag("STOP received" if is_held else "Opted out", "danger"))
    if asks_out:
        tags.append(Tag("Possible opt-out", "warn"))
    tags.extend(_who(identity, is_nobody=is_nobody))
    if last.media:
        count = len(last.media)
        tags.append(Tag("1 photo" if count == 1 else f"{count} photos", "neutral"))
    if task.state in OPEN and task.answered_at is not None and not has_failed:
        tags.append(Tag("Answered", "ok"))
    if task.state is State.PENDING:
        tags.append(Tag("Unassigned", "neutral"))
    return tuple(tags)


def _who(identity: Identity, *, is_nobody: bool) -> Iterator[Tag]:
    """Whom it may be about, where the name of the row does not say."""
    if identity.known is Known.UNKNOWN:
        yield Tag("Not a patient", "neutral") if is_nobody else Tag("Unknown number", "warn")
    elif identity.patient_id is None:
        patients = len({person.patient_id for person in identity.people})
        yield Tag(f"{patients} possible patients", "warn")
    elif identity.has_several:
        chosen = next(one for one in identity.people if one.patient_id == identity.patient_id)
        yield Tag(f"For {chosen.patient_name}", "neutral")


def _message_rows(session: Session, member: Member, ids: Sequence[UUID], *, now: datetime) -> list[Row]:
    found = session.execute(
        visible_messages(member)
        .where(Message.id.in_(ids))
        .join(Phone, Phone.id == Conversation.phone_id)
        .outerjoin(OutboundText, OutboundText.message_id == Message.id)
        .outerjoin(TaskMessage, TaskMessage.message_id == Message.id)
        .outerjoin(Facility, Facility.id == Conversation.facility_id)
        .with_only_columns(Message, Conversation, Phone, OutboundText, TaskMessage.task_id, Facility.name)
    ).all()
    around = _around(
        session,
        member,
        phone_ids={row[2].id for row in found},
        task_ids=set(),
        people=set(),
        message_ids={row[0].id for row in found},
        conversation_ids={row[1].id for row in found},
    )
    rows = {row[0].id: _message_row(member, *row, around=around) for row in found}
    return [rows[id_] for id_ in ids if id_ in rows]


def _message_row(
    member: Member,
    message: Message,
    conversation: Conversation,
    phone: Phone,
    outbound: OutboundText | None,
    task_id: UUID | None,
    facility_name: str | None,
    *,
    around: _Around,
) -> Row:
    number = phone_format.for_people(phone.number, member.practice.region)
    failed = outbound is not None and (outbound.is_failed or outbound.state.value == "needs_person")
    return Row(
        task_id=task_id,
        conversation_id=conversation.id,
        version=0,
        state=None,
        name=around.identities[phone.id].name or number,
        number_label=number,
        is_unread=False,
        is_unread_by_me=False,
        is_starred=message.id in around.starred,
        star_message_id=message.id,
        waiting_since=message.at,
        overdue_for=None,
        snippet=_snippet(message),
        prefix=_prefix(message, member),
        tags=(Tag("Not delivered", "danger"),) if failed else (),
        assignees=(),
        is_mine=False,
        closed_by=None,
        closed_at=None,
        facility_name=facility_name,
        message_id=message.id,
        has_draft=conversation.id in around.drafted,
        body=message.body,
    )


def _around(
    session: Session,
    member: Member,
    *,
    phone_ids: set[UUID],
    task_ids: set[UUID],
    people: set[Any],
    message_ids: set[UUID],
    conversation_ids: set[UUID],
) -> _Around:
    assignees = open_assignees(session, task_ids)
    wanted = {id_ for ids in assignees.values() for id_ in ids} | {id_ for id_ in people if id_}
    return _Around(
        identities=identities(session, phone_ids),
        people=briefs(session, member.practice_id, wanted),
        assignees=assignees,
        starred=stars.starred_of(session, member, message_ids),
        read_until=_read_until(session, member, conversation_ids),
        failed=unanswered.failed_among(session, member.practice_id, conversation_ids),
        drafted=drafts.drafted_among(session, member, conversation_ids),
        asking_out=asking_out.among(session, member.practice_id, phone_ids),
    )


_OPEN_ASSIGNEES = (
    select(Assignment.task_id, Assignment.member_id)
    .join(Task, Task.id == Assignment.task_id)
    .where(
        Assignment.task_id == func.any(bindparam("task_ids", type_=ARRAY(Uuid))),
        Assignment.ended_at.is_(None),
    )
    .order_by(Assignment.member_id != Task.owner_id, Assignment.assigned_at, Assignment.id)
)


def open_assignees(session: Session, task_ids: set[UUID]) -> dict[UUID, list[UUID]]:
    """Who has each of these tasks now, the owner first."""
    if not task_ids:
        return {}
    who: dict[UUID, list[UUID]] = {}
    for row in session.execute(_OPEN_ASSIGNEES, {"task_ids": list(task_ids)}):
        who.setdefault(row.task_id, []).append(row.member_id)
    return who


def _read_until(session: Session, member: Member, conversation_ids: set[UUID]) -> dict[UUID, datetime]:
    """Asked only where the practice shows each member what they have not seen."""
    if member.practice.unread_badge is UnreadBadge.SHARED:
        return {}
    return reading.read_until(session, member, conversation_ids)


def _is_unread_by(member: Member, conversation: Conversation, around: _Around) -> bool:
    last = conversation.last_inbound_at
    read_until = around.read_until.get(conversation.id, member.created_at)
    return conversation.unread_since is not None or (last is not None and read_until < last)


def overdue_for(member: Member, task: Task, now: datetime, *, has_failed: bool) -> timedelta | None:
    """How long past its time an open task is; an answer that failed is no answer."""
    if task.state not in OPEN or (task.answered_at is not None and not has_failed):
        return None
    late = now - task.waiting_since - folders.overdue_after(member)
    return late if late > timedelta(0) else None


def _snippet(message: Message) -> str:
    return " ".join(message.body.split())[: marking.SNIPPET]


def _prefix(message: Message, member: Member) -> str:
    if message.direction is Direction.OUT:
        return "You:" if message.sent_by_id == member.id else ""
    if message.body.strip():
        return ""
    return "Photo" if message.media else "(no text)"
