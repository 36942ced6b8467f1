"""The now of a transaction."""

from datetime import timedelta

import pytest

from triage.kit import clock, db

pytestmark = pytest.mark.usefixtures("connection")


def test_a_transaction_has_one_now() -> None:
    with db.reading() as session:
        assert clock.now(session) == clock.now(session)


def test_the_next_transaction_has_a_later_one() -> None:
    with db.reading() as first:
        before = clock.now(first)
    with db.reading() as second:
        assert clock.now(second) > before


def test_now_is_in_utc() -> None:
    with db.reading() as session:
        assert clock.now(session).utcoffset() == timedelta(0)


def test_a_shifted_clock_is_later_inside_and_right_again_outside() -> None:
    with clock.shifted(timedelta(hours=1)), clock.shifted(timedelta(hours=1)), db.reading() as session:
        later = clock.now(session)
    with db.reading() as session:
        assert timedelta(hours=1, minutes=59) < later - clock.now(session) < timedelta(hours=2)
