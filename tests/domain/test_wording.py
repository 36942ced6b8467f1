"""A practice's own words for an automatic text: what can be used, and how it is filled."""

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
    assert wording.problem_of(text, text.body) is None
    assert segments.size_of(text.body).encoding == "GSM-7"
