"""The numbers that patients text: what each is for, and whether texts reach us on it."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage import gateways
from triage.config import settings as settings_of_process
from triage.domain.inbox import places
from triage.domain.intake import reachable
from triage.domain.intake.reachable import Check, Light
from triage.domain.practice import practice as practices
from triage.domain.practice import throttle
from triage.domain.practice.practice import PracticeNumber
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import GatewayFailed, Invalid, NotPossible, OutcomeUnknown
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import an_id, page, record, saved, settings
from triage.web.settings.places import tasks_returned

# Each asks the carrier something while a person waits.
TESTS = throttle.Limit("number test", tries=10, window=timedelta(minutes=5))
LABELS = {"label": "What it is for", "facility_id": "Location"}


@settings.get("/settings/numbers")
@needs(Privilege.SETTINGS)
def numbers() -> Response:
    member = current_member()
    with db.reading() as session:
        now = clock.now(session)
        found = practices.numbers_of(session, member.practice_id)
        facilities = practices.facilities_of(session, member.practice_id)
        lights = {number.id: reachable.worst(_checks(session, number)) for number in found}
    return page(
        "settings/numbers.html",
        "numbers",
        numbers=found,
        lights={id_: light.value for id_, light in lights.items()},
        facilities=facilities,
        facility_names={facility.id: facility.name for facility in facilities},
        now=now,
    )


@settings.get("/settings/numbers/new")
@needs(Privilege.SETTINGS)
def new_number() -> Response:
    return _page({"number": "", "label": "", "facility_id": ""}, {}, None)


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
        return _page(request.form, once.errors_of(refusal), None, 422)
    return saved(said, "settings.numbers")


@settings.get("/settings/numbers/<uuid:number_id>")
@needs(Privilege.SETTINGS)
def number(number_id: UUID) -> Response:
    found = _find(number_id)
    return _page(_values_of(found), {}, found)


@settings.post("/settings/numbers/<uuid:number_id>")
@needs(Privilege.SETTINGS)
def change_number(number_id: UUID) -> Response:
    found = _find(number_id)

    def change(session: Session) -> str:
        number = practices.find_number(session, current_member().practice_id, number_id)
        seen.check(_as_shown(session, number), LABELS)
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
        return _page(request.form, once.errors_of(refusal), found, 422)
    except seen.Overtaken as refusal:
        return _page(request.form, {}, _find(number_id), 409, overtaken=refusal.changes)
    return saved(said, "settings.numbers")


@settings.post("/settings/numbers/<uuid:number_id>/test")
@needs(Privilege.SETTINGS)
def test_number(number_id: UUID) -> Response:
    """Asks the carrier what it knows of the number. Nothing is sent to anybody."""
    found = _find(number_id)
    with db.transaction() as session:
        wait = throttle.wait_for(session, TESTS, str(found.practice_id), now=clock.now(session))
    if wait is not None:
        raise NotPossible("Too many tests. Wait some minutes.")
    return _page(_values_of(found), {}, found, tested=_ask(found))


def _ask(number: PracticeNumber) -> Check:
    """The carrier's answer as a line of the list. No transaction is open meanwhile."""
    with db.reading() as session:
        practice = practices.find_practice(session, number.practice_id)
    carrier = gateways.carrier_of(practice)
    if carrier is None:
        return Check("At the carrier", Light.RED, "There is no account that could be asked.")
    try:
        at_carrier = carrier.number(number.number)
    except GatewayFailed:
        return Check("At the carrier", Light.RED, "The carrier does not accept the account's token.")
    except OutcomeUnknown:
        return Check("At the carrier", Light.RED, "The carrier does not answer. Try again in a moment.")
    return reachable.compare(settings_of_process().public_url + url_for("webhooks.messages"), at_carrier)


def _find(number_id: UUID) -> PracticeNumber:
    with db.reading() as session:
        return practices.find_number(session, current_member().practice_id, number_id)


def _checks(session: Session, number: PracticeNumber) -> list[Check]:
    now = clock.now(session)
    practice = practices.find_practice(session, number.practice_id)
    return reachable.checks(reachable.facts_of(session, practice, number, now=now), now=now)


def _facility_id() -> UUID | None:
    given = request.form.get("facility_id", "")
    return an_id(given) if given else None


def _values_of(number: PracticeNumber) -> dict[str, object]:
    return {"label": number.label, "facility_id": number.facility_id or ""}


def _as_shown(session: Session, number: PracticeNumber) -> dict[str, object]:
    """With the location's name: what changed is told in words."""
    names = {one.id: one.name for one in practices.facilities_of(session, number.practice_id)}
    place = names.get(number.facility_id, "") if number.facility_id else "All locations"
    return {"label": number.label, "facility_id": place}


def _page(
    values: Mapping[str, object],
    errors: Mapping[str, str],
    number: PracticeNumber | None,
    status: int = 200,
    *,
    tested: Check | None = None,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        facilities = practices.facilities_of(session, current_member().practice_id)
        checks = _checks(session, number) if number else []
        shown = seen.shown(_as_shown(session, number)) if number else None
    options = [("", "All locations"), *((str(place.id), place.name) for place in facilities)]
    return page(
        "settings/number.html",
        "numbers",
        status,
        values=values,
        errors=errors,
        overtaken_by=overtaken or [],
        shown=shown,
        number=number,
        checks=checks,
        tested=tested,
        address=settings_of_process().public_url + url_for("webhooks.messages"),
        facility_options=options,
        back_url=url_for("settings.numbers"),
    )
