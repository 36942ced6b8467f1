"""Whether a text names somebody of those who share a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.patients.people import a_person
from triage.domain.patients.naming import names_somebody

SAM, WILL, ZOE = (
    a_person("Sam Rivera"),
    a_person("Will Rose"),
    a_person("Zoë Brøndum", contact="Maria O'Neil"),
)


@pytest.mark.parametrize(
    "body",
    [
        "Sam's results are here",
        "is this sam?",
        "For SAM RIVERA",
        "Mrs. Rivera, please call",
        "Will can come at nine",
        "Hello Zoe",
        "Ask Maria",
        "Dear Mrs O'Neil",
    ],
)
def test_a_name_is_found_however_it_is_written(body: str) -> None:
    assert names_somebody(body, [SAM, WILL, ZOE])


@pytest.mark.parametrize(
    "body", ["We will call you", "A rose by the door", "The same time", "Who is writing, please?", ""]
)
def test_words_that_are_no_names_are_none(body: str) -> None:
    assert not names_somebody(body, [SAM, WILL, ZOE])


@given(st.text())
def test_nobody_is_named_where_nobody_is_known(body: str) -> None:
    assert not names_somebody(body, [])
    names_somebody(body, [SAM])
