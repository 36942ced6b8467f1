"""Several tasks at once: one deed for all, what could not be done and why, and taking it all back."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import scope, stars, transitions
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.task import Task, TaskEvent
from triage.domain.practice.member import Member
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible

# More than anybody looks at before pressing a button; the page shows fifty at a time.
MOST = 200

Deed = Callable[..., TaskEvent]


class Outcome(NamedTuple):
    """`done` are the tasks that moved, `left` says of each other one why it did not; `event_id` undoes it all."""

    done: list[UUID]
    left: dict[UUID, str]
    event_id: UUID | None = None


def move(session: Session, chosen: Mapping[UUID, int | None], deed: Deed, *, by: Member) -> Outcome:
    """Do one thing to each of these tasks, given with the versions that were seen.

    What somebody else was faster with is left, and so is what one may not do. Raises `NotFound` when the member
    sees none of them, `Invalid` for too many.
    """
    done, left, event = [], {}, None
    for task in _locked(session, by, chosen):
        try:
            event = deed(session, task, by=by, expected_version=chosen[task.id])
            done.append(task.id)
        except (Invalid, NotAllowed, NotPossible) as refusal:
            left[task.id] = refusal.sentence
    return Outcome(done, left, event.id if event else None)


def undo(session: Session, event_id: UUID, *, by: Member) -> Outcome:
    """Take back a move, and all that were made together with it.

    Raises as `transitions.undo` where nothing at all can be taken back.
    """
    done, left, refusals = [], {}, []
    for event in _together(session, event_id, by):
        try:
            transitions.undo(session, event.id, by=by)
            done.append(event.task_id)
        except (NotFound, NotPossible) as refusal:
            left[event.task_id] = refusal.sentence
            refusals.append(refusal)
    if not done:
        raise refusals[0] if refusals else NotFound("There is nothing to undo.")
    return Outcome(done, left)


def _together(session: Session, event_id: UUID, by: Member) -> list[TaskEvent]:
    """Moves of one kind that one member made in one transaction, and so at one moment."""
    named = session.scalar(
        select(TaskEvent).where(
            TaskEvent.practice_id == by.practice_id, TaskEvent.id == event_id, TaskEvent.member_id == by.id
        )
    )
    if named is None:
        return []
    query = select(TaskEvent).where(
        TaskEvent.practice_id == by.practice_id,
        TaskEvent.member_id == by.id,
        TaskEvent.at == named.at,
        TaskEvent.transaction_id == named.transaction_id,
        TaskEvent.move == named.move,
    )
    return list(session.scalars(query.order_by(TaskEvent.task_id)))


def star(session: Session, task_ids: Collection[UUID], *, by: Member) -> Outcome:
    """Star the newest text of each; `done` are those that had no star yet."""
    now = clock.now(session)
    newest = dict(_newest_messages(session, by, task_ids))
    had = stars.starred_of(session, by, {message.id for message in newest.values()})
    for message in newest.values():
        stars.star(session, message, by=by, now=now)
    return Outcome([task_id for task_id, message in newest.items() if message.id not in had], {})


def unstar(session: Session, task_ids: Collection[UUID], *, by: Member) -> Outcome:
    newest = dict(_newest_messages(session, by, task_ids))
    for message in newest.values():
        stars.unstar(session, message, by=by)
    return Outcome(list(newest), {})


def mark_unread(session: Session, task_ids: Collection[UUID], *, by: Member) -> Outcome:
    """`done` are those that had been read."""
    done, now = [], clock.now(session)
    for task_id, conversation in _conversations(session, by, task_ids):
        if conversation.unread_since is None:
            done.append(task_id)
        reading.mark_unread(session, conversation, by=by, now=now)
    session.flush()
    return Outcome(done, {})


def mark_read(session: Session, task_ids: Collection[UUID], *, by: Member) -> Outcome:
    done, now = [], clock.now(session)
    for task_id, conversation in _conversations(session, by, task_ids):
        reading.mark_read(session, conversation, by=by, now=now)
        done.append(task_id)
    session.flush()
    return Outcome(done, {})


def _newest_messages(
    session: Session, member: Member, task_ids: Collection[UUID]
) -> Iterator[tuple[UUID, Message]]:
    tasks = {task.last_message_id: task.id for task in _found(session, member, task_ids)}
    for message in session.scalars(visible_messages(member).where(Message.id.in_(tasks))):
        yield tasks[message.id], message


def _conversations(
    session: Session, member: Member, task_ids: Collection[UUID]
) -> Iterator[tuple[UUID, Conversation]]:
    """The conversations of these tasks that the member may write in, locked in a steady order."""
    tasks = {task.conversation_id: task.id for task in _found(session, member, task_ids)}
    for conversation_id in sorted(tasks):
        conversation = scope.find_conversation(session, member, conversation_id, lock=True)
        if scope.may_write_in(session, member, conversation):
            yield tasks[conversation_id], conversation


def _found(session: Session, member: Member, task_ids: Collection[UUID]) -> list[Task]:
    return _some(session.scalars(_chosen(member, task_ids)).all())


def _locked(session: Session, member: Member, task_ids: Collection[UUID]) -> list[Task]:
    """In a steady order, so that two who choose the same rows do not wait for each other for ever."""
    return _some(session.scalars(db.locked(_chosen(member, task_ids), of=Task)).all())


def _chosen(member: Member, task_ids: Collection[UUID]) -> Select[Task]:
    if len(task_ids) > MOST:
        raise Invalid(f"Choose at most {MOST} at once.")
    return visible_tasks(member).where(Task.id.in_(task_ids)).order_by(Task.id)


def _some(found: Sequence[Task]) -> list[Task]:
    if not found:
        raise NotFound("None of these is there any more.")
    return list(found)
