"""Nothing happens twice: the same form again returns the first result."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.cast import Cast
from triage.domain.practice import submission
from triage.domain.practice.submission import Submission
from triage.kit import clock, db
from triage.kit.errors import NotPossible

CONTENT = {"body": "Yes, at nine.", "to": 7}


def test_a_new_form_has_no_result_yet(session: Session, cast: Cast) -> None:
    first = submission.first_result(session, cast.ana, db.new_id(), CONTENT, now=clock.now(session))

    assert first is None


def test_the_same_form_again_gives_the_first_result(session: Session, cast: Cast) -> None:
    form, result, now = db.new_id(), db.new_id(), clock.now(session)
    submission.first_result(session, cast.ana, form, CONTENT, now=now)
    submission.keep_result(session, cast.ana, form, result)
    session.flush()

    again = submission.first_result(session, cast.ana, form, {"to": 7, "body": "Yes, at nine."}, now=now)

    assert again is not None
    assert again.result_id == result


def test_the_same_form_with_other_content_is_refused(session: Session, cast: Cast) -> None:
    form, now = db.new_id(), clock.now(session)
    submission.first_result(session, cast.ana, form, CONTENT, now=now)

    with pytest.raises(NotPossible, match="other content"):
        submission.first_result(session, cast.ana, form, {**CONTENT, "body": "No."}, now=now)


def test_another_member_cannot_use_the_form_again(session: Session, cast: Cast) -> None:
    form, now = db.new_id(), clock.now(session)
    submission.first_result(session, cast.ana, form, CONTENT, now=now)

    with pytest.raises(NotPossible):
        submission.first_result(session, cast.ben, form, CONTENT, now=now)


def test_the_same_id_in_another_practice_is_another_form(session: Session, cast: Cast) -> None:
    form, now = db.new_id(), clock.now(session)
    submission.first_result(session, cast.ana, form, CONTENT, now=now)

    assert submission.first_result(session, cast.dan, form, CONTENT, now=now) is None


def test_keeping_the_result_of_no_form_is_harmless(session: Session, cast: Cast) -> None:
    submission.keep_result(session, cast.ana, db.new_id(), db.new_id())

    assert session.scalar(select(func.count()).select_from(Submission)) == 0


def test_old_forms_are_removed(session: Session, cast: Cast) -> None:
    now = clock.now(session)
    for age in (timedelta(days=8), timedelta(days=6)):
        submission.first_result(session, cast.ana, db.new_id(), CONTENT, now=now - age)

    submission.trim(session, now=now)

    assert session.scalar(select(func.count()).select_from(Submission)) == 1


def test_of_twenty_clicks_at_once_one_is_the_first(fresh_cast: Cast) -> None:
    form = db.new_id()

    def click(_: int) -> bool:
        with db.transaction() as session:
            now = clock.now(session)
            return submission.first_result(session, fresh_cast.ana, form, CONTENT, now=now) is None

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(click, range(20))).count(True) == 1
