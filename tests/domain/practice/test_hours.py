"""Opening hours: open or closed at a moment, when that changes, and what a form may say."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from triage.domain.practice import hours
from triage.domain.practice.hours import Hours, Span, Typed
from triage.kit.errors import Invalid

NEW_YORK = "America/New_York"
# Where clocks jump at midnight, and by half an hour.
ZONES = (NEW_YORK, "UTC", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia")
CLOSED: tuple[Span, ...] = ()
WORKDAY = (Span(8 * 60, 17 * 60),)
OFFICE = Hours((WORKDAY,) * 5 + (CLOSED,) * 2, {}, NEW_YORK)


def at(words: str, zone: str = NEW_YORK) -> datetime:
    """On the practice's own clock; the first time, where clocks show it twice."""
    return datetime.fromisoformat(words).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def daily(*spans: Span, zone: str = NEW_YORK) -> Hours:
    return Hours((spans,) * 7, {}, zone)


@some.composite
def spans_of_a_day(draw: some.DrawFn) -> tuple[Span, ...]:
    marks = sorted(draw(some.sets(some.integers(0, 1440), max_size=6)))
    return tuple(Span(*pair) for pair in zip(marks[::2], marks[1::2], strict=False))


@some.composite
def any_hours(draw: some.DrawFn) -> Hours:
    week = draw(some.tuples(*[spans_of_a_day()] * 7))
    near = some.dates(date(2026, 10, 1), date(2026, 12, 1))
    return Hours(
        week, draw(some.dictionaries(near, spans_of_a_day(), max_size=5)), draw(some.sampled_from(ZONES))
    )


# Both changes of the clock lie in it, in both halves of the earth.
moments = some.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 20), timezones=some.just(UTC))


@settings(max_examples=150, deadline=None)
@given(any_hours(), moments)
def test_what_is_named_as_the_next_opening_is_open_and_nothing_before_it_is(
    given_hours: Hours, moment: datetime
) -> None:
    opening = hours.next_opening(given_hours, moment)

    if opening is None:
        assert not hours.is_open(given_hours, moment)
        return
    assert opening >= moment
    assert hours.is_open(given_hours, opening)
    if opening > moment:
        wait = opening - moment
        assert not any(hours.is_open(given_hours, moment + wait * part / 20) for part in range(20))
        assert not hours.is_open(given_hours, opening - timedelta(microseconds=1))


@settings(max_examples=150, deadline=None)
@given(any_hours(), moments)
def test_it_stays_open_until_the_moment_named_as_the_closing(given_hours: Hours, moment: datetime) -> None:
    closing = hours.next_closing(given_hours, moment)

    if closing is None:
        return
    assert hours.is_open(given_hours, moment)
    assert hours.is_open(given_hours, closing - timedelta(microseconds=1))
    assert not hours.is_open(given_hours, closing)


@settings(max_examples=100, deadline=None)
@given(spans_of_a_day(), moments)
def test_without_a_change_of_the_clock_it_is_open_exactly_when_the_clock_shows_it(
    spans: tuple[Span, ...], moment: datetime
) -> None:
    minute = moment.hour * 60 + moment.minute
    expected = any(span.opens <= minute < span.closes for span in spans)

    assert hours.is_open(daily(*spans, zone="UTC"), moment) == (expected or not spans)


@settings(max_examples=100, deadline=None)
@given(any_hours())
def test_what_is_kept_is_read_as_it_was(given_hours: Hours) -> None:
    kept = hours.as_kept(given_hours.week, given_hours.dates)

    again = hours.read(kept, given_hours.time_zone)
    assert again.are_set == given_hours.are_set
    assert (again.week, again.dates) == (given_hours.week, given_hours.dates)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20T07:59:59", False),
        ("2026-11-20T08:00", True),
        ("2026-11-20T16:59:59", True),
        ("2026-11-20T17:00", False),
        ("2026-11-21T12:00", False),
    ],
)
def test_an_office_is_open_from_its_first_minute_to_before_its_last(moment: str, is_open: bool) -> None:
    assert hours.is_open(OFFICE, at(moment)) is is_open


def test_a_weekend_is_waited_for_until_monday() -> None:
    assert hours.next_opening(OFFICE, at("2026-11-20T17:00")) == at("2026-11-23T08:00")


def test_a_date_of_its_own_goes_before_the_week() -> None:
    thanksgiving, short = date(2026, 11, 26), date(2026, 11, 27)
    special = OFFICE._replace(dates={thanksgiving: CLOSED, short: (Span(9 * 60, 12 * 60),)})

    assert not hours.is_open(special, at("2026-11-26T10:00"))
    assert hours.next_opening(special, at("2026-11-25T17:00")) == at("2026-11-27T09:00")
    assert hours.next_closing(special, at("2026-11-27T10:00")) == at("2026-11-27T12:00")


def test_hours_that_the_clock_jumps_over_begin_with_the_jump() -> None:
    early = daily(Span(2 * 60 + 30, 6 * 60))
    jump = at("2026-03-08T03:00")

    assert hours.next_opening(early, jump - timedelta(hours=1)) == jump
    assert hours.is_open(early, jump)


