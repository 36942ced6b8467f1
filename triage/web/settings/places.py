"""The practice's locations and the numbers that patients text."""

from collections.abc import Mapping
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import places
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Facility, PracticeNumber
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import an_id, page, record, saved, settings


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
    with db.reading() as session:
        found = practices.find_facility(session, current_member().practice_id, facility_id)
    return _facility_page({"name": found.name}, {}, found)


@settings.post("/settings/facilities/<uuid:facility_id>")
@needs(Privilege.SETTINGS)
def change_facility(facility_id: UUID) -> Response:
    return _save_facility(facility_id)


def _save_facility(facility_id: UUID | None) -> Response:
    found: Facility | None = None

    def save(session: Session) -> str:
        nonlocal found
        practice_id = current_member().practice_id
        found = practices.find_facility(session, practice_id, facility_id) if facility_id else None
        kept = practices.save_facility(session, practice_id, found, name=request.form.get("name", ""))
        record(session, kept)
        return "Location saved." if facility_id else "Location added."

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _facility_page(request.form, once.errors_of(refusal), found, 422)
    return saved(said, "settings.practice")


def _facility_page(
    values: Mapping[str, object], errors: Mapping[str, str], facility: Facility | None, status: int = 200
) -> Response:
    return page(
        "settings/facility.html",
        "practice",
        status,
        values=values,
        errors=errors,
        is_new=facility is None,
        back_url=url_for("settings.practice"),
    )


@settings.get("/settings/numbers/new")
@needs(Privilege.SETTINGS)
def new_number() -> Response:
    return _number_page({"number": "", "label": "", "facility_id": ""}, {}, None)


@settings.post("/settings/numbers/new")
@needs(Privilege.SETTINGS)
def add_number() -> Response:
    def add(session: Session) -> str:
        practice = practices.find_practice(session, current_member().practice_id)
        number = practices.add_number(
            session,
            practice,
            number=request.form.get("number", ""),
            label=request.form.get("label", ""),
            facility_id=_facility_id(),
        )
        record(session, number)
        return "Number added."

    try:
        said = once.run(add)
    except Invalid as refusal:
        return _number_page(request.form, once.errors_of(refusal), None, 422)
    return saved(said, "settings.practice")


@settings.get("/settings/numbers/<uuid:number_id>")
@needs(Privilege.SETTINGS)
def number(number_id: UUID) -> Response:
    with db.reading() as session:
        found = practices.find_number(session, current_member().practice_id, number_id)
    return _number_page({"label": found.label, "facility_id": found.facility_id or ""}, {}, found)


@settings.post("/settings/numbers/<uuid:number_id>")
@needs(Privilege.SETTINGS)
def change_number(number_id: UUID) -> Response:
    with db.reading() as session:
        found = practices.find_number(session, current_member().practice_id, number_id)

    def change(session: Session) -> str:
        number = practices.find_number(session, current_member().practice_id, number_id)
        returned = places.change(
            session,
            number,
            label=request.form.get("label", ""),
            facility_id=_facility_id(),
            by=current_member(),
        )
        return f"Number saved.{tasks_returned(returned)}"

    try:
        said = once.run(change)
    except Invalid as refusal:
        return _number_page(request.form, once.errors_of(refusal), found, 422)
    return saved(said, "settings.practice")


def tasks_returned(count: int) -> str:
    """What a change cost somebody, as a second sentence."""
    if not count:
        return ""
    return f" {count} open {'task' if count == 1 else 'tasks'} went back to the queue."


def _facility_id() -> UUID | None:
    given = request.form.get("facility_id", "")
    return an_id(given) if given else None


def _number_page(
    values: Mapping[str, object], errors: Mapping[str, str], number: PracticeNumber | None, status: int = 200
) -> Response:
    with db.reading() as session:
        facilities = practices.facilities_of(session, current_member().practice_id)
    options = [("", "All locations"), *((str(place.id), place.name) for place in facilities)]
    return page(
        "settings/number.html",
        "practice",
        status,
        values=values,
        errors=errors,
        number=number,
        facility_options=options,
        back_url=url_for("settings.practice"),
    )
