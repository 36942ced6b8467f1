"""A practice's own words for an automatic text: what can be used, and how it is filled."""

from datetime import datetime, timedelta

import pytest

from triage.domain import wording
from triage.domain.conversations import segments
from triage.domain.wording import SIGNATURE


@pytest.mark.parametrize(
    "body", ["- {first_name}", "Your team at {practice}", "{first_name}\n{practice}", "- Jo"]
)
def test_words_with_known_places_can_be_used(body: str) -> None:
    assert wording.problem_of(SIGNATURE, body) is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "Write something"),
        ("x" * 121, "it can have 120"),
        ("- {last_name}", "There is no {last_name}. There are: {first_name}, {practice}."),
        ("- {}", "There is no {}."),
        ("- {first_name", "A brace has no partner."),
        ("- first_name}", "A brace has no partner."),
        ("- {first_name.__class__}", "A brace has no partner."),
        ("Reply YES to hear more", "Do not ask for YES"),
        ("text cancel and it ends", "Do not ask for CANCEL"),
    ],
)
def test_words_that_cannot_be_used_say_why(body: str, sentence: str) -> None:
    assert sentence in (wording.problem_of(SIGNATURE, body) or "")


def test_what_fills_a_place_is_not_read_for_places_again() -> None:
    filled = wording.filled("- {first_name} of {practice}", {"first_name": "{practice}", "practice": "Elm"})

    assert filled == "- {practice} of Elm"


@pytest.mark.parametrize("text", wording.TEXTS.values(), ids=lambda text: text.name)
def test_our_own_words_are_in_the_carriers_alphabet_and_follow_our_own_rules(text: wording.Text) -> None:
    for body in text.bodies.values():
        assert wording.problem_of(text, body) is None
        assert segments.size_of(body).encoding == "GSM-7"


@pytest.mark.parametrize("text", [wording.CLOSED_REPLY, wording.EMERGENCY], ids=lambda text: text.name)
def test_what_is_said_in_words_is_said_in_every_language(text: wording.Text) -> None:
    assert text.bodies.keys() == wording.LANGUAGES.keys()


# Thursday, 19 November 2026, in the evening.
NOW = datetime(2026, 11, 19, 19, 30)


@pytest.mark.parametrize(
    ("opens", "english", "spanish"),
    [
        (NOW.replace(hour=20, minute=0), "today at 8:00 pm", "hoy a las 20:00"),
        (NOW.replace(day=20, hour=8, minute=0), "tomorrow at 8:00 am", "mañana a las 8:00"),
        (NOW.replace(day=20, hour=1, minute=5), "tomorrow at 1:05 am", "mañana a la 1:05"),
        (NOW.replace(day=23, hour=12, minute=0), "on Monday at 12:00 pm", "el lunes a las 12:00"),
        (
            NOW.replace(day=26, hour=0, minute=0),
            "on November 26 at 12:00 am",
            "el 26 de noviembre a las 0:00",
        ),
        (None, "when we open again", "cuando abramos de nuevo"),
    ],
)
def test_when_it_opens_is_said_as_people_say_it(opens: datetime | None, english: str, spanish: str) -> None:
    assert wording.opening_phrase("en", opens, NOW) == english
    assert wording.opening_phrase("es", opens, NOW) == spanish


def test_the_closed_hours_reply_holds_practice_opening_and_emergency_wording() -> None:
    bodies = {
        ("closed_reply", "en"): "{practice} opens {opens}. {emergency}",
        ("emergency", "en"): "Call {practice}!",
    }

    said = wording.closed_reply(bodies, "en", practice="Elm", opens="tomorrow")

    assert said == "Elm opens tomorrow. Call Elm!"


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_our_own_closed_hours_reply_fits_into_one_text(language: str) -> None:
    bodies = {(text.name, one): body for text in wording.TEXTS.values() for one, body in text.bodies.items()}
    opens = wording.opening_phrase(language, NOW + timedelta(days=4, hours=12), NOW)

    said = wording.closed_reply(bodies, language, practice="Elm Street Clinic", opens=opens)

    assert segments.size_of(said).segments == 1
