"""Phone numbers: what a person meant, and how the practice's region writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.kit import phone


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        ("(202) 555-0123", "US", "+12025550123"),
        ("202.555.0123", "US", "+12025550123"),
        ("+1 202 555 0123", "GB", "+12025550123"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("22395", "US", None),
        ("ELMSTREET", "US", None),
        ("", "US", None),
        ("not a number", "US", None),
    ],
)
def test_what_a_person_wrote_becomes_a_number(raw: str, region: str, number: str | None) -> None:
    assert phone.as_e164(raw, region) == number


@pytest.mark.parametrize(
    ("number", "region", "shown"),
    [
        ("+12025550123", "US", "(202) 555-0123"),
        ("+442079460018", "US", "+44 20 7946 0018"),
        ("+442079460018", "GB", "020 7946 0018"),
        ("+4220000", "US", "+4220000"),
        ("22395", "US", "22395"),
        ("ELMSTREET", "US", "ELMSTREET"),
    ],
)
def test_a_number_is_shown_as_the_region_writes_it(number: str, region: str, shown: str) -> None:
    assert phone.for_people(number, region) == shown


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_number_or_none(raw: str) -> None:
    number = phone.as_e164(raw, "US")

    assert number is None or phone.is_e164(number)


@given(st.text(max_size=30))
def test_whatever_the_carrier_names_can_be_shown(number: str) -> None:
    assert isinstance(phone.for_people(number, "US"), str)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_every_number_of_the_right_shape_can_be_shown(number: str) -> None:
    assert phone.for_people(number, "US")
