"""When a practice is open: its week, the days on which that differs, and what follows for a moment."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from triage.kit.errors import Invalid

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Further ahead nobody is told when a practice opens.
HORIZON_DAYS = 60
MOST_SPANS = 6
MOST_DATES = 60
MINUTE = timedelta(minutes=1)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


class Span(NamedTuple):
    """Open from one minute of a day until another; 1440 is midnight at its end."""

    opens: int
    closes: int


Spans = tuple[Span, ...]


class Hours(NamedTuple):
    """Seven days from Monday on, and single dates that have hours of their own or none."""

    week: tuple[Spans, ...]
    dates: Mapping[date, Spans]
    time_zone: str

    @property
    def are_set(self) -> bool:
        return any(self.week) or bool(self.dates)


class Typed(NamedTuple):
    """One pair of times as somebody wrote it into a form."""

    opens: str
    closes: str


def read(kept: Mapping[str, Any] | None, time_zone: str) -> Hours:
    """As they are kept with the practice; None is a practice that has not said when it is open."""
    kept = kept or {}
    week = kept.get("week") or [[] for _ in DAYS]
    return Hours(
        week=tuple(_spans(day) for day in week),
        dates={date.fromisoformat(on): _spans(spans) for on, spans in kept.get("dates", {}).items()},
        time_zone=time_zone,
    )


def _spans(pairs: Iterable[Sequence[int]]) -> Spans:
    return tuple(Span(opens, closes) for opens, closes in pairs)


def as_kept(week: Sequence[Spans], dates: Mapping[date, Spans]) -> dict[str, Any] | None:
    """What `read` understands; None where nothing is said."""
    if not any(week) and not dates:
        return None
    return {
        "week": [[list(span) for span in day] for day in week],
        "dates": {on.isoformat(): [list(span) for span in spans] for on, spans in sorted(dates.items())},
    }


def is_open(hours: Hours, moment: datetime) -> bool:
    """Pure. A practice that has not said when it is open always is."""
    return not hours.are_set or _run_at(hours, moment) is not None


def next_opening(hours: Hours, moment: datetime) -> datetime | None:
    """Pure. The first moment from this one on at which it is open; None where there is none in sight."""
    if is_open(hours, moment):
        return moment
    starts = (start for start, _ in _runs(hours, moment) if start > moment)
    return next(starts, None)


def next_closing(hours: Hours, moment: datetime) -> datetime | None:
    """Pure. When it closes that is open now; None where it is closed, or does not close in sight."""
    run = _run_at(hours, moment)
    if run is None or run[1] > moment + timedelta(days=HORIZON_DAYS):
        return None
    return run[1]


def _run_at(hours: Hours, moment: datetime) -> tuple[datetime, datetime] | None:
    for start, end in _runs(hours, moment):
        if start > moment:
            return None
        if moment < end:
            return start, end
    return None


def _runs(hours: Hours, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From yesterday on: from when until when it is open; what touches is one."""
    zone = ZoneInfo(hours.time_zone)
    first = moment.astimezone(zone).date() - timedelta(days=1)
    run: tuple[datetime, datetime] | None = None
    for ahead in range(HORIZON_DAYS + 3):
        day = first + timedelta(days=ahead)
        for span in spans_on(hours, day):
            start, end = _moment(day, span.opens, zone), _moment(day, span.closes, zone)
            if run is not None and start <= run[1]:
                run = run[0], max(run[1], end)
                continue
            if run is not None:
                yield run
            run = (start, end) if start < end else None
    if run is not None:
        yield run


