"""Birth dates as people write them: read in the order that was asked for, and never guessed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.patients import birth_dates
from triage.domain.patients.birth_dates import NOTHING, OLDEST_YEARS, Found, Order, Reading, read

TODAY = date(2026, 11, 22)
MARCH, APRIL = date(1990, 3, 4), date(1990, 4, 3)
ORDERS = st.sampled_from(Order)
BORN = st.dates(date(TODAY.year - OLDEST_YEARS, 1, 1), TODAY)
MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
}


def reading(text: str, order: Order = Order.MONTH_FIRST) -> Reading:
    return read(text, order, today=TODAY)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/1990",
        "3/4/1990",
        "3-4-90",
        "3.4.1990",
        "3 4 90",
        "3 / 4 / 1990",
        "3–4–1990",
        "03041990",
        "030490",
        "3/4/'90",
        "my birthday is 3/4/1990",
        "DOB: 03/04/1990",
        "Hi, I was born on 03/04/1990. Thank you!",
        "mi fecha de nacimiento es 03/04/1990, gracias",
        "٠٣/٠٤/١٩٩٠",
    ],
)
def test_numbers_are_read_in_the_order_that_was_asked_for(text: str) -> None:
    assert reading(text) == Reading(Found.DATE, MARCH)
    assert reading(text, Order.DAY_FIRST) == Reading(Found.DATE, APRIL)


@pytest.mark.parametrize(
    "text",
    [
        "March 4 1990",
        "march 4th, 1990",
        "Mar. 4, '90",
        "4 March 1990",
        "the 4th of March 1990",
        "4 de marzo de 1990",
        "4 de Marzo del 1990",
        "nací el 4 de marzo de 1990",
        "4-mar-1990",
        "1990 March 4",
        "1990-03-04",
        "1990/3/4",
    ],
)
@pytest.mark.parametrize("order", Order)
def test_a_month_s_name_or_a_year_in_front_needs_no_order(text: str, order: Order) -> None:
    assert reading(text, order) == Reading(Found.DATE, MARCH)


def test_the_month_of_may_is_no_question() -> None:
    assert reading("May 5 1990").born_on == date(1990, 5, 5)
    assert reading("may I come at 5") == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "02/30/1990",
        "13/13/1990",
        "0/4/1990",
        "30 February 1990",
        "1/1/2999",
        "11/23/2026",
        "1/1/1850",
        "000000",
    ],
)
def test_a_day_on_which_nobody_was_born_is_impossible(text: str) -> None:
    assert reading(text) == Reading(Found.IMPOSSIBLE)


@pytest.mark.parametrize(
    ("text", "born_on"),
    [("11/22/26", TODAY), ("11/23/26", date(1926, 11, 23)), ("1/1/27", date(1927, 1, 1))],
)
def test_two_digits_of_a_year_mean_the_past(text: str, born_on: date) -> None:
    assert reading(text).born_on == born_on


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "3/4",
        "1990",
        "March 1990",
        "call 202-555-0150",
        "2025550150",
        "120/80/7",
        "3/4/1990 or 3/5/1990",
        "3/4/19900",
        "x" * 500 + " 3/4/1990",
    ],
)
def test_what_is_no_date_is_nothing(text: str) -> None:
    assert reading(text) == NOTHING


def test_the_same_date_twice_is_one() -> None:
    assert reading("3/4/1990 (March 4 1990)") == Reading(Found.DATE, MARCH)


@pytest.mark.parametrize("text", ["3/4/1990 and I need a refill", "I have a fever since 3/4/2024"])
def test_words_beside_a_date_are_for_somebody_to_read(text: str) -> None:
    assert reading(text).found is Found.DATE
    assert reading(text).says_more


def test_an_appointment_that_somebody_asks_for_is_no_birth_date() -> None:
    assert reading("Can I come on 11/24/26?") == Reading(Found.IMPOSSIBLE, says_more=True)


def test_one_s_own_name_says_nothing_more() -> None:
    names = birth_dates.words_of("José Ángel Núñez")

    found = read("Jose Angel NÚÑEZ 3/4/1990", Order.MONTH_FIRST, today=TODAY, names=names)

    assert found == Reading(Found.DATE, MARCH)


@given(BORN, ORDERS, st.sampled_from("/-. "), st.booleans())
def test_every_date_is_read_as_it_was_asked_for(born: date, order: Order, sign: str, is_padded: bool) -> None:
    form = "02" if is_padded else ""
    month, day = format(born.month, form), format(born.day, form)
    first, second = (month, day) if order is Order.MONTH_FIRST else (day, month)

    assert reading(f"{first}{sign}{second}{sign}{born.year}", order) == Reading(Found.DATE, born)


@given(BORN, ORDERS, st.sampled_from(["en", "es"]), st.booleans())
def test_every_date_is_read_with_its_month_s_name(
    born: date, order: Order, language: str, is_short: bool
) -> None:
    month = MONTHS[language][born.month - 1]
    month = month[:3] if is_short else month
    written = (
        f"{month} {born.day}, {born.year}" if language == "en" else f"{born.day} de {month} de {born.year}"
    )

    assert reading(written, order) == Reading(Found.DATE, born)


@given(st.dates(TODAY - timedelta(days=36500), TODAY), ORDERS)
def test_a_short_year_is_the_last_one_that_fits(born: date, order: Order) -> None:
    parts = (born.month, born.day) if order is Order.MONTH_FIRST else (born.day, born.month)

    assert reading("{}/{}/{:02}".format(*parts, born.year % 100), order).born_on == born


@given(st.text(max_size=400), ORDERS)
def test_nothing_that_is_written_breaks_it(text: str, order: Order) -> None:
    found = reading(text, order)

    assert (found.born_on is not None) is (found.found is Found.DATE)
    assert found.born_on is None or found.born_on <= TODAY


@pytest.mark.parametrize(
    ("region", "language", "shown"),
    [
        ("US", "en", "MM/DD/YYYY"),
        ("PH", "en", "MM/DD/YYYY"),
        ("US", "es", "MM/DD/AAAA"),
        ("GB", "en", "DD/MM/YYYY"),
        ("MX", "es", "DD/MM/AAAA"),
        ("CA", "fr", "DD/MM/YYYY"),
    ],
)
def test_what_is_asked_for_follows_from_the_region(region: str, language: str, shown: str) -> None:
    assert birth_dates.shown(birth_dates.order_of(region), language) == shown
