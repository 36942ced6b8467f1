"""Transactions: all or nothing, what waits for the commit, and what stays readable afterwards."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.cast import OTHER_NUMBER, Cast
from triage.domain.practice.practice import PracticeNumber
from triage.kit import db

pytestmark = pytest.mark.usefixtures("connection")


def find_number(session: Session) -> PracticeNumber:
    return session.scalars(select(PracticeNumber).where(PracticeNumber.number == OTHER_NUMBER)).one()


def label_now() -> str:
    with db.reading() as session:
        return find_number(session).label


def test_what_was_read_stays_readable_after_the_block() -> None:
    with db.reading() as session:
        number = find_number(session)

    assert number.number == OTHER_NUMBER


def test_reading_keeps_nothing() -> None:
    with db.reading() as session:
        find_number(session).label = "Changed"
        session.flush()

    assert label_now() == "Front desk"


def test_a_transaction_keeps_what_was_changed() -> None:
    with db.transaction() as session:
        find_number(session).label = "Changed"

    assert label_now() == "Changed"


def test_a_transaction_that_fails_keeps_nothing() -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        find_number(session).label = "Changed"
        session.flush()
        _ = 1 // 0

    assert label_now() == "Front desk"


def test_what_waits_for_the_commit_happens_after_it() -> None:
    seen: list[str] = []

    with db.transaction() as session:
        find_number(session).label = "Changed"
        db.after_commit(session, lambda: seen.append(label_now()))
        assert seen == []

    assert seen == ["Changed"]


def test_what_waits_for_the_commit_is_forgotten_when_it_fails() -> None:
    seen: list[str] = []

    with pytest.raises(ZeroDivisionError), db.transaction() as session:
        db.after_commit(session, lambda: seen.append("done"))
        _ = 1 // 0

    assert seen == []


def test_transactions_that_belong_together_are_kept_together() -> None:
    with db.all_or_nothing():
        with db.transaction() as session:
            find_number(session).label = "First"
        with db.transaction() as session:
            find_number(session).label += " and second"

    assert label_now() == "First and second"


def test_transactions_that_belong_together_are_taken_back_together() -> None:
    with pytest.raises(ZeroDivisionError), db.all_or_nothing():
        with db.transaction() as session:
            find_number(session).label = "Changed"
        assert label_now() == "Changed"
        _ = 1 // 0

    assert label_now() == "Front desk"


def test_ids_made_later_sort_later() -> None:
    ids = [db.new_id() for _ in range(1000)]

    assert ids == sorted(set(ids))


def test_a_row_cannot_point_into_another_practice(session: Session, cast: Cast) -> None:
    session.add(
        PracticeNumber(
            practice_id=cast.other_practice.id,
            number="+12025550177",
            label="Theirs",
            facility_id=cast.north.id,
        )
    )

    with pytest.raises(IntegrityError, match="fk_practice_number_practice_id_facility_id"):
        session.flush()
