"""Taking steps back: one's own last ones, for eight seconds."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import scope, transitions
from triage.domain.inbox.task import OPEN, Move, State, Task, TaskEvent
from triage.domain.inbox.transitions import MOVES, Step
from triage.domain.practice.member import Member
from triage.kit import clock, db
from triage.kit.errors import NotFound, NotPossible, Refused

# The page offers undo for eight seconds; the rest is the way of the request.
UNDO_FOR = timedelta(seconds=8)
UNDO_GRACE = timedelta(seconds=7)
CLOSED = (State.COMPLETED, State.DELETED)

Refusals = dict[UUID, Refused]


def undo(session: Session, event_id: UUID, *, by: Member) -> tuple[Task, TaskEvent]:
    """The inverse of a member's own last move, for eight seconds.

    Raises `NotFound` for somebody else's event, `NotPossible` when it is too late or something happened since.
    """
    event = session.scalar(_moves_of(by).where(TaskEvent.id == event_id))
    done, _ = _undo(session, [event] if event else [], by=by)
    return scope.find_task(session, by, done[0].task_id), done[0]


def undo_together(session: Session, event_id: UUID, *, by: Member) -> tuple[list[TaskEvent], Refusals]:
    """The same for all moves that were made together with it; what was left, by task.

    Raises as `undo` where nothing at all can be taken back.
    """
    return _undo(session, _together(session, event_id, by), by=by)


def _undo(session: Session, events: Sequence[TaskEvent], *, by: Member) -> tuple[list[TaskEvent], Refusals]:
    ids = [event.task_id for event in events]
    visible = scope.visible_tasks(by).where(Task.id.in_(ids)).order_by(Task.id)
    tasks = {task.id: task for task in session.scalars(db.locked(visible, of=Task))}
    is_late = bool(events) and clock.now(session) - events[0].at > UNDO_FOR + UNDO_GRACE
    left: Refusals = {}
    newest = []
    for event in events:
        task = tasks.get(event.task_id)
        if task is None or event.move not in MOVES or event.from_state is None:
            left[event.task_id] = NotFound("There is nothing to undo.")
        elif task.version != event.version:
            happened = transitions.what_happened(session, task, event.version)
            left[task.id] = NotPossible(happened, current=task)
        elif is_late:
            sentence = "It is too late to undo this. Use the buttons of the task instead."
            left[task.id] = NotPossible(sentence, current=task)
        else:
            newest.append((task, event))
    done, refused = _take_back_all(session, newest, by=by)
    left |= refused
    if not done:
        raise next(iter(left.values()), NotFound("There is nothing to undo."))
    return done, left


def take_back(session: Session, task: Task, event: TaskEvent, *, by: Member) -> TaskEvent:
    """The inverse of the task's newest move. Raises `NotPossible` where a newer task is open in its conversation."""
    done, refused = _take_back_all(session, [(task, event)], by=by)
    if not done:
        raise refused[task.id]
    return done[0]


def _together(session: Session, event_id: UUID, by: Member) -> Sequence[TaskEvent]:
    """Moves of one kind that one member made in one transaction, and so at one moment."""
    named = session.scalar(_moves_of(by).where(TaskEvent.id == event_id))
    if named is None:
        return []
    same = _moves_of(by).where(
        TaskEvent.at == named.at,
        TaskEvent.transaction_id == named.transaction_id,
        TaskEvent.move == named.move,
    )
    return session.scalars(same.order_by(TaskEvent.task_id)).all()


def _moves_of(member: Member) -> Select[TaskEvent]:
    return select(TaskEvent).where(
        TaskEvent.practice_id == member.practice_id, TaskEvent.member_id == member.id
    )


def _take_back_all(
    session: Session, newest: Sequence[tuple[Task, TaskEvent]], *, by: Member
) -> tuple[list[TaskEvent], Refusals]:
    """Each task with its newest move, all of one kind."""
    reopening = [task for task, event in newest if task.state in CLOSED and event.from_state in OPEN]
    refused = _beside_newer(session, reopening)
    rest = [(task, event) for task, event in newest if task.id not in refused]
    if not rest:
        return [], refused
    had = _who_had(session, rest)
    closings = _last_closings(session, [task for task, event in rest if event.from_state in CLOSED])
    move = rest[0][1].move
    done = transitions.move_all(
        session, Move.UNDO, [had[task.id] for task, _ in rest], by=by.id, why=move.value
    )
    for task, _ in rest:
        if task.id in closings:
            task.closed_at, task.closed_by_id = closings[task.id].at, closings[task.id].member_id
    session.flush()
    return done, refused


def _who_had(session: Session, newest: Sequence[tuple[Task, TaskEvent]]) -> dict[UUID, Step]:
    """Where each task was before, with those of its assignees who can still have it."""
    before = tuple_(TaskEvent.task_id, TaskEvent.version)
    rows = session.execute(
        select(TaskEvent.task_id, TaskEvent.assignees).where(
            before.in_([(task.id, event.version - 1) for task, event in newest])
        )
    )
    had = {task_id: [UUID(id_) for id_ in ids] for task_id, ids in rows}
    assigned = [task for task, event in newest if event.from_state is State.ASSIGNED]
    people = {id_ for task in assigned for id_ in had[task.id]}
    can = {id_: transitions.who_can_have_which(session, assigned, id_) for id_ in people}
    steps = {}
    for task, event in newest:
        to, whom = event.from_state or State.PENDING, had[task.id]
        if to is State.ASSIGNED:
            whom = [id_ for id_ in whom if task.id in can[id_]]
            to = State.ASSIGNED if whom else State.PENDING
        steps[task.id] = Step(task, to, whom)
    return steps


def _beside_newer(session: Session, tasks: Sequence[Task]) -> Refusals:
    """The conversations are locked as intake locks them, so that no text opens a task at this very moment."""
    gathering = {task.conversation_id: task for task in tasks if task.gathers}
    if not gathering:
        return {}
    locked = select(Conversation.id).where(Conversation.id.in_(gathering)).order_by(Conversation.id)
    session.execute(locked.with_for_update())
    newer = scope.open_tasks_of(session, gathering)
    return {
        task.id: NotPossible("A newer task of this conversation is open.", current=newer[conversation_id])
        for conversation_id, task in gathering.items()
        if conversation_id in newer and newer[conversation_id].id != task.id
    }


def _last_closings(session: Session, tasks: Sequence[Task]) -> dict[UUID, TaskEvent]:
    """Who closed them, and when, before they were reopened."""
    if not tasks:
        return {}
    events = (
        select(TaskEvent)
        .where(
            TaskEvent.task_id.in_([task.id for task in tasks]),
            TaskEvent.move.in_((Move.COMPLETE, Move.DELETE)),
        )
        .ext(distinct_on(TaskEvent.task_id))
        .order_by(TaskEvent.task_id, TaskEvent.version.desc())
    )
    return {event.task_id: event for event in session.scalars(events)}
