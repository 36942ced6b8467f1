"""One deed for many tasks, and for all of a view: what is done, what is left, and in how many statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from tests.builders import a_member, a_role, a_task, an_inbound, conversation_of
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.inbox import bulk, scope, stars, transitions
from triage.domain.inbox.bulk import CHANGED, View
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.task import State, Task, TaskEvent
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible


def unassigned(session: Session, filters: Filters | None = None) -> View:
    return View(Slug.UNASSIGNED, filters or Filters(), clock.now(session))


def state_of(session: Session, task: Task) -> State:
    session.expire_all()
    found = scope.task_for_system(session, task.id)
    assert found
    return found.state


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements that were sent meanwhile."""
    sent: list[str] = []
    engine = session.get_bind()
    listen = lambda *given: sent.append(given[2])  # noqa: E731  # it has to be taken off again
    event.listen(engine, "before_cursor_execute", listen)
    yield sent
    event.remove(engine, "before_cursor_execute", listen)


def test_a_view_is_completed_with_its_filters_and_taken_back(session: Session, cast: Cast) -> None:
    inside = [a_task(session, cast=cast, to=SOUTH_NUMBER) for _ in range(3)]
    outside = a_task(session, cast=cast)
    mine = a_task(session, cast=cast, to=SOUTH_NUMBER, assignees=[cast.ana])

    outcome = bulk.complete(session, unassigned(session, Filters(facility_id=cast.south.id)), by=cast.ana)

    assert set(outcome.done) == {task.id for task in inside}
    assert [state_of(session, task) for task in inside] == [State.COMPLETED] * 3
    assert (state_of(session, outside), state_of(session, mine)) == (State.PENDING, State.ASSIGNED)

    assert outcome.event_id
    back = bulk.undo(session, outcome.event_id, by=cast.ana)

    assert set(back.done) == set(outcome.done)
    assert [state_of(session, task) for task in inside] == [State.PENDING] * 3


def test_many_are_moved_and_taken_back_in_as_few_statements_as_two(session: Session, cast: Cast) -> None:
    def moved(count: int) -> tuple[int, int]:
        for _ in range(count):
            a_task(session, cast=cast)
        session.commit()
        with counted(session) as doing:
            outcome = bulk.assign(session, unassigned(session), [cast.ben.id], by=cast.ana)
        assert len(outcome.done) == count
        assert outcome.event_id
        with counted(session) as undoing:
            bulk.undo(session, outcome.event_id, by=cast.ana)
        bulk.complete(session, unassigned(session), by=cast.ana)
        return len(doing), len(undoing)

    assert moved(20) == moved(2)


def test_what_changed_since_it_was_looked_at_is_left(session: Session, cast: Cast) -> None:
    quiet, pats = a_task(session, cast=cast), a_task(session, cast=cast, number=PAT_NUMBER)
    session.commit()
    view = unassigned(session)
    with clock.shifted(timedelta(minutes=1)):
        session.commit()
        an_inbound(session, cast=cast, number=PAT_NUMBER, body="And one more thing")

        outcome = bulk.complete(session, view, by=cast.ana)

    assert (outcome.done, outcome.left) == ([quiet.id], {pats.id: CHANGED})


