"""Every move a task can make, and who may make it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations import asking_out
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import scope
from triage.domain.inbox.assignment import LEFT, READS_NOTHING
from triage.domain.inbox.task import Assignment, Move, State, Task, TaskEvent
from triage.domain.practice import member as members
from triage.domain.practice.member import Member, briefs, find_member
from triage.domain.practice.privileges import Messages
from triage.kit import clock, live
from triage.kit.errors import Invalid, NotAllowed, NotPossible

# Of more than so many at once, pages are told to look at everything again.
MOST_TOLD_SINGLY = 50

P, A, C, D = State.PENDING, State.ASSIGNED, State.COMPLETED, State.DELETED
MOVES: dict[Move, tuple[frozenset[State], frozenset[State]]] = {
    Move.ASSIGN: (frozenset({P, A}), frozenset({A})),
    Move.UNASSIGN: (frozenset({A}), frozenset({P})),
    Move.COMPLETE: (frozenset({P, A}), frozenset({C})),
    Move.DELETE: (frozenset({P, A}), frozenset({D})),
    Move.REOPEN: (frozenset({C, D}), frozenset({P, A})),
}
PAST = {
    Move.ASSIGN: "assigned",
    Move.UNASSIGN: "unassigned",
    Move.COMPLETE: "completed",
    Move.DELETE: "deleted",
    Move.REOPEN: "reopened",
    Move.UNDO: "changed",
}
UNDECIDED = "The patient may have asked for no more texts. Open it and say so or not first."
# Moves that stay right although the patient wrote again in the meantime.
UNMOVED_BY_NEW_TEXT = {Move.ASSIGN, Move.UNASSIGN}


def assign(
    session: Session,
    task: Task,
    member_ids: Sequence[UUID],
    *,
    by: Member,
    expected_version: int | None = None,
    why: str = "by hand",
) -> TaskEvent:
    """Give the task to these members and to nobody else; the first of them is the owner.

    Raises `NotAllowed`, `NotPossible` (somebody was faster), `Invalid` (a member who cannot read messages).
    """
    must_see_all(by, "assign tasks")
    check(session, task, Move.ASSIGN, expected_version)
    wanted = list(dict.fromkeys(member_ids))
    if not wanted:
        raise Invalid(member_ids="Choose at least one member.")
    for member_id in wanted:
        _must_be_assignable(session, task, member_id)
    return _move(session, task, Move.ASSIGN, A, wanted, by=by.id, why=why)


def unassign(session: Session, task: Task, *, by: Member, expected_version: int | None = None) -> TaskEvent:
    """Put the task back into the shared queue."""
    must_see_all(by, "unassign tasks")
    check(session, task, Move.UNASSIGN, expected_version)
    return _move(session, task, Move.UNASSIGN, P, [], by=by.id, why="by hand")


def let_go(session: Session, task: Task, *, by: Member, expected_version: int | None = None) -> TaskEvent:
    """Take oneself off a task; the others keep it, and without others it is back in the shared queue."""
    must_see_all(by, "unassign tasks")
    check(session, task, Move.UNASSIGN, expected_version)
    had = assignees_of(session, task)
    if by.id not in had:
        raise NotPossible("This task is not yours.", current=task)
    left = [id_ for id_ in had if id_ != by.id]
    move = Move.ASSIGN if left else Move.UNASSIGN
    return _move(session, task, move, A if left else P, left, by=by.id, why="let go")


def complete(session: Session, task: Task, *, by: Member, expected_version: int | None = None) -> TaskEvent:
    """The work is done. Raises `NotPossible` where the patient wrote again or somebody was faster."""
    _must_work_on(session, task, by)
    check(session, task, Move.COMPLETE, expected_version)
    _refuse_undecided(session, task)
    return _move(session, task, Move.COMPLETE, C, assignees_of(session, task), by=by.id, why="by hand")


def delete(session: Session, task: Task, *, by: Member, expected_version: int | None = None) -> TaskEvent:
    """No action is needed (CharmHealth, A36): a state, the message stays."""
    must_see_all(by, "delete tasks")
    check(session, task, Move.DELETE, expected_version)
    _refuse_undecided(session, task)
    return _move(session, task, Move.DELETE, D, assignees_of(session, task), by=by.id, why="by hand")


def reopen(session: Session, task: Task, *, by: Member, expected_version: int | None = None) -> TaskEvent:
    """Back to its former assignees who can still have it, else to the shared queue.

    Raises `NotPossible`, with `current` the newer task, when one is open in the conversation.
    """
    must_see_all(by, "reopen tasks")
    check(session, task, Move.REOPEN, expected_version)
    _refuse_beside_newer(session, task)
    former = _who_can_have(session, task, assignees_of(session, task))
    return _move(session, task, Move.REOPEN, A if former else P, former, by=by.id, why="by hand")


def hand_back(session: Session, task: Task, member_id: UUID, *, why: str) -> TaskEvent:
    """A rule takes the task from a member who can no longer have it; the others keep it."""
    left = [id_ for id_ in assignees_of(session, task) if id_ != member_id]
    move = Move.ASSIGN if left else Move.UNASSIGN
    return _move(session, task, move, A if left else P, left, by=None, why=why)


def take_by_reply(session: Session, task: Task, *, by: Member) -> TaskEvent | None:
    """A reply to a pending task assigns it to the sender (practice setting)."""
    if task.state is not P:
        return None
    return _move(session, task, Move.ASSIGN, A, [by.id], by=by.id, why="reply")


def return_orphans(session: Session, member: Member, *, why: str) -> int:
    """Take every open task from a member who left or may no longer read; returns how many."""
    tasks = scope.open_tasks_with(session, member.practice_id, member.id)
    for task in tasks:
        hand_back(session, task, member.id, why=why)
    return len(tasks)


def return_all_orphans(session: Session) -> int:
    """Take open tasks from everybody who left or may no longer read; returns how many. Safe to repeat.

    Who leaves hands back at once; this finds what was assigned to them in that very moment.
    """
    return sum(
        return_orphans(session, member, why=LEFT if not member.is_active else READS_NOTHING)
        for member in scope.members_who_hold_in_vain(session)
    )


def assignees_of(session: Session, task: Task) -> list[UUID]:
    """Open assignees, the owner first; for a closed task those who had it when it was closed."""
    return assignees_of_all(session, [task])[task.id]


def assignees_of_all(session: Session, tasks: Sequence[Task]) -> dict[UUID, list[UUID]]:
    """The same of several, by task."""
    found: dict[UUID, list[UUID]] = {task.id: [] for task in tasks}
    for one in _open_assignments(session, tasks):
        found[one.task_id].append(one.member_id)
    closed = [task.id for task in tasks if task.state not in (P, A)]
    if closed:
        last = (
            select(TaskEvent.task_id, TaskEvent.assignees)
            .where(TaskEvent.task_id.in_(closed))
            .ext(distinct_on(TaskEvent.task_id))
            .order_by(TaskEvent.task_id, TaskEvent.version.desc())
        )
        found |= {task_id: [UUID(id_) for id_ in had] for task_id, had in session.execute(last)}
    owners = {task.id: task.owner_id for task in tasks}
    return {id_: sorted(had, key=lambda one: one != owners[id_]) for id_, had in found.items()}


def _open_assignments(session: Session, tasks: Sequence[Task]) -> Sequence[Assignment]:
    open_ones = [task.id for task in tasks if task.state in (P, A)]
    if not open_ones:
        return []
    current = select(Assignment).where(Assignment.task_id.in_(open_ones), Assignment.ended_at.is_(None))
    return session.scalars(current.order_by(Assignment.assigned_at, Assignment.id)).all()


def must_see_all(by: Member, deed: str) -> None:
    if by.messages is not Messages.ALL:
        raise NotAllowed(f"Your role does not let you {deed}.")


def _must_work_on(session: Session, task: Task, by: Member) -> None:
    if by.messages is Messages.ALL:
        return
    if by.messages is not Messages.ASSIGNED or by.id not in assignees_of(session, task):
        raise NotAllowed("Only somebody who has this task can do that.")


def _must_be_assignable(session: Session, task: Task, member_id: UUID) -> None:
    member = find_member(session, task.practice_id, member_id)
    if not _can_have(session, task, member_id):
        raise Invalid(member_ids=f"{member.name} cannot see this task. Choose somebody else.")


def _who_can_have(session: Session, task: Task, member_ids: Iterable[UUID]) -> list[UUID]:
    return [id_ for id_ in member_ids if _can_have(session, task, id_)]


def _can_have(session: Session, task: Task, member_id: UUID) -> bool:
    return task.id in who_can_have_which(session, [task], member_id)


def who_can_have_which(session: Session, tasks: Sequence[Task], member_id: UUID) -> set[UUID]:
    """The tasks of one practice that this member can have: they work there, may read messages, and no facility or
    program wall stands between."""
    member = members.load_member(session, member_id)
    if member is None or not member.is_active:
        return set()
    return scope.givable(session, member, [task for task in tasks if task.practice_id == member.practice_id])


def check(session: Session, task: Task, move: Move, expected_version: int | None) -> None:
    """Compare-and-set: the task is locked, in a state the move starts from, and as the member last saw it."""
    if expected_version is not None and expected_version != task.version:
        newer = session.scalars(
            select(TaskEvent.move).where(TaskEvent.task_id == task.id, TaskEvent.version > expected_version)
        ).all()
        if move not in UNMOVED_BY_NEW_TEXT or any(one is not Move.JOINED for one in newer):
            raise NotPossible(what_happened(session, task, expected_version), current=task)
    if task.state not in MOVES[move][0]:
        raise NotPossible(what_happened(session, task, task.version - 1), current=task)


def _refuse_undecided(session: Session, task: Task) -> None:
    if undecided(session, [task]):
        raise NotPossible(UNDECIDED, current=task)


def undecided(session: Session, tasks: Sequence[Task]) -> set[UUID]:
    """Those that cannot be closed yet: staff see only there that a patient may have asked for no more texts."""
    if not tasks:
        return set()
    conversation_ids = {task.conversation_id for task in tasks}
    query = select(Conversation.id, Conversation.phone_id).where(Conversation.id.in_(conversation_ids))
    phone_of = {row.id: row.phone_id for row in session.execute(query)}
    asking = asking_out.among(session, tasks[0].practice_id, set(phone_of.values()))
    return {task.id for task in tasks if phone_of[task.conversation_id] in asking}


def refuse_when_closed_since(session: Session, task: Task, seen_version: int, *, by: Member) -> None:
    """Whoever writes about waiting work must know that a colleague has dealt with it. Raises `NotPossible`."""
    if task.state in (P, A) or task.version <= seen_version or task.closed_by_id == by.id:
        return
    raise NotPossible(f"{what_happened(session, task, seen_version)} Your text was not sent: look first.")


def what_happened(session: Session, task: Task, since_version: int) -> str:
    event = session.scalar(
        select(TaskEvent)
        .where(TaskEvent.task_id == task.id, TaskEvent.version > since_version)
        .order_by(TaskEvent.version.desc())
        .limit(1)
    )
    if event is None:
        return "This task has changed. Look at it again."
    if event.move is Move.JOINED:
        return "The patient wrote again. Read the new text first."
    who = briefs(session, task.practice_id, {event.member_id}) if event.member_id else {}
    name = next((brief.name for brief in who.values()), "A rule")
    is_taken = event.move is Move.ASSIGN and event.assignees == [str(event.member_id)]
    did = "took" if is_taken else PAST.get(event.move, "changed")
    seconds = max(0, int((clock.now(session) - event.at).total_seconds()))
    ago = f"{seconds} s ago" if seconds < 60 else f"{seconds // 60} min ago"
    return f"{name} {did} this {ago}."


def _refuse_beside_newer(session: Session, task: Task) -> None:
    """The conversation is locked as intake locks it, so that no text opens a task at this very moment."""
    session.execute(select(Conversation.id).where(Conversation.id == task.conversation_id).with_for_update())
    newer = scope.open_task_of(session, task.conversation_id)
    if newer is not None and task.gathers and newer.id != task.id:
        raise NotPossible("A newer task of this conversation is open.", current=newer)


class Step(NamedTuple):
    """Where one task goes, and to whom, the owner first."""

    task: Task
    to: State
    assignees: Sequence[UUID]


def _move(
    session: Session,
    task: Task,
    move: Move,
    to: State,
    assignees: Iterable[UUID],
    *,
    by: UUID | None,
    why: str,
) -> TaskEvent:
    return move_all(session, move, [Step(task, to, list(assignees))], by=by, why=why)[0]


def move_all(
    session: Session, move: Move, steps: Sequence[Step], *, by: UUID | None, why: str
) -> list[TaskEvent]:
    """Set the states, write events and audit rows, tell open pages: nothing else sets a state.

    Whoever calls has locked the tasks and asked the table of moves. However many, it is the same few statements.
    """
    now, tasks = clock.now(session), [step.task for step in steps]
    before = assignees_of_all(session, tasks)
    current: dict[UUID, list[Assignment]] = {task.id: [] for task in tasks}
    for one in _open_assignments(session, tasks):
        current[one.task_id].append(one)
    events = []
    for step in steps:
        event = _step(session, move, step, by=by, why=why, now=now)
        _set_assignees(session, step, current[step.task.id], by=by, now=now)
        session.add(event)
        events.append(event)
    session.flush()
    concerned = {step.task.id: {*before[step.task.id], *step.assignees} for step in steps}
    if len(steps) <= MOST_TOLD_SINGLY:
        for task in tasks:
            announce(session, task, concerned[task.id])
    else:
        live.announce(session, tasks[0].practice_id, "resync", to=set().union(*concerned.values()))
    return events


def _step(session: Session, move: Move, step: Step, *, by: UUID | None, why: str, now: datetime) -> TaskEvent:
    task, to, wanted = step
    from_state = task.state
    task.state = to
    task.version += 1
    task.owner_id = wanted[0] if to is A else None
    task.closed_at = now if to in (C, D) else None
    task.closed_by_id = by if to in (C, D) else None
    audit.record(
        session,
        task.practice_id,
        audit.Action.TASK_MOVED,
        by=by,
        at=now,
        subject_id=task.id,
        patient_id=task.patient_id,
        move=move.value,
    )
    return TaskEvent(
        practice_id=task.practice_id,
        task_id=task.id,
        version=task.version,
        move=move,
        from_state=from_state,
        to_state=to,
        member_id=by,
        why=why,
        assignees=[str(id_) for id_ in wanted],
        at=now,
    )


def _set_assignees(
    session: Session, step: Step, current: Sequence[Assignment], *, by: UUID | None, now: datetime
) -> None:
    wanted = step.assignees if step.to is A else ()
    for assignment in current:
        if assignment.member_id not in wanted:
            assignment.ended_at = max(now, assignment.assigned_at)
    had = {assignment.member_id for assignment in current}
    session.add_all(
        Assignment(
            practice_id=step.task.practice_id,
            task_id=step.task.id,
            member_id=member_id,
            assigned_at=now,
            assigned_by_id=by,
        )
        for member_id in wanted
        if member_id not in had
    )


def announce(session: Session, task: Task, members_concerned: set[UUID]) -> None:
    """Tell the pages that may hear of this task."""
    live.announce(
        session,
        task.practice_id,
        "task",
        to=members_concerned,
        task=task.id,
        conversation=task.conversation_id,
        version=task.version,
    )
