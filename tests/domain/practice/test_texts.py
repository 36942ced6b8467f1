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
from triage.domain.wording import ANY, CLOSED_REPLY, SIGNATURE
from triage.kit import clock
from triage.kit.errors import Invalid


def save(session: Session, cast: Cast, body: str) -> bool:
    return texts.save(session, cast.practice_id, SIGNATURE, body, language=ANY, now=clock.now(session))


def test_without_own_words_those_of_the_product_hold(session: Session, cast: Cast) -> None:
    bodies = texts.bodies_of(session, cast.practice_id)

    assert bodies["signature", ANY] == "- {first_name}"
    assert bodies["closed_reply", "es"] == CLOSED_REPLY.bodies["es"]


def test_own_words_hold_for_this_practice_alone(session: Session, cast: Cast) -> None:
    assert save(session, cast, "Your team at {practice}")

    assert texts.bodies_of(session, cast.practice_id)["signature", ANY] == "Your team at {practice}"
    assert texts.bodies_of(session, cast.dan.practice_id)["signature", ANY] == SIGNATURE.bodies[ANY]


def test_the_words_of_the_product_leave_no_row(session: Session, cast: Cast) -> None:
    save(session, cast, "Your team")

    assert save(session, cast, SIGNATURE.bodies[ANY])
    assert not save(session, cast, SIGNATURE.bodies[ANY])
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


def test_each_language_has_words_of_its_own(session: Session, cast: Cast) -> None:
    body = "Vuelva a escribir {opens}."
    now = clock.now(session)

    texts.save(session, cast.practice_id, CLOSED_REPLY, body, language="es", now=now)

    bodies = texts.bodies_of(session, cast.practice_id)
    assert bodies["closed_reply", "es"] == body
    assert bodies["closed_reply", "en"] == CLOSED_REPLY.bodies["en"]


@pytest.mark.parametrize(
    ("name", "language"), [("signature", "en"), ("closed_reply", ""), ("closed_reply", "fr")]
)
def test_a_text_is_found_in_its_own_languages_alone(name: str, language: str) -> None:
    with pytest.raises(Invalid):
        texts.find_text(name, language)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [(["es"], "es"), (["es", "es"], "es"), (["es", "en"], "en"), ([], "en"), (["fr"], "en")],
)
def test_somebody_is_texted_in_their_language_or_in_the_first(wanted: list[str], language: str) -> None:
    assert texts.language_for(wanted, ["en", "es"]) == language
