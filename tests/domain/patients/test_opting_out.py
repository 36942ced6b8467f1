"""Asking in one's own words not to be texted; the figures are in `bench/opt_out_words.py`."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.patients.opting_out import found_in, plain


@pytest.mark.parametrize(
    "body",
    [
        "Please don't text me any more",
        "STOP TEXTING ME!!!",
        "stop",
        "Stop please 🙏",
        "Wrong number. Take me off your list",
        "I no longer wish to receive these messages.",
        "No más mensajes, por favor",
        "ya no me manden textos",
        "Quiero darme de baja",
        "Não quero mais receber mensagens",
        "Ne m'envoyez plus de textos",
        "请不要再给我发短信",
    ],
)
def test_who_asks_for_no_more_texts_is_noticed(body: str) -> None:
    assert found_in(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Can I stop taking the pills?",
        "I will stop by at 3",
        "Please don't stop texting me",
        "No quiero que dejen de mandar mensajes",
        "Unsubscribe me from the email newsletter",
        "When does the treatment end?",
        "Please remove the stitches",
        "Text me when it is ready",
    ],
)
def test_who_asks_for_something_else_is_not(body: str) -> None:
    assert found_in(body) is None


def test_the_words_are_given_back_for_staff_to_see() -> None:
    assert found_in("Hello. Please don’t TEXT me anymore, thank you.") == "don't text me"


@pytest.mark.parametrize(
    "body",
    [
        "I don't know who you are, quit texting",
        "You have the wrong number by mistake please stop texting me",
        "I never signed up for this, stop texting me",
        "STOP STOP STOP",
        "stopall please",
    ],
)
def test_other_words_around_it_hide_nothing(body: str) -> None:
    assert found_in(body)


@given(st.text(max_size=1600))
def test_what_is_found_stands_in_the_text(body: str) -> None:
    found = found_in(body)

    assert found is None or found in plain(body) or found in unicodedata.normalize("NFKC", body)
