"""The practice's name, time zone and switches; its locations and numbers at a glance."""

from collections.abc import Mapping
from zoneinfo import available_timezones

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import is_on, page, record, saved, settings, whole

FIELDS = ("name", "time_zone", "overdue_after_minutes", "idle_minutes", "hold_seconds")
SWITCHES = ("texting_on", "reply_assigns", "task_per_message", "sign_texts")


@settings.get("/settings/practice")
@needs(Privilege.SETTINGS)
def practice() -> Response:
    return _page(_values_of(current_member().practice), {})


@settings.post("/settings/practice")
@needs(Privilege.SETTINGS)
def change_practice() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422)
    return saved(said, "settings.practice")


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    practices.change_switches(
        practice,
        name=request.form.get("name", ""),
        time_zone=request.form.get("time_zone", ""),
        overdue_after_minutes=whole("overdue_after_minutes"),
        idle_minutes=whole("idle_minutes"),
        hold_seconds=whole("hold_seconds"),
        texting_on=is_on("texting_on"),
        reply_assigns=is_on("reply_assigns"),
        task_per_message=is_on("task_per_message"),
        sign_texts=is_on("sign_texts"),
    )
    return "Practice saved." if record(session, practice) else "Nothing was different."


def _values_of(practice: Practice) -> dict[str, object]:
    return {field: getattr(practice, field) for field in (*FIELDS, *SWITCHES)}


def _given() -> dict[str, object]:
    texts = {field: request.form.get(field, "") for field in FIELDS}
    return {**texts, **{switch: is_on(switch) for switch in SWITCHES}}


def _page(values: Mapping[str, object], errors: Mapping[str, str], status: int = 200) -> Response:
    practice_id = current_member().practice_id
    with db.reading() as session:
        facilities = practices.facilities_of(session, practice_id)
        numbers = practices.numbers_of(session, practice_id)
    return page(
        "settings/practice.html",
        "practice",
        status,
        values=values,
        errors=errors,
        time_zones=_time_zones(str(values["time_zone"])),
        facilities=facilities,
        numbers=numbers,
        facility_names={facility.id: facility.name for facility in facilities},
    )


def _time_zones(current: str) -> list[tuple[str, str]]:
    """Regions with a city, the usual names; and the present one, whatever it is."""
    names = {name for name in available_timezones() if "/" in name and not name.startswith("Etc/")}
    known = sorted(names | ({current} & available_timezones()) | {"UTC"})
    return [(name, name.replace("_", " ")) for name in known]
