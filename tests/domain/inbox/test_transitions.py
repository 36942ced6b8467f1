"""Every move a task can make: from which states, by whom, and what it leaves behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.builders import (
    a_member,
    a_number,
    a_program,
    a_reply,
    a_role,
    a_task,
    an_inbound,
    task_of,
)
from tests.cast import NORTH_NUMBER, PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.audit import Action, Audit
from triage.domain.inbox import scope, transitions, undoing
from triage.domain.inbox.task import Assignment, Move, State, Task, TaskEvent
from triage.domain.inbox.transitions import MOVES
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible

P, A, C, D = State.PENDING, State.ASSIGNED, State.COMPLETED, State.DELETED

Act = Callable[[Session, Task, Member], TaskEvent]
ACTS: dict[Move, Act] = {
    Move.ASSIGN: lambda session, task, by: transitions.assign(session, task, [by.id], by=by),
    Move.UNASSIGN: lambda session, task, by: transitions.unassign(session, task, by=by),
    Move.COMPLETE: lambda session, task, by: transitions.complete(session, task, by=by),
    Move.DELETE: lambda session, task, by: transitions.delete(session, task, by=by),
    Move.REOPEN: lambda session, task, by: transitions.reopen(session, task, by=by),
}


def open_assignees(session: Session, task: Task) -> set[UUID]:
    return set(
        session.scalars(
            select(Assignment.member_id).where(Assignment.task_id == task.id, Assignment.ended_at.is_(None))
        )
    )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", MOVES)
def test_ana_may_make_exactly_the_moves_of_the_table(
    move: Move, state: State, session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast, state=state)
    version = task.version
    starts, ends = MOVES[move]

    if state not in starts:
        with pytest.raises(NotPossible):
            ACTS[move](session, task, cast.ana)
        assert (task.state, task.version) == (state, version)
        return
    event = ACTS[move](session, task, cast.ana)

    assert task.state in ends
    assert (task.version, event.version) == (version + 1, version + 1)
    assert (event.from_state, event.to_state, event.member_id) == (state, task.state, cast.ana.id)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", MOVES)
def test_ben_may_only_complete_what_he_has(move: Move, state: State, session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=state, assignees=[] if state is P else [cast.ben])

    if move is Move.COMPLETE and state is A:
        ACTS[move](session, task, cast.ben)
        assert task.state is C
    else:
        with pytest.raises((NotAllowed, NotPossible)):
            ACTS[move](session, task, cast.ben)
        assert task.state is state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", MOVES)
def test_cleo_may_do_nothing(move: Move, state: State, session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=state)

    with pytest.raises(NotAllowed):
        ACTS[move](session, task, cast.cleo)


@pytest.mark.parametrize("state", State)
def test_dan_does_not_find_the_task_of_another_practice(state: State, session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=state)

    with pytest.raises(NotFound):
        scope.find_task(session, cast.dan, task.id)


def test_ben_cannot_complete_what_ana_has(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=A)

    with pytest.raises(NotAllowed):
        transitions.complete(session, task, by=cast.ben)


def test_a_move_writes_its_audit_row(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    transitions.assign(session, task, [cast.ben.id], by=cast.ana)

    deed = session.scalars(select(Audit).where(Audit.action == Action.TASK_MOVED)).one()
    assert (deed.subject_id, deed.member_id, deed.detail) == (task.id, cast.ana.id, {"move": "assign"})


def test_the_first_of_the_assignees_is_the_owner(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    transitions.assign(session, task, [cast.ben.id, cast.ana.id], by=cast.ana)

    assert task.owner_id == cast.ben.id
    assert transitions.assignees_of(session, task) == [cast.ben.id, cast.ana.id]


def test_assigning_again_replaces_who_has_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ana, cast.ben])

    transitions.assign(session, task, [cast.ben.id, cast.admin.id], by=cast.ana)

    assert open_assignees(session, task) == {cast.ben.id, cast.admin.id}
    assert task.owner_id == cast.ben.id


def test_a_member_named_twice_gets_the_task_once(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    transitions.assign(session, task, [cast.ben.id, cast.ben.id], by=cast.ana)

    assert transitions.assignees_of(session, task) == [cast.ben.id]


def test_nobody_cannot_be_assigned(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid):
        transitions.assign(session, a_task(session, cast=cast), [], by=cast.ana)


def test_cleo_cannot_be_given_a_task(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid, match="Cleo Carter cannot see this task"):
        transitions.assign(session, a_task(session, cast=cast), [cast.cleo.id], by=cast.ana)


def test_dan_is_not_found_when_a_task_is_given(session: Session, cast: Cast) -> None:
    with pytest.raises(NotFound):
        transitions.assign(session, a_task(session, cast=cast), [cast.dan.id], by=cast.ana)


def test_somebody_who_left_cannot_be_given_a_task(session: Session, cast: Cast) -> None:
    find_member(session, cast.practice_id, cast.ben.id).is_active = False

    with pytest.raises(Invalid):
        transitions.assign(session, a_task(session, cast=cast), [cast.ben.id], by=cast.ana)


def test_a_wall_keeps_a_task_from_whom_it_shuts_out(session: Session, cast: Cast) -> None:
    walled = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    fern = a_member(session, cast=cast, role=walled, facilities=[cast.south])

    with pytest.raises(Invalid):
        transitions.assign(session, a_task(session, cast=cast, to=NORTH_NUMBER), [fern.id], by=cast.ana)


def test_a_program_keeps_a_task_from_whom_it_shuts_out(session: Session, cast: Cast) -> None:
    program = a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    gil = a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])

    with pytest.raises(Invalid):
        transitions.assign(session, a_task(session, cast=cast, number=PAT_NUMBER), [gil.id], by=cast.ana)


def test_closing_ends_every_assignment(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ana, cast.ben])

    transitions.complete(session, task, by=cast.ben)

    assert open_assignees(session, task) == set()
    assert task.owner_id is None
    assert (task.closed_by_id, task.closed_at) == (cast.ben.id, clock.now(session))


def test_a_task_that_moved_since_the_page_was_made_is_refused(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    seen = task.version
    transitions.assign(session, task, [cast.ben.id], by=cast.admin)

    with pytest.raises(NotPossible, match=r"Ada Admin assigned this \d s ago") as refusal:
        transitions.complete(session, task, by=cast.ana, expected_version=seen)
    assert refusal.value.current is task


def test_a_task_is_not_completed_over_a_text_that_nobody_saw(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    seen = task.version
    an_inbound(session, cast=cast, body="And one more thing")

    with pytest.raises(NotPossible, match="The patient wrote again"):
        transitions.complete(
            session, scope.find_task(session, cast.ana, task.id), by=cast.ana, expected_version=seen
        )


def test_a_task_is_not_deleted_over_a_text_that_nobody_saw(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    seen = task.version
    an_inbound(session, cast=cast)

    with pytest.raises(NotPossible, match="The patient wrote again"):
        transitions.delete(
            session, scope.find_task(session, cast.ana, task.id), by=cast.ana, expected_version=seen
        )


def test_a_task_is_assigned_although_the_patient_wrote_again(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    seen = task.version
    an_inbound(session, cast=cast)

    task = scope.find_task(session, cast.ana, task.id)
    transitions.assign(session, task, [cast.ben.id], by=cast.ana, expected_version=seen)

    assert task.state is A


def test_a_task_is_not_assigned_over_the_step_of_a_person(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    seen = task.version
    transitions.assign(session, task, [cast.ben.id], by=cast.admin)

    with pytest.raises(NotPossible, match="Ada Admin assigned this"):
        transitions.assign(session, task, [cast.ana.id], by=cast.ana, expected_version=seen)


def test_reopening_gives_it_back_to_whom_it_was_with(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=C, assignees=[cast.ben, cast.ana])

    transitions.reopen(session, task, by=cast.ana)

    assert task.state is A
    assert transitions.assignees_of(session, task) == [cast.ben.id, cast.ana.id]
    assert task.closed_at is None


def test_reopening_leaves_out_who_can_no_longer_have_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=C, assignees=[cast.ben, cast.ana])
    find_member(session, cast.practice_id, cast.ben.id).is_active = False

    transitions.reopen(session, task, by=cast.ana)

    assert transitions.assignees_of(session, task) == [cast.ana.id]


def test_reopening_what_nobody_can_have_puts_it_into_the_queue(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=C, assignees=[cast.ben])
    find_member(session, cast.practice_id, cast.ben.id).is_active = False

    transitions.reopen(session, task, by=cast.ana)

    assert task.state is P


def test_reopening_what_was_in_the_queue_puts_it_back_there(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    transitions.unassign(session, task, by=cast.ana)
    transitions.complete(session, task, by=cast.ana)

    transitions.reopen(session, task, by=cast.ana)

    assert task.state is P


def test_a_task_is_not_reopened_beside_a_newer_one(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=C, number=PAT_NUMBER)
    newer = task_of(session, an_inbound(session, cast=cast))

    with pytest.raises(NotPossible, match="newer task") as refusal:
        transitions.reopen(session, task, by=cast.ana)
    assert refusal.value.current is newer


@pytest.mark.parametrize("move", [Move.ASSIGN, Move.COMPLETE, Move.DELETE])
def test_a_move_is_undone(move: Move, session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    event = ACTS[move](session, task, cast.ana)

    undoing.undo(session, event.id, by=cast.ana)

    assert task.state is P
    assert task.version == event.version + 1
    assert open_assignees(session, task) == set()


def test_undoing_a_completion_gives_it_back_to_everybody(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben, cast.ana])
    event = transitions.complete(session, task, by=cast.ana)

    undoing.undo(session, event.id, by=cast.ana)

    assert transitions.assignees_of(session, task) == [cast.ben.id, cast.ana.id]


def test_undoing_a_reopening_closes_it_again(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=D, assignees=[cast.ben])
    event = transitions.reopen(session, task, by=cast.ana)

    undoing.undo(session, event.id, by=cast.ana)

    assert task.state is D
    assert open_assignees(session, task) == set()


def test_undoing_does_not_give_a_task_to_somebody_who_left(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    event = transitions.complete(session, task, by=cast.ana)
    find_member(session, cast.practice_id, cast.ben.id).is_active = False

    undoing.undo(session, event.id, by=cast.ana)

    assert task.state is P


def test_ben_undoes_his_own_completion(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    event = transitions.complete(session, task, by=cast.ben)

    undoing.undo(session, event.id, by=cast.ben)

    assert open_assignees(session, task) == {cast.ben.id}


def test_nobody_undoes_what_another_did(session: Session, cast: Cast) -> None:
    event = transitions.complete(session, a_task(session, cast=cast), by=cast.ana)

    for member in (cast.admin, cast.ben, cast.dan):
        with pytest.raises(NotFound):
            undoing.undo(session, event.id, by=member)


def test_a_step_is_not_undone_when_something_happened_since(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    event = transitions.assign(session, task, [cast.ben.id], by=cast.ana)
    transitions.complete(session, task, by=cast.admin)

    with pytest.raises(NotPossible, match="Ada Admin completed this"):
        undoing.undo(session, event.id, by=cast.ana)


def test_a_step_is_not_undone_when_it_is_too_late(session: Session, cast: Cast) -> None:
    event = transitions.complete(session, a_task(session, cast=cast), by=cast.ana)
    session.commit()

    too_late = undoing.UNDO_FOR + undoing.UNDO_GRACE + timedelta(seconds=1)
    with clock.shifted(too_late), pytest.raises(NotPossible, match="too late"):
        undoing.undo(session, event.id, by=cast.ana)


def test_a_completion_is_not_undone_beside_a_newer_task(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    event = transitions.complete(session, task, by=cast.ana)
    session.commit()
    an_inbound(session, cast=cast)

    with pytest.raises(NotPossible, match="newer task"):
        undoing.undo(session, event.id, by=cast.ana)


def test_what_a_text_did_cannot_be_undone(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    opened = session.scalars(select(TaskEvent).where(TaskEvent.task_id == task.id)).one()

    with pytest.raises(NotFound):
        undoing.undo(session, opened.id, by=cast.ana)


def test_a_member_who_leaves_loses_every_open_task(session: Session, cast: Cast) -> None:
    alone = a_task(session, cast=cast, assignees=[cast.ben])
    shared = a_task(session, cast=cast, assignees=[cast.ben, cast.ana])
    closed = a_task(session, cast=cast, state=C, assignees=[cast.ben])

    returned = transitions.return_orphans(session, cast.ben, why="left")

    assert returned == 2
    assert (alone.state, shared.state, closed.state) == (P, A, C)
    assert shared.owner_id == cast.ana.id
    event = session.scalars(
        select(TaskEvent).where(TaskEvent.task_id == alone.id).order_by(TaskEvent.version.desc()).limit(1)
    ).one()
    assert (event.member_id, event.why) == (None, "left")


def test_a_reply_takes_a_waiting_task(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    a_reply(session, by=cast.ana, task=task)

    assert task.state is A
    assert open_assignees(session, task) == {cast.ana.id}


def test_a_reply_leaves_a_task_with_whom_it_is(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])

    a_reply(session, by=cast.ana, task=task)

    assert open_assignees(session, task) == {cast.ben.id}


def test_of_eight_people_at_once_one_wins(fresh_session: Session, fresh_cast: Cast) -> None:
    task = a_task(fresh_session, cast=fresh_cast)
    seen, everybody_is_ready = task.version, Barrier(8)

    def complete(_: int) -> str:
        with db.transaction() as session:
            everybody_is_ready.wait()
            mine = scope.find_task(session, fresh_cast.ana, task.id, lock=True)
            try:
                transitions.complete(session, mine, by=fresh_cast.ana, expected_version=seen)
            except NotPossible as refusal:
                return refusal.sentence
            return "won"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(complete, range(8)))

    assert answers.count("won") == 1
    assert all("Ana Alvarez completed this" in answer for answer in answers if answer != "won")
    steps = select(func.count()).where(TaskEvent.task_id == task.id, TaskEvent.move == Move.COMPLETE)
    assert fresh_session.scalar(steps) == 1
    assert verify.verify_now().is_clean


def test_reopening_and_a_new_text_at_once_leave_one_open_task(
    fresh_session: Session, fresh_cast: Cast
) -> None:
    numbers = [a_number() for _ in range(6)]
    tasks = [a_task(fresh_session, cast=fresh_cast, state=C, number=number) for number in numbers]

    def reopen(task_id: UUID) -> None:
        with db.transaction() as session:
            try:
                mine = scope.find_task(session, fresh_cast.ana, task_id, lock=True)
                transitions.reopen(session, mine, by=fresh_cast.ana)
            except NotPossible as refusal:
                assert "newer task" in refusal.sentence

    with ThreadPoolExecutor(2) as pool:
        for number, task in zip(numbers, tasks, strict=True):
            reopened = pool.submit(reopen, task.id)
            an_inbound(fresh_session, cast=fresh_cast, number=number)
            reopened.result()

    assert verify.verify_now().is_clean


@pytest.mark.parametrize(
    ("is_active", "why"), [(False, "no longer works here"), (True, "role may not read messages")]
)
def test_a_task_of_somebody_who_cannot_have_it_goes_back_to_the_queue(
    is_active: bool, why: str, session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast, state=A)
    transitions.assign(session, task, [cast.ben.id], by=cast.ana)
    ben = find_member(session, cast.practice_id, cast.ben.id)
    ben.is_active = is_active
    ben.role_id = cast.roles["No messages"].id if is_active else ben.role_id
    session.commit()

    returned = transitions.return_all_orphans(session)
    session.commit()

    last = session.scalars(
        select(TaskEvent).where(TaskEvent.task_id == task.id).order_by(TaskEvent.version.desc())
    ).first()
    assert (returned, task.state) == (1, P)
    assert last is not None and last.why == why
    assert transitions.return_all_orphans(session) == 0


def test_undoing_a_reopening_leaves_who_completed_it_and_when(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=A)
    transitions.complete(session, task, by=cast.admin)
    session.commit()
    closed = (task.closed_at, task.closed_by_id)
    event = transitions.reopen(session, task, by=cast.ana)
    session.commit()

    undoing.undo(session, event.id, by=cast.ana)
    session.commit()

    assert (task.state, (task.closed_at, task.closed_by_id)) == (C, closed)
