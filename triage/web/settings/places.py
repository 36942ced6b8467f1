"""The practice's locations."""

from collections.abc import Mapping
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Facility
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import page, record, saved, settings


@settings.get("/settings/facilities/new")
@needs(Privilege.SETTINGS)
def new_facility() -> Response:
    return _facility_page({"name": ""}, {}, None)


@settings.post("/settings/facilities/new")
@needs(Privilege.SETTINGS)
def add_facility() -> Response:
    return _save_facility(None)


@settings.get("/settings/facilities/<uuid:facility_id>")
@needs(Privilege.SETTINGS)
def facility(facility_id: UUID) -> Response:
    found = _find(facility_id)
    return _facility_page({"name": found.name if found else ""}, {}, found)


@settings.post("/settings/facilities/<uuid:facility_id>")
@needs(Privilege.SETTINGS)
def change_facility(facility_id: UUID) -> Response:
    return _save_facility(facility_id)


def _save_facility(facility_id: UUID | None) -> Response:
    def save(session: Session) -> str:
        practice_id = current_member().practice_id
        found = practices.find_facility(session, practice_id, facility_id) if facility_id else None
        if found is not None:
            seen.check({"name": found.name}, {"name": "Name"})
        kept = practices.save_facility(session, practice_id, found, name=request.form.get("name", ""))
        record(session, kept)
        return "Location saved." if facility_id else "Location added."

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _facility_page(request.form, once.errors_of(refusal), _find(facility_id), 422)
    except seen.Overtaken as refusal:
        return _facility_page(request.form, {}, _find(facility_id), 409, overtaken=refusal.changes)
    return saved(said, "settings.numbers")


def _find(facility_id: UUID | None) -> Facility | None:
    """As it is now; None for a new one."""
    if facility_id is None:
        return None
    with db.reading() as session:
        return practices.find_facility(session, current_member().practice_id, facility_id)


def _facility_page(
    values: Mapping[str, object],
    errors: Mapping[str, str],
    facility: Facility | None,
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    return page(
        "settings/facility.html",
        "numbers",
        status,
        values=values,
        errors=errors,
        overtaken_by=overtaken or [],
        shown=seen.shown({"name": facility.name}) if facility else None,
        is_new=facility is None,
        back_url=url_for("settings.numbers"),
    )


def tasks_returned(count: int) -> str:
    """What a change cost somebody, as a second sentence."""
    if not count:
        return ""
    return f" {count} open {'task' if count == 1 else 'tasks'} went back to the queue."
