"""Counting tries in the database."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.domain.practice import throttle
from triage.domain.practice.throttle import Limit, Throttle
from triage.kit import clock

CODES = Limit("codes", tries=3, window=timedelta(minutes=10))


def test_tries_are_counted_until_the_limit(session: Session) -> None:
    now = clock.now(session)

    waits = [throttle.wait_for(session, CODES, "one", now=now) for _ in range(4)]

    assert waits == [None, None, None, timedelta(minutes=10)]


def test_the_wait_gets_shorter_and_ends(session: Session) -> None:
    now = clock.now(session)
    for _ in range(4):
        throttle.wait_for(session, CODES, "one", now=now)

    assert throttle.wait_for(session, CODES, "one", now=now + timedelta(minutes=9)) == timedelta(minutes=1)
    assert throttle.wait_for(session, CODES, "one", now=now + timedelta(minutes=10)) is None


def test_subjects_and_kinds_are_counted_apart(session: Session) -> None:
    now = clock.now(session)
    other = Limit("births", tries=3, window=timedelta(minutes=10))
    for _ in range(3):
        throttle.wait_for(session, CODES, "one", now=now)

    assert throttle.wait_for(session, CODES, "two", now=now) is None
    assert throttle.wait_for(session, other, "one", now=now) is None


def test_no_row_names_anybody(session: Session) -> None:
    throttle.wait_for(session, CODES, "ana@clinic.example", now=clock.now(session))

    assert "ana" not in session.scalars(select(Throttle.key)).one()


def test_old_counts_are_removed(session: Session) -> None:
    now = clock.now(session)
    throttle.wait_for(session, CODES, "old", now=now - timedelta(days=3))
    throttle.wait_for(session, CODES, "new", now=now)

    assert throttle.trim(session, now=now) == 1
    assert session.scalar(select(func.count()).select_from(Throttle)) == 1
