"""The practice's name, time zone, languages, switches and times."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.practice import hours
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import is_on, page, record, saved, settings, whole

NUMBERS = ("overdue_after_minutes", "idle_minutes", "hold_seconds")
OF_TEXTS = ("texting_on", "reply_assigns", "task_per_message", "sign_texts", "opt_in_notice_on")
SWITCHES = (*OF_TEXTS, "verification_on")
# Each is a form of its own on the page, and leaves the others' fields alone.
SECTIONS: dict[str, tuple[str, ...]] = {
    "name": ("name", "time_zone"),
    "tasks": OF_TEXTS,
    "verification": ("verification_on",),
    "times": NUMBERS,
}
FIELDS = tuple(field for fields in SECTIONS.values() for field in fields)
LABELS = {
    "name": "Name",
    "time_zone": "Time zone",
    "texting_on": "Send texts",
    "reply_assigns": "A reply takes the task",
    "task_per_message": "One task for each message",
    "sign_texts": "Sign texts",
    "opt_in_notice_on": "Send a notice with the first text",
    "verification_on": "Patients confirm their birth date first",
    "overdue_after_minutes": "Minutes until a task is overdue",
    "idle_minutes": "Idle minutes until sign-out",
    "hold_seconds": "Seconds in which a text can be taken back",
    "unread_badge": "Unread messages",
    "first_language": "First language",
    "languages": "Languages",
}


@settings.get("/settings/practice")
@needs(Privilege.SETTINGS)
def practice() -> Response:
    return _page({}, {})


@settings.post("/settings/practice")
@needs(Privilege.SETTINGS)
def change_practice() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _page(_given(), {}, 409, overtaken=refusal.changes)
    return saved(said, "settings.practice")


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    if request.form.get("section") == "languages":
        seen.check(_languages_of(practice), LABELS)
        practices.change_languages(practice, **_read_languages())
        return "Languages saved." if record(session, practice) else "Nothing was different."
    if request.form.get("section") == "unread":
        seen.check({"unread_badge": practice.unread_badge.value}, LABELS)
        practices.change_unread_badge(practice, request.form.get("unread_badge", ""))
        return "Unread messages saved." if record(session, practice) else "Nothing was different."
    now = _values_of(practice)
    seen.check({field: now[field] for field in _section()}, LABELS)
    wanted = {**now, **{field: _read(field) for field in _section()}}
    practices.change_switches(practice, **wanted)
    return "Practice saved." if record(session, practice) else "Nothing was different."


def _section() -> tuple[str, ...]:
    """The fields that were sent; all of them where the form does not say which."""
    return SECTIONS.get(request.form.get("section", ""), FIELDS)


def _read(field: str) -> Any:
    if field in SWITCHES:
        return is_on(field)
    return whole(field) if field in NUMBERS else request.form.get(field, "")


def _read_languages() -> dict[str, Any]:
    return {"first": request.form.get("first_language", ""), "others": request.form.getlist("languages")}


def _languages_of(practice: Practice) -> dict[str, str]:
    return {
        "first_language": wording.LANGUAGES[practice.languages[0]],
        "languages": ", ".join(wording.LANGUAGES[one] for one in practice.languages),
    }


def _values_of(practice: Practice) -> dict[str, Any]:
    return {field: getattr(practice, field) for field in FIELDS}


def _given() -> dict[str, object]:
    """What was typed, as it was typed."""
    if request.form.get("section") == "languages":
        return {
            "first_language": request.form.get("first_language", ""),
            "languages": request.form.getlist("languages"),
        }
    if request.form.get("section") == "unread":
        return {"unread_badge": request.form.get("unread_badge", "")}
    return {field: is_on(field) if field in SWITCHES else request.form.get(field, "") for field in _section()}


def _page(
    given: Mapping[str, object],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        practice = practices.find_practice(session, current_member().practice_id)
        moment = clock.now(session)
    now = _values_of(practice)
    values = {
        **now,
        "unread_badge": practice.unread_badge.value,
        "first_language": practice.languages[0],
        "languages": practice.languages,
        **given,
    }
    return page(
        "settings/practice.html",
        "practice",
        status,
        values=values,
        errors=errors,
        overtaken_by=overtaken or [],
        shown={
            "languages": seen.shown(_languages_of(practice)),
            "unread": seen.shown({"unread_badge": practice.unread_badge.value}),
            **{name: seen.shown({field: now[field] for field in part}) for name, part in SECTIONS.items()},
        },
        languages=list(wording.LANGUAGES.items()),
        language_options=[(one, name, "") for one, name in wording.LANGUAGES.items()],
        hours=hours.reading(practices.hours_of(practice), moment),
        time_zones=_time_zones(str(values["time_zone"])),
    )


def _time_zones(current: str) -> list[tuple[str, str]]:
    """Regions with a city, the usual names; and the present one, whatever it is."""
    names = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    known = sorted(names | ({current} & available_timezones()) | {"UTC"})
    return [(name, name.replace("_", " ")) for name in known]
