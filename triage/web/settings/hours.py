"""When the practice is open, and whether that is said to who writes while it is not."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.practice import hours
from triage.domain.practice import practice as practices
from triage.domain.practice.hours import DAYS, Hours, Spans, Typed
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings import replies
from triage.web.settings.pages import is_on, page, record, saved, settings

# What the page offers beyond what is filled in already: without scripts more come with every saving.
SPARE_DATES = 3
PAIRS_OF_A_DATE = 2
LEAST_PAIRS = 2


class Day(NamedTuple):
    """A weekday or a date as the form shows it: `name` begins the names of its fields."""

    name: str
    label: str
    pairs: list[Typed]
    on: str = ""


@settings.get("/settings/hours")
@needs(Privilege.SETTINGS)
def opening_hours() -> Response:
    return _page({}, {})


@settings.post("/settings/hours")
@needs(Privilege.SETTINGS)
def change_hours() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _page(_given(), {}, 409, overtaken=refusal.changes)
    return saved(said, "settings.opening_hours")


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    now = practices.hours_of(practice)
    match request.form.get("section", ""):
        case "week":
            seen.check(_week_in_words(now), {name: name.capitalize() for name in DAYS})
            week = hours.checked_week([_typed(name) for name in DAYS])
            practices.change_hours(practice, hours.as_kept(week, now.dates))
        case "dates":
            seen.check(_dates_in_words(now), {"dates": "The list of dates"})
            today = clock.now(session).astimezone(ZoneInfo(practice.time_zone)).date()
            dates = hours.checked_dates(_typed_dates(), today=today)
            practices.change_hours(practice, hours.as_kept(now.week, dates))
        case _:
            seen.check(
                {"closed_reply_on": practice.closed_reply_on}, {"closed_reply_on": "Closed-hours reply"}
            )
            practices.switch_closed_reply(practice, on=is_on("closed_reply_on"))
    return "Opening hours saved." if record(session, practice) else "Nothing was different."


# ---- the form ----


def _typed(name: str) -> list[Typed]:
    """The pairs of a day in their order."""
    opens, closes = request.form.getlist(f"{name}_opens"), request.form.getlist(f"{name}_closes")
    return [Typed(*pair) for pair in zip_longest(opens, closes, fillvalue="")]


def _typed_dates() -> list[tuple[str, list[Typed]]]:
    """Each date has as many pairs behind it as every other one."""
    pairs = _typed("date")
    return [
        (on, pairs[place * PAIRS_OF_A_DATE : (place + 1) * PAIRS_OF_A_DATE])
        for place, on in enumerate(request.form.getlist("date"))
    ]


def _given() -> dict[str, Any]:
    """What was typed, as it was typed."""
    match request.form.get("section", ""):
        case "week":
            return {"week": [_typed(name) for name in DAYS]}
        case "dates":
            return {"dates": _typed_dates()}
    return {"closed_reply_on": is_on("closed_reply_on")}


def _as_typed(spans: Spans) -> list[Typed]:
    return [Typed(hours.clock_of(span.opens), hours.clock_of(span.closes)) for span in spans]


def _week_in_words(now: Hours) -> dict[str, str]:
    return {name: _in_words(spans) for name, spans in zip(DAYS, now.week, strict=True)}


def _dates_in_words(now: Hours) -> dict[str, str]:
    return {"dates": "; ".join(f"{on}: {_in_words(spans)}" for on, spans in sorted(now.dates.items()))}


def _in_words(spans: Spans) -> str:
    return ", ".join(hours.in_words(span) for span in spans) or "closed"


# ---- the page ----


def _page(
    given: Mapping[str, Any],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        practice = practices.find_practice(session, current_member().practice_id)
        moment = clock.now(session)
        reply = replies.closed_reply(session, practice, practice.languages[0], moment)
    now = practices.hours_of(practice)
    return page(
        "settings/hours.html",
        "opening_hours",
        status,
        reading=hours.reading(now, moment),
        is_open=hours.is_open(now, moment),
        are_set=now.are_set,
        time_zone=practice.time_zone.replace("_", " "),
        days=_days(given.get("week") or [_as_typed(spans) for spans in now.week]),
        dates=_dates(given.get("dates") or [(f"{on}", _as_typed(s)) for on, s in sorted(now.dates.items())]),
        values={"closed_reply_on": given.get("closed_reply_on", practice.closed_reply_on)},
        errors=errors,
        overtaken_by=overtaken or [],
        unsaved=set(given),
        shown=_shown(practice, now),
        reply=reply,
        first_language=practice.languages[0],
        languages=[wording.LANGUAGES[one] for one in practice.languages],
    )


def _shown(practice: Practice, now: Hours) -> dict[str, str]:
    return {
        "week": seen.shown(_week_in_words(now)),
        "dates": seen.shown(_dates_in_words(now)),
        "reply": seen.shown({"closed_reply_on": practice.closed_reply_on}),
    }


def _days(week: list[list[Typed]]) -> list[Day]:
    """One pair of every day is empty, for another span."""
    return [
        Day(name, name.capitalize(), _padded(_filled(typed), max(LEAST_PAIRS, len(_filled(typed)) + 1)))
        for name, typed in zip(DAYS, week, strict=True)
    ]


def _dates(rows: list[tuple[str, list[Typed]]]) -> list[Day]:
    kept = [(on, _filled(typed)) for on, typed in rows if on or _filled(typed)]
    spare: list[tuple[str, list[Typed]]] = [("", []) for _ in range(SPARE_DATES)]
    return [
        Day(f"date-{place}", f"Date {place + 1}", _padded(typed, PAIRS_OF_A_DATE), on)
        for place, (on, typed) in enumerate([*kept, *spare])
    ]


def _filled(typed: list[Typed]) -> list[Typed]:
    return [pair for pair in typed if pair.opens or pair.closes]


def _padded(typed: list[Typed], count: int) -> list[Typed]:
    return [*typed, *[Typed("", "")] * (count - len(typed))]
