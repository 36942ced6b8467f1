"""A patient's thread as pages show it: messages, days, and events that say why.

It is a scoped view over all of the patient's conversations, or over one where the number is unknown or shared.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from triage.domain.conversations import failures
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import choices, stars
from triage.domain.inbox.choices import Said, Told
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.task import Move, Task, TaskEvent, TaskMessage
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.phones import Identity, PhoneUse
from triage.domain.practice.member import Brief, Member, briefs, initials_of
from triage.domain.practice.practice import PracticeNumber
from triage.kit.paging import Mark, read_cursor

PAGE_SIZE = 50
LEAST_SHOWN = 6
# Messages of one sender within this time share a line of meta data.
GROUPED_WITHIN = timedelta(minutes=5)


class Day(NamedTuple):
    on: date
    kind: str = "day"


class NewRule(NamedTuple):
    kind: str = "new"


class Note(NamedTuple):
    """An event in the thread; `text` says what happened and why."""

    at: datetime
    icon: str
    text: str
    kind: str = "note"


class Media(NamedTuple):
    index: int  # type: ignore[assignment]  # nobody asks a picture for a tuple's index
    content_type: str


class Delivery(NamedTuple):
    """How far an outgoing text got, in words. `needs_decision`: it may or may not have been sent."""

    word: str
    icon: str
    tone: str
    detail: str
    advice: str
    code: int | None
    can_resend: bool
    can_dismiss: bool
    needs_decision: bool


class TaskMark(NamedTuple):
    id: UUID
    state: str
    since: datetime
    closed_by: Brief | None
    closed_at: datetime | None


class Bubble(NamedTuple):
    id: UUID
    direction: str
    body: str
    at: datetime
    sender: Brief | None
    initials: str
    is_automatic: bool
    is_starred: bool
    media: tuple[Media, ...]
    delivery: Delivery | None
    task: TaskMark | None
    shows_meta: bool
    practice_number: str | None
    kind: str = "bubble"


class Folded(NamedTuple):
    """Automatic texts in a row: nobody of the practice wrote them, so they take one line."""

    id: UUID
    at: datetime
    bubbles: tuple[Bubble, ...]
    kind: str = "folded"


Entry = Day | NewRule | Note | Bubble | Folded


class Thread(NamedTuple):
    """`earlier` counts what is not shown above; `before` is the cursor that loads it."""

    entries: list[Entry]
    earlier: int
    before: str | None
    newest_message_id: UUID | None


def read_thread(
    session: Session,
    member: Member,
    conversation: Conversation,
    identity: Identity,
    *,
    is_full: bool = False,
    before: str | None = None,
    of_patient: UUID | None = None,
) -> Thread:
    """The newest task's messages, or with `is_full` the newest fifty, or the fifty before a cursor.

    `of_patient` is somebody whose number this was: their texts are read where nobody writes to them any more.
    """
    belongs = _belongs(conversation, of_patient or _only_patient(identity))
    messages = _messages(session, member, belongs, before)
    has_more = len(messages) > PAGE_SIZE
    messages = messages[:PAGE_SIZE]
    if not is_full and before is None and of_patient is None:
        messages, has_more = _of_newest_task(session, member, conversation, messages, has_more)
    messages.reverse()
    earlier = _count_before(session, member, belongs, messages[0]) if has_more and messages else 0
    entries = _entries(session, member, conversation, identity, messages, is_page=before is not None)
    return Thread(
        entries=entries,
        earlier=earlier,
        before=Mark(messages[0].at, messages[0].id).as_cursor() if earlier else None,
        newest_message_id=newest_message_id(session, conversation),
    )


def newest_message_id(session: Session, conversation: Conversation) -> UUID | None:
    """What the composer has seen: a reply is refused when something newer came in the meantime."""
    return session.scalar(
        select(Message.id)
        .where(Message.conversation_id == conversation.id)
        .order_by(Message.at.desc(), Message.id.desc())
        .limit(1)
    )


def _only_patient(identity: Identity) -> UUID | None:
    """The one patient of a number; a number of several shows its own thread, whoever is chosen (Instinct, B66)."""
    patients = {person.patient_id for person in identity.people}
    return patients.pop() if len(patients) == 1 else None


def _belongs(conversation: Conversation, patient_id: UUID | None) -> ColumnElement[bool]:
    """The patient's texts on every number they have or had; of texts that are nobody's yet, those that can be
    nobody else's. Without a patient, the number's own thread."""
    if patient_id is None:
        return Conversation.id == conversation.id
    numbers = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == conversation.practice_id, PhoneUse.patient_id == patient_id
    )
    is_theirs = and_(Conversation.patient_id == patient_id, Conversation.chosen_patient_id.is_(None))
    if conversation.patient_id == patient_id:
        is_theirs = or_(is_theirs, Conversation.id == conversation.id)
    return and_(
        Conversation.practice_id == conversation.practice_id,
        Conversation.phone_id.in_(numbers),
        or_(Message.patient_id == patient_id, and_(Message.patient_id.is_(None), is_theirs)),
    )


def _messages(
    session: Session, member: Member, belongs: ColumnElement[bool], before: str | None
) -> list[Message]:
    query = visible_messages(member).where(belongs)
    if before:
        mark = read_cursor(before)
        query = query.where(tuple_(Message.at, Message.id) < tuple_(mark.at, mark.id))
    return list(session.scalars(query.order_by(Message.at.desc(), Message.id.desc()).limit(PAGE_SIZE + 1)))


def _of_newest_task(
    session: Session, member: Member, conversation: Conversation, newest_first: list[Message], has_more: bool
) -> tuple[list[Message], bool]:
    opened_at = session.scalar(
        select(func.max(Task.opened_at)).where(
            Task.id.in_(
                visible_tasks(member)
                .where(Task.conversation_id == conversation.id)
                .with_only_columns(Task.id)
            )
        )
    )
    if opened_at is None:
        return newest_first, has_more
    first = session.scalar(
        select(func.min(Message.at))
        .join(TaskMessage, TaskMessage.message_id == Message.id)
        .join(Task, Task.id == TaskMessage.task_id)
        .where(Task.conversation_id == conversation.id, Task.opened_at == opened_at)
    )
    since = min(opened_at, first) if first else opened_at
    shown = [m for place, m in enumerate(newest_first) if m.at >= since or place < LEAST_SHOWN]
    return shown, has_more or len(shown) < len(newest_first)


def _count_before(session: Session, member: Member, belongs: ColumnElement[bool], first: Message) -> int:
    some = (
        visible_messages(member)
        .where(belongs, tuple_(Message.at, Message.id) < tuple_(first.at, first.id))
        .with_only_columns(Message.id)
        .limit(1000)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def _entries(
    session: Session,
    member: Member,
    conversation: Conversation,
    identity: Identity,
    messages: Sequence[Message],
    *,
    is_page: bool,
) -> list[Entry]:
    if not messages:
        return []
    conversation_ids = {message.conversation_id for message in messages} | {conversation.id}
    events = _events(session, member, conversation_ids, messages[0].at)
    marks = _marks(session, member, [m.id for m in messages])
    told = choices.told(session, member, conversation, messages[0].at)
    wanted = _people(messages, events, marks) | {one.member_id for one in told}
    people = briefs(session, member.practice_id, wanted)
    bubbles = _bubbles(session, member, identity, messages, people, marks, len(conversation_ids) > 1)
    notes = [
        *_notes(events, people),
        *_choice_notes(told, people),
        *_consent_notes(session, conversation, messages[0].at),
    ]
    return _in_order(
        bubbles, notes, member.practice.time_zone, None if is_page else conversation.unread_since
    )


def _events(
    session: Session, member: Member, conversation_ids: set[UUID], since: datetime
) -> list[TaskEvent]:
    tasks = visible_tasks(member).where(Task.conversation_id.in_(conversation_ids))
    return list(
        session.scalars(
            select(TaskEvent)
            .where(TaskEvent.task_id.in_(tasks.with_only_columns(Task.id)), TaskEvent.at >= since)
            .order_by(TaskEvent.at, TaskEvent.version)
            .limit(200)
        )
    )


def _marks(session: Session, member: Member, message_ids: Sequence[UUID]) -> dict[UUID, Task]:
    rows = session.execute(
        visible_tasks(member)
        .join(TaskMessage, TaskMessage.task_id == Task.id)
        .where(TaskMessage.message_id.in_(message_ids))
        .with_only_columns(TaskMessage.message_id, Task)
    )
    return {row[0]: row[1] for row in rows}


def _people(messages: Iterable[Message], events: Iterable[TaskEvent], marks: dict[UUID, Task]) -> set[UUID]:
    found = {message.sent_by_id for message in messages}
    found |= {event.member_id for event in events}
    found |= {UUID(id_) for event in events for id_ in event.assignees}
    found |= {task.closed_by_id for task in marks.values()}
    return {id_ for id_ in found if id_ is not None}


def _bubbles(
    session: Session,
    member: Member,
    identity: Identity,
    messages: Sequence[Message],
    people: dict[UUID, Brief],
    marks: dict[UUID, Task],
    has_several_numbers: bool,
) -> list[Bubble]:
    ids = {message.id for message in messages}
    starred = stars.starred_of(session, member, ids)
    outbound = {
        text.message_id: text
        for text in session.scalars(select(OutboundText).where(OutboundText.message_id.in_(ids)))
    }
    # What did not arrive says so itself, wherever it stands in its group.
    troubled = {id_ for id_, text in outbound.items() if delivery_of(text).tone in ("danger", "warn")}
    numbers = _number_labels(session, messages) if has_several_numbers else {}
    inbound_initials = initials_of(identity.name) if identity.name else ""
    return [
        Bubble(
            id=message.id,
            direction=message.direction.value,
            body=message.body,
            at=message.at,
            sender=people.get(message.sent_by_id) if message.sent_by_id else None,
            initials=_initials(message, people, inbound_initials),
            is_automatic=message.is_automatic,
            is_starred=message.id in starred,
            media=tuple(
                Media(index, media.get("content_type", "")) for index, media in enumerate(message.media)
            ),
            delivery=delivery_of(outbound[message.id]) if message.id in outbound else None,
            task=_mark(marks[message.id], people) if message.id in marks else None,
            shows_meta=message.id in troubled
            or _ends_group(message, messages[place + 1] if place + 1 < len(messages) else None),
            practice_number=numbers.get(message.conversation_id),
        )
        for place, message in enumerate(messages)
    ]


def _initials(message: Message, people: dict[UUID, Brief], inbound: str) -> str:
    if message.direction is Direction.IN:
        return inbound
    sender = people.get(message.sent_by_id) if message.sent_by_id else None
    return sender.initials if sender else ""


def _number_labels(session: Session, messages: Iterable[Message]) -> dict[UUID, str]:
    rows = session.execute(
        select(Conversation.id, PracticeNumber.label)
        .join(PracticeNumber, PracticeNumber.id == Conversation.practice_number_id)
        .where(Conversation.id.in_({message.conversation_id for message in messages}))
    )
    return {row.id: row.label for row in rows}


def _mark(task: Task, people: dict[UUID, Brief]) -> TaskMark:
    closed_by = people.get(task.closed_by_id) if task.closed_by_id else None
    return TaskMark(task.id, task.state.value, task.waiting_since, closed_by, task.closed_at)


def _ends_group(message: Message, following: Message | None) -> bool:
    return (
        following is None
        or following.direction is not message.direction
        or following.sent_by_id != message.sent_by_id
        or following.at - message.at > GROUPED_WITHIN
    )


def delivery_of(text: OutboundText) -> Delivery:
    """The state of an outgoing text in the words of the pages."""
    is_open = text.dismissed_at is None
    if text.is_failed:
        failure = failures.explain(text.error_code)
        return Delivery(
            "Not delivered",
            "circle-alert",
            "danger",
            failure.sentence,
            failure.advice,
            failures.shown_code(text.error_code),
            can_resend=is_open and text.error_code != 21610,
            can_dismiss=is_open,
            needs_decision=False,
        )
    match text.state:
        case OutboundState.QUEUED:
            return _plain("Queued", "hourglass")
        case OutboundState.SENDING:
            return _plain("Sending", "hourglass")
        case OutboundState.UNKNOWN:
            return _plain("Checking with the carrier", "hourglass")
        case OutboundState.NEEDS_PERSON:
            return Delivery(
                "May not have been sent",
                "circle-alert",
                "danger",
                "the carrier never answered",
                "Send it again if the patient has not received it.",
                None,
                can_resend=is_open,
                can_dismiss=is_open,
                needs_decision=True,
            )
    if text.carrier_status in ("delivered", "read"):
        return _plain("Delivered", "check-check", "ok")
    return _plain("Sent", "check")


def _plain(word: str, icon: str, tone: str = "neutral") -> Delivery:
    return Delivery(word, icon, tone, "", "", None, can_resend=False, can_dismiss=False, needs_decision=False)


RULES = {"last_sender": "last sender", "care_team": "care team"}


def _notes(events: Iterable[TaskEvent], people: dict[UUID, Brief]) -> list[Note]:
    return [
        Note(event.at, icon, text) for event in events for icon, text in [_sentence(event, people)] if text
    ]


def _names(event: TaskEvent, people: dict[UUID, Brief], *, but: UUID | None = None) -> str:
    ids = [UUID(id_) for id_ in event.assignees]
    names = [people[id_].name for id_ in ids if id_ in people and id_ != but]
    return ", ".join(names)


def _sentence(event: TaskEvent, people: dict[UUID, Brief]) -> tuple[str, str]:
    """An icon and what happened, with the reason; an empty sentence for what needs no note."""
    who = people[event.member_id].name if event.member_id in people else "A rule"
    if event.member_id is None:
        return _rule_sentence(event, people)
    match event.move:
        case Move.ASSIGN:
            return "user-plus", f"{who} {_assigned(event, people)}"
        case Move.UNASSIGN:
            return "inbox", f"{who} put this back into the queue"
        case Move.COMPLETE:
            return "check", f"{who} completed this"
        case Move.DELETE:
            return "trash-2", f"{who} deleted this: no action needed"
        case Move.REOPEN:
            back_to = _names(event, people)
            return "undo-2", f"{who} reopened this" + (f" for {back_to}" if back_to else "")
        case Move.UNDO:
            return "undo-2", f"{who} undid the last step"
    return "", ""


def _assigned(event: TaskEvent, people: dict[UUID, Brief]) -> str:
    """Somebody who gives it to themselves takes it."""
    others = _names(event, people, but=event.member_id)
    if event.why == "reply":
        return "took this by replying"
    if event.why == "let go":
        return f"let this go; it stays with {others}"
    if str(event.member_id) not in event.assignees:
        return f"assigned this to {others}"
    return f"took this, together with {others}" if others else "took this"


def _rule_sentence(event: TaskEvent, people: dict[UUID, Brief]) -> tuple[str, str]:
    if event.why in RULES:
        return "user-plus", f"Auto-assigned to {_names(event, people)} ({RULES[event.why]})"
    if event.move is Move.OPENED:
        return "inbox", "Put into the queue: no rule found anybody"
    if event.move is Move.UNASSIGN:
        return "inbox", f"Returned to the queue: {event.why}"
    if event.move is Move.ASSIGN:
        return "user-plus", f"Now with {_names(event, people)}: {event.why}"
    return "", ""


def _choice_notes(told: Iterable[Told], people: dict[UUID, Brief]) -> list[Note]:
    return [Note(one.at, "user-round", _choice_sentence(one, people[one.member_id].name)) for one in told]


def _choice_sentence(one: Told, who: str) -> str:
    match one.said:
        case Said.PATIENT:
            return f"{who} chose {one.name or 'a patient'} for these texts"
        case Said.NOBODY:
            return f"{who} said that no patient writes from this number"
        case Said.OPEN:
            return f"{who} took back who this is"


CONSENT_SENTENCES = {
    ConsentKind.STOP: "STOP received: this number gets no more texts",
    ConsentKind.START: "START received: this number may be texted again",
    ConsentKind.HELP: "HELP received: the carrier answered",
    ConsentKind.CARRIER_BLOCKED: "The carrier says that this number has opted out",
    ConsentKind.SWITCHED_OFF: "Texting to this number was turned off",
    ConsentKind.SWITCHED_ON: "Texting to this number was turned on",
    ConsentKind.RECORDED: "Consent to texts was recorded",
    ConsentKind.OPTED_OUT_BY_STAFF: "Opted out: this number gets no more texts",
    ConsentKind.OPTED_IN_BY_STAFF: "Opted in again: this number may be texted",
    ConsentKind.VERIFICATION_ASKED: "Asked to confirm the birth date",
    ConsentKind.WRONG_BIRTH_DATE: "The birth date does not match",
    ConsentKind.UNREADABLE_BIRTH_DATE: "The birth date could not be read: asked again",
    ConsentKind.VERIFIED: "Birth date confirmed",
    ConsentKind.VERIFICATION_FAILED: "Not confirmed: three wrong birth dates, or two weeks without the right one",
}


def _consent_notes(session: Session, conversation: Conversation, since: datetime) -> list[Note]:
    events = session.scalars(
        select(ConsentEvent)
        .where(ConsentEvent.phone_id == conversation.phone_id, ConsentEvent.at >= since)
        .order_by(ConsentEvent.at)
        .limit(50)
    )
    return [
        Note(event.at, "shield", CONSENT_SENTENCES[event.kind])
        for event in events
        if event.kind in CONSENT_SENTENCES
    ]


def _in_order(
    bubbles: list[Bubble], notes: list[Note], time_zone: str, unread_since: datetime | None
) -> list[Entry]:
    """Everything by time, with a rule where a day begins and where the unread messages begin."""
    zone = ZoneInfo(time_zone)
    entries: list[Entry] = []
    day: date | None = None
    is_ruled = False
    mixed: list[Bubble | Note] = sorted([*bubbles, *notes], key=lambda entry: entry.at)
    for entry in mixed:
        on = entry.at.astimezone(zone).date()
        if on != day:
            day = on
            entries.append(Day(on))
        if (
            unread_since is not None
            and not is_ruled
            and isinstance(entry, Bubble)
            and entry.direction == "in"
            and entry.at >= unread_since
        ):
            is_ruled = True
            entries.append(NewRule())
        if isinstance(entry, Bubble) and entry.is_automatic:
            _fold(entries, entry)
        else:
            entries.append(entry)
    return entries


def _fold(entries: list[Entry], bubble: Bubble) -> None:
    """One that did not arrive stands by itself, where it is seen."""
    if bubble.delivery is not None and bubble.delivery.tone == "danger":
        entries.append(bubble)
        return
    last = entries[-1] if entries else None
    if isinstance(last, Folded):
        entries[-1] = last._replace(bubbles=(*last.bubbles, bubble))
    else:
        entries.append(Folded(bubble.id, bubble.at, (bubble,)))
