"""The ground that the other tests stand on: people, databases, rolled-back acts."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, an_inbound, task_of
from tests.cast import Cast
from triage.domain.inbox.task import State, Task
from triage.kit import db


def test_a_text_becomes_a_pending_task(session: Session, cast: Cast) -> None:
    row = an_inbound(session, cast=cast)

    task = task_of(session, row)
    assert task is not None
    assert task.state is State.PENDING


def test_nothing_is_left_of_another_test(session: Session) -> None:
    assert session.scalar(select(func.count()).select_from(Task)) == 0


def test_tasks_come_in_every_state(session: Session, cast: Cast) -> None:
    for state in State:
        assert a_task(session, cast=cast, state=state).state is state


def test_a_reply_is_written_by_its_sender(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    message = a_reply(session, by=cast.ana, task=task)

    assert message.sent_by_id == cast.ana.id


def test_a_fresh_database_is_seen_by_every_connection(fresh_session: Session, fresh_cast: Cast) -> None:
    a_task(fresh_session, cast=fresh_cast)

    with db.reading() as elsewhere:
        assert elsewhere.scalar(select(func.count()).select_from(Task)) == 1