def spans_on(hours: Hours, day: date) -> Spans:
    return hours.dates[day] if day in hours.dates else hours.week[day.weekday()]


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When clocks show this minute for the first time, or have jumped over it."""
    wall = datetime.combine(day, time(0)) + minute * MINUTE
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    while moment.astimezone(zone).replace(tzinfo=None) != wall:
        wall += MINUTE
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment


# ---- as people write them ----


def checked_week(days: Sequence[Sequence[Typed]]) -> tuple[Spans, ...]:
    """A week from a form, pairs that are empty left out. Raises `Invalid`, naming each day that is wrong."""
    week: list[Spans] = []
    wrong: dict[str, str] = {}
    for name, typed in zip(DAYS, days, strict=True):
        try:
            week.append(_checked_spans(typed))
        except ValueError as problem:
            wrong[name] = f"{name.capitalize()}: {problem}"
    if wrong:
        raise Invalid(**wrong)
    return tuple(week)


def checked_dates(rows: Sequence[tuple[str, Sequence[Typed]]], *, today: date) -> dict[date, Spans]:
    """Single dates from a form; rows without a date are left out, and so are dates that are over.

    A date without times is closed. Raises `Invalid`, naming each row that is wrong as `date-<place>`.
    """
    found: dict[date, Spans] = {}
    wrong: dict[str, str] = {}
    for place, (on, typed) in enumerate(rows):
        try:
            day = _checked_date(on, typed)
            spans = _checked_spans(typed)
        except ValueError as problem:
            wrong[f"date-{place}"] = str(problem)
            continue
        if day is None:
            continue
        if day in found:
            wrong[f"date-{place}"] = f"{day:%d %b %Y} is in the list twice."
        elif day >= today:
            found[day] = spans
    if len(found) > MOST_DATES:
        wrong["date-0"] = f"Keep at most {MOST_DATES} dates."
    if wrong:
        raise Invalid(**wrong)
    return found


def _checked_date(on: str, typed: Sequence[Typed]) -> date | None:
    if not on.strip():
        if any(pair.opens.strip() or pair.closes.strip() for pair in typed):
            raise ValueError("Say for which date these times are.")
        return None
    try:
        return date.fromisoformat(on.strip())
    except ValueError:
        raise ValueError("Write a date as 2026-12-25.") from None


def _checked_spans(typed: Iterable[Typed]) -> Spans:
    """In their order. Midnight as an end is the end of the day. Raises `ValueError` with a sentence."""
    spans = sorted(_checked_span(pair) for pair in typed if pair.opens.strip() or pair.closes.strip())
    for before, after in pairwise(spans):
        if after.opens < before.closes:
            raise ValueError(f"{in_words(before)} and {in_words(after)} overlap.")
    if len(spans) > MOST_SPANS:
        raise ValueError(f"Keep at most {MOST_SPANS} spans a day.")
    return tuple(spans)


def _checked_span(typed: Typed) -> Span:
    opens, closes = minute_of(typed.opens), minute_of(typed.closes)
    if opens is None or closes is None:
        raise ValueError("Fill in both times, such as 08:00 and 17:00.")
    span = Span(opens, closes or 1440)
    if span.closes <= span.opens:
        raise ValueError(
            f"{in_words(span)} ends before it starts. A night is two spans: until 00:00, and from 00:00."
        )
    return span


def minute_of(typed: str) -> int | None:
    """Of a time as people write it ("8:00"), counted from midnight; None for anything else."""
    found = _TIME.fullmatch(typed.strip())
    return int(found[1]) * 60 + int(found[2]) if found else None


def in_words(span: Span) -> str:
    return f"{clock_of(span.opens)} to {clock_of(span.closes)}"


def clock_of(minute: int) -> str:
    """As a clock shows it, and as a form's field takes it."""
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def reading(hours: Hours, now: datetime) -> str:
    """How it stands at this moment, in one sentence for staff."""
    if not hours.are_set:
        return "No opening hours yet: the practice counts as always open."
    if is_open(hours, now):
        closing = next_closing(hours, now)
        return f"Open now, closes {_when(closing, now, hours)}." if closing else "Open now, around the clock."
    opening = next_opening(hours, now)
    return (
        f"Closed now, opens {_when(opening, now, hours)}." if opening else "Closed now, until further notice."
    )


def _when(moment: datetime, now: datetime, hours: Hours) -> str:
    zone = ZoneInfo(hours.time_zone)
    local, here = moment.astimezone(zone), now.astimezone(zone)
    days = (local.date() - here.date()).days
    if days == 0 or (days == 1 and local.time() == time(0)):
        return f"{local:%H:%M}"
    if days == 1:
        return f"tomorrow {local:%H:%M}"
    return f"{local:%A %H:%M}" if days < 7 else f"{local.day} {local:%b %H:%M}"
