"""Ages, days and numbers as pages write them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask, g

from triage.web import filters

NOW = datetime(2026, 11, 25, 3, 30, tzinfo=UTC)


@pytest.fixture
def in_new_york(app: Flask) -> Iterator[None]:
    """Half past ten in the evening of Tuesday, 24 November."""
    with app.test_request_context("/"):
        g.now, g.time_zone = NOW, "America/New_York"
        yield


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=18), "18m"),
        (timedelta(minutes=60), "1h 00m"),
        (timedelta(hours=2, minutes=4), "2h 04m"),
        (timedelta(hours=23, minutes=59), "23h 59m"),
        (timedelta(days=3, hours=9), "3d"),
    ],
)
def test_an_age_is_as_short_as_it_can_be(span: timedelta, words: str) -> None:
    assert filters.duration(span) == words


@pytest.mark.usefixtures("in_new_york")
def test_days_and_times_are_the_practices_own() -> None:
    assert filters.clock_time(NOW) == "22:30"
    assert filters.day(NOW) == "Today"
    assert filters.day(NOW - timedelta(hours=23)) == "Yesterday"
    assert filters.day(date(2026, 11, 12)) == "Thu 12 Nov"
    assert filters.day(date(2024, 2, 29)) == "Thu 29 Feb 2024"
    assert filters.when(NOW - timedelta(minutes=5)) == "22:25"
    assert filters.full_time(NOW) == "Tue 24 Nov 2026, 22:30"


@pytest.mark.parametrize(("number", "shown"), [(0, ""), (None, ""), (1, "1"), (999, "999"), (1000, "999+")])
def test_a_count_says_nothing_of_nothing(number: int | None, shown: str) -> None:
    assert filters.count(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [("+12025550123", "(202) 555-0123"), ("+442079460018", "+442079460018"), ("CITYLAB", "CITYLAB")],
)
def test_a_number_of_the_region_is_written_as_people_write_it(number: str, shown: str) -> None:
    assert filters.phone(number) == shown