def test_one_s_own_steps_since_then_leave_nothing_behind(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    session.commit()
    view = View(Slug.ALL, Filters(), clock.now(session))
    with clock.shifted(timedelta(minutes=1)):
        session.commit()
        transitions.assign(session, task, [cast.ana.id], by=cast.ana)

        assert bulk.complete(session, view, by=cast.ana).done == [task.id]


def test_nobody_s_view_holds_what_they_cannot_see(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast)
    a_task(session, cast=cast, assignees=[cast.ben])

    with pytest.raises(NotFound):
        bulk.complete(session, unassigned(session), by=cast.dan)
    with pytest.raises(NotAllowed):
        bulk.complete(session, View(Slug.MINE_ALL, Filters(), clock.now(session)), by=cast.ben)


def test_who_cannot_see_some_gets_the_rest(session: Session, cast: Cast) -> None:
    role = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    eve = a_member(session, cast=cast, role=role, facilities=[cast.north])
    near, far = a_task(session, cast=cast), a_task(session, cast=cast, to=SOUTH_NUMBER)

    outcome = bulk.assign(session, unassigned(session), [eve.id], by=cast.ana)

    assert outcome.done == [near.id]
    assert outcome.left == {far.id: "Eve Ellis cannot see this task. Choose somebody else."}


def test_a_view_is_starred_and_marked_unread(session: Session, cast: Cast) -> None:
    tasks = [a_task(session, cast=cast) for _ in range(2)]

    starred = bulk.star(session, unassigned(session), by=cast.ana)
    bulk.mark_read(session, unassigned(session), by=cast.ana)
    unread = bulk.mark_unread(session, unassigned(session), by=cast.ana)

    newest = {task.last_message_id for task in tasks}
    assert stars.starred_of(session, cast.ana, newest) == newest
    assert set(starred.done) == set(unread.done) == {task.id for task in tasks}
    assert all(conversation_of(session, task).unread_since for task in tasks)


def test_messages_are_not_chosen_by_view(session: Session, cast: Cast) -> None:
    with pytest.raises(NotFound):
        bulk.size_of(session, cast.ana, Slug.STARRED, Filters())
    with pytest.raises(NotFound):
        bulk.star(session, View(Slug.STARRED, Filters(), clock.now(session)), by=cast.ana)


def test_more_than_the_bound_are_taken_in_the_order_of_the_view(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)
    tasks = [a_task(session, cast=cast) for _ in range(3)]
    for minutes, task in enumerate(tasks):
        moved = clock.now(session) - timedelta(minutes=10 + minutes)
        session.execute(update(Task).where(Task.id == task.id).values(waiting_since=moved))

    outcome = bulk.complete(session, unassigned(session), by=cast.ana)

    assert set(outcome.done) == {tasks[2].id, tasks[1].id}
    with pytest.raises(Invalid, match="at most 2"):
        bulk.complete(session, dict.fromkeys([task.id for task in tasks]), by=cast.ana)


def test_an_undo_that_is_overtaken_names_what_it_left(session: Session, cast: Cast) -> None:
    first, second = a_task(session, cast=cast), a_task(session, cast=cast)
    outcome = bulk.complete(session, unassigned(session), by=cast.ana)
    assert outcome.event_id
    transitions.reopen(session, first, by=cast.admin)

    back = bulk.undo(session, outcome.event_id, by=cast.ana)

    assert back.done == [second.id]
    assert "Ada Admin reopened this" in back.left[first.id]
    transitions.complete(session, second, by=cast.admin)
    with pytest.raises(NotPossible):
        bulk.undo(session, outcome.event_id, by=cast.ana)
    assert session.scalars(select(TaskEvent).where(TaskEvent.task_id == first.id)).all()


def test_a_text_that_was_being_filed_while_the_view_was_looked_at_is_left(
    fresh_cast: Cast, fresh_session: Session
) -> None:
    """Its moment lies before the look, its commit after it."""
    snapshot = bulk.snapshot_of(fresh_session)
    fresh_session.commit()
    task = a_task(fresh_session, cast=fresh_cast)
    fresh_session.commit()
    looked_at = clock.now(fresh_session) + timedelta(minutes=1)

    missed = bulk.complete(fresh_session, View(Slug.ALL, Filters(), looked_at, snapshot), by=fresh_cast.ana)
    again = View(Slug.ALL, Filters(), looked_at, bulk.snapshot_of(fresh_session))
    done = bulk.complete(fresh_session, again, by=fresh_cast.ana)

    assert missed.left == {task.id: bulk.CHANGED}
    assert done.done == [task.id]