def test_hours_that_lie_in_the_jump_alone_do_not_take_place() -> None:
    lost = daily(Span(2 * 60, 3 * 60))

    assert hours.next_opening(lost, at("2026-03-08T01:00")) == at("2026-03-09T02:00")


def test_an_hour_that_comes_twice_is_open_until_the_clock_first_shows_the_end() -> None:
    night = daily(Span(0, 90))

    assert hours.next_closing(night, at("2026-11-01T01:00")) == at("2026-11-01T01:30")
    assert not hours.is_open(night, at("2026-11-01T01:30") + timedelta(minutes=30))


def test_a_night_of_two_spans_is_one_opening() -> None:
    night = daily(Span(0, 6 * 60), Span(22 * 60, 1440))

    assert hours.next_closing(night, at("2026-11-20T23:00")) == at("2026-11-21T06:00")


def test_who_says_nothing_is_always_open() -> None:
    silent = hours.read(None, NEW_YORK)

    assert hours.is_open(silent, at("2026-11-22T03:00"))
    assert hours.as_kept(silent.week, silent.dates) is None


@pytest.mark.parametrize(
    ("given_hours", "moment", "sentence"),
    [
        (OFFICE, "2026-11-20T10:00", "Open now, closes 17:00."),
        (OFFICE, "2026-11-20T07:00", "Closed now, opens 08:00."),
        (OFFICE, "2026-11-19T18:00", "Closed now, opens tomorrow 08:00."),
        (OFFICE, "2026-11-20T18:00", "Closed now, opens Monday 08:00."),
        (OFFICE._replace(week=(CLOSED,) * 7, dates={date(2026, 12, 24): WORKDAY}), "2026-11-20T18:00",
         "Closed now, opens 24 Dec 08:00."),
        (OFFICE._replace(week=(CLOSED,) * 7, dates={date(2026, 11, 20): CLOSED}), "2026-11-20T18:00",
         "Closed now, until further notice."),
        (daily(Span(0, 1440)), "2026-11-20T10:00", "Open now, around the clock."),
        (daily(Span(600, 1440)), "2026-11-20T11:00", "Open now, closes 00:00."),
        (hours.read(None, NEW_YORK), "2026-11-20T10:00",
         "No opening hours yet: the practice counts as always open."),
    ],
)  # fmt: skip
def test_it_says_how_it_stands(given_hours: Hours, moment: str, sentence: str) -> None:
    assert hours.reading(given_hours, at(moment)) == sentence


def a_week(*monday: tuple[str, str]) -> list[list[Typed]]:
    return [[Typed(*pair) for pair in monday], *([] for _ in range(6))]


def test_a_form_may_say_several_spans_in_any_order_and_leave_pairs_empty() -> None:
    week = hours.checked_week(a_week(("13:00", "17:30"), ("", ""), ("8:00", "12:00"), (" ", "")))

    assert week[0] == (Span(480, 720), Span(780, 1050))
    assert week[1] == CLOSED


def test_midnight_ends_a_day() -> None:
    assert hours.checked_week(a_week(("22:00", "00:00")))[0] == (Span(1320, 1440),)


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([("17:00", "08:00")], "Monday: 17:00 to 08:00 ends before it starts. A night is two spans"),
        ([("08:00", "08:00")], "ends before it starts"),
        ([("08:00", "12:00"), ("11:00", "17:00")], "Monday: 08:00 to 12:00 and 11:00 to 17:00 overlap."),
        ([("08:00", "")], "Monday: Fill in both times, such as 08:00 and 17:00."),
        ([("25:00", "26:00")], "Fill in both times"),
        ([("eight", "17:00")], "Fill in both times"),
    ],
)
def test_what_cannot_be_is_said_of_its_day(pairs: list[tuple[str, str]], sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        hours.checked_week(a_week(*pairs))

    assert set(refusal.value.fields) == {"monday"}
    assert sentence in refusal.value.fields["monday"]


TODAY = date(2026, 11, 20)


def test_a_date_without_times_is_closed_and_past_dates_leave_the_list() -> None:
    found = hours.checked_dates(
        [("2026-12-25", []), ("2026-12-24", [Typed("08:00", "12:00")]), ("2026-11-19", []), ("", [])],
        today=TODAY,
    )

    assert found == {date(2026, 12, 25): CLOSED, date(2026, 12, 24): (Span(480, 720),)}


@pytest.mark.parametrize(
    ("rows", "name", "sentence"),
    [
        ([("2026-12-25", []), ("2026-12-25", [])], "date-1", "25 Dec 2026 is in the list twice."),
        ([("Christmas", [])], "date-0", "Write a date as 2026-12-25."),
        ([("", [Typed("08:00", "12:00")])], "date-0", "Say for which date these times are."),
        ([("2026-12-25", [Typed("12:00", "08:00")])], "date-0", "12:00 to 08:00 ends before it starts."),
    ],
)
def test_what_cannot_be_is_said_of_its_date(
    rows: list[tuple[str, list[Typed]]], name: str, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        hours.checked_dates(rows, today=TODAY)

    assert sentence in refusal.value.fields[name]
