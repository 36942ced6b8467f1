"""Marking what was looked for in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.inbox import marking


@pytest.mark.parametrize(
    ("text", "words", "hits"),
    [
        ("A refill of REFILLS", "refil", ["refil", "REFIL"]),
        ("¿Mi cita es mañana?", "manana cita", ["cita", "mañana"]),
        ("Prefill", "refill", []),
        ("a < b & c", "b", ["b"]),
        ("anything", "", []),
        ("ﬁne, not two letters", "two", ["two"]),
    ],
)
def test_words_are_marked_where_they_begin_a_word(text: str, words: str, hits: list[str]) -> None:
    parts = marking.parts(text, words)

    assert [part.text for part in parts if part.is_hit] == hits
    assert "".join(part.text for part in parts) == text


@given(st.text(), st.text())
def test_marking_loses_no_sign(text: str, words: str) -> None:
    assert "".join(part.text for part in marking.parts(text, words)) == text


def test_an_excerpt_holds_the_first_of_the_words() -> None:
    text = "one " * 100 + "refill\n soon " + "two " * 100

    excerpt = marking.excerpt(text, "refill")

    assert excerpt.startswith("…one")
    assert "refill soon two" in excerpt
    assert marking.excerpt("  A\n refill ", "refill") == "A refill"
    assert marking.excerpt(text, "nothing") == " ".join(text.split())[: marking.SNIPPET]
