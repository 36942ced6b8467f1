"""Several tasks at once: one deed for all, what could not be done and why, and taking it all back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal_column, not_, or_, select, text
from sqlalchemy.orm import Session

from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import folders, scope, stars, transitions, undoing
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import OF_MESSAGES, Slug
from triage.domain.inbox.scope import visible_messages, visible_tasks
from triage.domain.inbox.task import Move, State, Task, TaskEvent
from triage.domain.inbox.transitions import Step
from triage.domain.practice.member import Member, find_member
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible

# One request moves so many in a few statements; the page says the bound before it is used.
MOST = 1000
CHANGED = "It changed after you had chosen it. Look at it first."
GOES_TO = {Move.ASSIGN: State.ASSIGNED, Move.COMPLETE: State.COMPLETED, Move.DELETE: State.DELETED}


class View(NamedTuple):
    """A folder with its filters, as the member saw it at a moment; `snapshot` says what had been committed by then."""

    slug: Slug
    filters: Filters
    seen_at: datetime
    snapshot: str = ""


# Tasks with the versions that were seen, or whatever a view shows.
Chosen = Mapping[UUID, int | None] | View


class Outcome(NamedTuple):
    """`done` are the tasks that moved, `left` says of each other one why it did not; `event_id` undoes it all."""

    done: list[UUID]
    left: dict[UUID, str]
    event_id: UUID | None = None


def complete(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    """What somebody else was faster with is left, and so is what one may not do.

    Raises `NotFound` when the member sees none of them, `Invalid` for too many; so do the others.
    """
    return _move(session, chosen, Move.COMPLETE, by=by)


def delete(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    return _move(session, chosen, Move.DELETE, by=by)


def assign(session: Session, chosen: Chosen, member_ids: Sequence[UUID], *, by: Member) -> Outcome:
    """Give all of them to these members and to nobody else; the first is the owner."""
    wanted = list(dict.fromkeys(member_ids))
    if not wanted:
        raise Invalid(member_ids="Choose at least one member.")
    return _move(session, chosen, Move.ASSIGN, by=by, wanted=wanted)


def reopen(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    tasks, seen, left = _locked(session, by, chosen)
    events = []
    for task in tasks:
        try:
            events.append(transitions.reopen(session, task, by=by, expected_version=seen[task.id]))
        except (NotAllowed, NotPossible) as refusal:
            left[task.id] = refusal.sentence
    return _outcome(events, left)


def undo(session: Session, event_id: UUID, *, by: Member) -> Outcome:
    """Take back a move, and all that were made together with it.

    Raises as `undoing.undo` where nothing at all can be taken back.
    """
    events, refusals = undoing.undo_together(session, event_id, by=by)
    return _outcome(events, {task_id: one.sentence for task_id, one in refusals.items()})._replace(
        event_id=None
    )


def _move(
    session: Session, chosen: Chosen, move: Move, *, by: Member, wanted: Sequence[UUID] = ()
) -> Outcome:
    transitions.must_see_all(by, f"{move.value} tasks")
    tasks, seen, left = _locked(session, by, chosen)
    left |= _out_of_reach(session, by, tasks, wanted)
    if move is not Move.ASSIGN:
        left |= dict.fromkeys(transitions.undecided(session, tasks), transitions.UNDECIDED)
    had = transitions.assignees_of_all(session, tasks)
    steps = []
    for task in tasks:
        if task.id in left:
            continue
        try:
            transitions.check(session, task, move, seen[task.id])
            steps.append(Step(task, GOES_TO[move], wanted or had[task.id]))
        except NotPossible as refusal:
            left[task.id] = refusal.sentence
    events = transitions.move_all(session, move, steps, by=by.id, why="by hand") if steps else []
    return _outcome(events, left)


def _outcome(events: Sequence[TaskEvent], left: dict[UUID, str]) -> Outcome:
    return Outcome([event.task_id for event in events], left, events[-1].id if events else None)


def _out_of_reach(
    session: Session, by: Member, tasks: Sequence[Task], member_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """What one of these members could not see."""
    left: dict[UUID, str] = {}
    for member_id in member_ids:
        name = find_member(session, by.practice_id, member_id).name
        can = transitions.who_can_have_which(session, tasks, member_id)
        refusal = f"{name} cannot see this task. Choose somebody else."
        left |= {task.id: refusal for task in tasks if task.id not in can}
    return left


def size_of(session: Session, member: Member, slug: Slug, filters: Filters) -> int:
    """How much of a view can be chosen, at most `MOST`. Raises `NotFound` for a folder of messages."""
    if slug in OF_MESSAGES:
        raise NotFound("Rows of this folder are messages.")
    return min(MOST, folders.size_of(session, member, slug, now=clock.now(session), filters=filters))


def star(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    """Star the newest text of each; `done` are those that had no star yet."""
    newest = dict(_newest_messages(session, by, chosen))
    had = stars.starred_of(session, by, {message.id for message in newest.values()})
    stars.star_all(session, [message.id for message in newest.values()], by=by, now=clock.now(session))
    return Outcome([task_id for task_id, message in newest.items() if message.id not in had], {})


def unstar(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    newest = dict(_newest_messages(session, by, chosen))
    stars.unstar_all(session, [message.id for message in newest.values()], by=by)
    return Outcome(list(newest), {})


def mark_unread(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    """`done` are those that had been read."""
    done, now = [], clock.now(session)
    for task_id, conversation in _conversations(session, by, chosen):
        if conversation.unread_since is None:
            done.append(task_id)
        reading.mark_unread(session, conversation, by=by, now=now)
    session.flush()
    return Outcome(done, {})


def mark_read(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
    done, now = [], clock.now(session)
    for task_id, conversation in _conversations(session, by, chosen):
        reading.mark_read(session, conversation, by=by, now=now)
        done.append(task_id)
    session.flush()
    return Outcome(done, {})


def _newest_messages(session: Session, member: Member, chosen: Chosen) -> Iterator[tuple[UUID, Message]]:
    tasks = {task.last_message_id: task.id for task in _found(session, member, chosen)}
    for message in session.scalars(visible_messages(member).where(Message.id.in_(tasks))):
        yield tasks[message.id], message


def _conversations(session: Session, member: Member, chosen: Chosen) -> Iterator[tuple[UUID, Conversation]]:
    """The conversations of these tasks that the member may write in, locked in a steady order."""
    tasks = {task.conversation_id: task.id for task in _found(session, member, chosen)}
    visible = scope.visible_conversations(member).where(Conversation.id.in_(tasks)).order_by(Conversation.id)
    for conversation in session.scalars(db.locked(visible, of=Conversation)).all():
        if scope.may_write_in(session, member, conversation):
            yield tasks[conversation.id], conversation


def _found(session: Session, member: Member, chosen: Chosen) -> list[Task]:
    ids = _ids_of(session, member, chosen)
    return _some(session.scalars(visible_tasks(member).where(Task.id.in_(ids)).order_by(Task.id)).all())


def _locked(
    session: Session, member: Member, chosen: Chosen
) -> tuple[list[Task], dict[UUID, int | None], dict[UUID, str]]:
    """The tasks, in a steady order, so that two who choose the same rows do not wait for each other for ever; in
    which version each was seen; and what of a view others have changed since it was looked at."""
    ids = _ids_of(session, member, chosen)
    visible = visible_tasks(member).where(Task.id.in_(ids)).order_by(Task.id)
    tasks = _some(session.scalars(db.locked(visible, of=Task)).all())
    if not isinstance(chosen, View):
        return tasks, dict(chosen), {}
    changed = _changed_since(session, member, ids, chosen)
    here = [task for task in tasks if task.id not in changed]
    return here, dict.fromkeys(ids), dict.fromkeys(changed, CHANGED)


def _ids_of(session: Session, member: Member, chosen: Chosen) -> Collection[UUID]:
    if not isinstance(chosen, View):
        if len(chosen) > MOST:
            raise Invalid(f"Choose at most {MOST:,} at once.")
        return chosen.keys()
    if chosen.slug in OF_MESSAGES:
        raise NotFound("Rows of this folder are messages.")
    now, filters = clock.now(session), chosen.filters
    return folders.listing(session, member, chosen.slug, now=now, filters=filters, size=MOST).ids


def snapshot_of(session: Session) -> str:
    """What has been committed by now, as PostgreSQL writes it."""
    return str(session.scalar(select(cast(func.pg_current_snapshot(), Text))))


def _changed_since(session: Session, member: Member, ids: Collection[UUID], view: View) -> set[UUID]:
    """By others. A text that was being filed while the view was looked at has an earlier moment, but nobody saw it."""
    is_later: ColumnElement[bool] = TaskEvent.at > view.seen_at
    if view.snapshot:
        made_by = cast(TaskEvent.transaction_id, Text).op("::")(literal_column("xid8"))
        was_there = func.pg_visible_in_snapshot(made_by, text("cast(:seen as pg_snapshot)"))
        is_ours = TaskEvent.transaction_id == db.TRANSACTION_ID
        is_later = or_(is_later, and_(not_(was_there), not_(is_ours)))
    events = select(TaskEvent.task_id).where(
        TaskEvent.task_id.in_(ids),
        is_later,
        or_(TaskEvent.member_id.is_(None), TaskEvent.member_id != member.id),
    )
    return set(session.scalars(events, {"seen": view.snapshot} if view.snapshot else {}))


def _some(found: Sequence[Task]) -> list[Task]:
    if not found:
        raise NotFound("None of these is there any more.")
    return list(found)
