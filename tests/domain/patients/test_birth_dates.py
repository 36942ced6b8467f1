"""Birth dates as people text them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.patients.birth_dates import Found, Order, Reading, read

TODAY = date(2026, 11, 22)
BORN = date(1990, 3, 4)
DAYS = st.dates(min_value=TODAY - timedelta(days=99 * 365), max_value=TODAY)


def month_first(text: str) -> Reading:
    return read(text, Order.MONTH_FIRST, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/1990",
        "3-4-90",
        "3.4.1990",
        "03 04 1990",
        "3 / 4 / 90",
        "03041990",
        "030490",
        "1990-03-04",
        "1990/3/4",
        "March 4 1990",
        "march 4th, 1990",
        "Mar. 4, 1990",
        "4 March 1990",
        "the 4th of march 1990",
        "4 de marzo de 1990",
        "Marzo 4, 1990",
        "4 marzo '90",
        "My birthday is 3/4/1990 thanks",
        "it's 3/4/1990.",
        "3/4/1990 (03/04/1990)",
    ],
)
def test_a_date_is_read_however_it_is_written(text: str) -> None:
    assert month_first(text) == Reading(Found.DATE, BORN)


def test_it_is_read_in_the_order_that_was_asked_for() -> None:
    assert read("03/04/1990", Order.DAY_FIRST, today=TODAY).born_on == date(1990, 4, 3)
    assert read("March 4 1990", Order.DAY_FIRST, today=TODAY).born_on == BORN
    assert read("1990-03-04", Order.DAY_FIRST, today=TODAY).born_on == BORN


@pytest.mark.parametrize(
    "text", ["25/12/1990", "02/30/1990", "Feb 30 1990", "00/10/1990", "12/01/2031", "3/4/1850", "99999999"]
)
def test_what_is_no_day_of_anybody_here_is_impossible(text: str) -> None:
    assert month_first(text).found is Found.IMPOSSIBLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Who is this?",
        "I will be there at 3",
        "March 4",
        "1990",
        "call me at 202-555-0150",
        "+12025550150",
        "2025550150",
        "3/4/1990 or 4/3/1990",
        "room 12, floor 3",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert month_first(text).found is Found.NOTHING


def test_two_digits_mean_the_last_hundred_years() -> None:
    assert month_first("11/22/26").born_on == TODAY
    assert month_first("11/23/26").found is Found.IMPOSSIBLE
    assert month_first("1/2/27").born_on == date(1927, 1, 2)


@given(DAYS, st.sampled_from(["/", "-", ".", " "]), st.booleans())
def test_every_day_is_read_back_in_both_orders(day: date, between: str, is_short: bool) -> None:
    year = f"{day:%y}" if is_short else f"{day:%Y}"
    written = {
        Order.MONTH_FIRST: f"{day.month}{between}{day.day}{between}{year}",
        Order.DAY_FIRST: f"{day.day:02}{between}{day.month:02}{between}{year}",
    }

    for order, text in written.items():
        assert read(text, order, today=TODAY) == Reading(Found.DATE, day)


@given(st.text(max_size=200))
def test_whatever_is_texted_is_read_without_failing(text: str) -> None:
    assert read(text, Order.DAY_FIRST, today=TODAY).found in Found
