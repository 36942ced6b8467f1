"""The consent form: its words in both languages, and drawings that are drawings."""

import json
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.patients import consent_form
from triage.domain.patients.consent import Category
from triage.domain.wording import LANGUAGES
from triage.kit.errors import Invalid


def test_there_is_a_form_in_every_language_of_the_product() -> None:
    assert set(consent_form.WORDS) == set(LANGUAGES)
    for words in consent_form.WORDS.values():
        places = {name for _, name, _, _ in Formatter().parse(words.text) if name}
        assert places == {"practice", "number"}
        assert set(words.categories) == set(Category)
        assert "STOP" in words.text


def test_a_language_without_a_form_gets_the_first_one() -> None:
    assert consent_form.words_in("fr")[0] == "en"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "[]",
        "no json",
        "{}",
        "[[]]",
        "[[1]]",
        "[[1, 2, 3]]",
        '[["1", "2"]]',
        "[[1.5, 2]]",
        "[[true, false]]",
        "[[1, -2]]",
        "[[1, 601]]",
        '[[1, 2], "<script>"]',
        "[" * 2000,
        json.dumps([[1, 2]] * 201),
        json.dumps([[1, 2] * 6001]),
    ],
)
def test_what_is_no_drawing_is_kept_as_none(given: str) -> None:
    assert consent_form.strokes(given) is None


points = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 200)), min_size=1, max_size=20)


@given(st.lists(points.map(lambda found: [at for point in found for at in point]), min_size=1, max_size=20))
def test_a_drawing_is_kept_as_it_is_and_drawn_as_lines(drawn: list[list[int]]) -> None:
    assert consent_form.strokes(json.dumps(drawn)) == drawn
    path = consent_form.path(drawn)
    assert path.count("M") == len(drawn)
    assert set(path) <= set("ML 0123456789")


@pytest.mark.parametrize("given", ["", "   ", "\x00"])
def test_a_form_without_a_name_is_not_signed(given: str) -> None:
    with pytest.raises(Invalid, match=r"Escriba su nombre"):
        consent_form.name_of(given, consent_form.WORDS["es"])


def test_care_is_part_of_every_consent() -> None:
    assert consent_form.categories_of(["notices", "nonsense"]) == {Category.CARE, Category.NOTICES}
