"""The practice's own words: kept, used from the next text on, and taken back."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from triage.domain.practice import texts
from triage.domain.practice.member import load_member
from triage.domain.practice.practice import Practice
from triage.domain.practice.texts import PracticeText
from triage.domain.wording import SIGNATURE
from triage.kit import clock
from triage.kit.errors import Invalid


def save(session: Session, cast: Cast, body: str) -> bool:
    return texts.save(session, cast.practice_id, SIGNATURE, body, now=clock.now(session))


def test_without_own_words_those_of_the_product_hold(session: Session, cast: Cast) -> None:
    assert texts.bodies_of(session, cast.practice_id) == {"signature": "- {first_name}"}


def test_own_words_hold_for_this_practice_alone(session: Session, cast: Cast) -> None:
    assert save(session, cast, "Your team at {practice}")

    assert texts.bodies_of(session, cast.practice_id)["signature"] == "Your team at {practice}"
    assert texts.bodies_of(session, cast.dan.practice_id)["signature"] == SIGNATURE.body


def test_the_words_of_the_product_leave_no_row(session: Session, cast: Cast) -> None:
    save(session, cast, "Your team")

    assert save(session, cast, SIGNATURE.body)
    assert not save(session, cast, SIGNATURE.body)
    assert session.scalar(select(func.count()).select_from(PracticeText)) == 0


def test_words_that_cannot_be_used_are_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid) as refusal:
        save(session, cast, "- {nobody}")

    assert set(refusal.value.fields) == {"signature"}


def test_a_text_is_signed_with_the_practices_own_words(session: Session, cast: Cast) -> None:
    session.get_one(Practice, cast.practice_id).sign_texts = True
    save(session, cast, "{first_name}, {practice}")
    session.commit()
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    ana = load_member(session, cast.ana.id)
    assert ana

    message = builders.a_reply(session, by=ana, task=task, body="At nine.")

    assert message.body == "At nine.\nAna, Elm Street Clinic"
