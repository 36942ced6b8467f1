"""The people on a patient's record, and the numbers at which each is reached."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import keeping, record
from triage.domain.inbox.record import Number
from triage.domain.patients import contacts as people
from triage.domain.patients import directory
from triage.domain.patients.contacts import OnRecord
from triage.domain.patients.patient import Contact, Patient, PatientContact, find_patient
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.patients.pages import back_to, note_look, page, patients

LABELS = {"name": "Name", "relation": "Relation", "language": "Language", "born_on": "Birth date"}


class Card(NamedTuple):
    """A person as the page shows them; `has_messages` decides between archiving and removing."""

    person: OnRecord
    numbers: list[Number]
    has_messages: bool
    language: str


@patients.get("/patients/<uuid:patient_id>/contacts")
@needs(Privilege.SIGNED_IN)
def contacts(patient_id: UUID) -> Response:
    directory.require(current_member())
    return _page(patient_id, {}, {})


@patients.post("/patients/<uuid:patient_id>/contacts")
@needs(Privilege.PATIENTS)
def add_contact(patient_id: UUID) -> Response:
    """Somebody new, or somebody whom the practice knows by this name at this number."""

    def save(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        contact = keeping.add_contact(session, patient, request.form, by=member)
        return f"{contact.name} is on the record."

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _page(patient_id, request.form, once.errors_of(refusal), 422)
    return _back(patient_id, said)


@patients.get("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>")
@needs(Privilege.PATIENTS)
def contact(patient_id: UUID, contact_id: UUID) -> Response:
    return _contact_page(patient_id, contact_id, {}, {})


@patients.post("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>")
@needs(Privilege.PATIENTS)
def change_contact(patient_id: UUID, contact_id: UUID) -> Response:
    def save(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        found, link = people.find(session, patient, contact_id)
        seen.check(_as_shown(found, link), LABELS)
        changed = keeping.change_contact(session, patient, found, link, request.form, by=member)
        return "Saved." if changed else "Nothing was different."

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _contact_page(patient_id, contact_id, request.form, once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _contact_page(patient_id, contact_id, request.form, {}, 409, overtaken=refusal.changes)
    return _back(patient_id, said)


@patients.post("/patients/<uuid:patient_id>/numbers")
@needs(Privilege.PATIENTS)
def add_number(patient_id: UUID) -> Response:
    """Where the patient is reached."""
    return _add_number(patient_id, None)


@patients.post("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>/numbers")
@needs(Privilege.PATIENTS)
def add_contact_number(patient_id: UUID, contact_id: UUID) -> Response:
    return _add_number(patient_id, contact_id)


def _add_number(patient_id: UUID, contact_id: UUID | None) -> Response:
    def save(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        keeping.add_number(session, patient, contact_id, request.form, by=member)
        return "Number added. Nobody is texted there before consent is recorded, or before they write."

    try:
        said = once.run(save)
    except Invalid as refusal:
        field = f"number-{contact_id or patient_id}"
        return _page(patient_id, {field: request.form.get("number", "")}, {field: refusal.sentence}, 422)
    return _back(patient_id, said)


@patients.post("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>/archive")
@needs(Privilege.PATIENTS)
def archive_contact(patient_id: UUID, contact_id: UUID) -> Response:
    """`on` is yes or no (Instinct, B72)."""
    on = request.form.get("on") != "no"

    def put(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        if on:
            name = keeping.archive_contact(session, patient, contact_id, by=member)
            return f"{name} is archived. What was written stays."
        return f"{keeping.restore_contact(session, patient, contact_id, by=member)} is back on the record."

    return _back(patient_id, once.run(put))


@patients.post("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>/removal")
@needs(Privilege.PATIENTS)
def remove_contact(patient_id: UUID, contact_id: UUID) -> Response:
    """Only where nothing was written (Instinct, B72)."""

    def remove(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        return f"{keeping.remove_contact(session, patient, contact_id, by=member)} is off the record."

    return _back(patient_id, once.run(remove))


def _back(patient_id: UUID, said: str) -> Response:
    return back_to(patient_id, said, to="contacts")


def _page(
    patient_id: UUID, values: Mapping[str, Any], errors: Mapping[str, str], status: int = 200
) -> Response:
    member = current_member()
    with db.transaction() as session:
        patient = find_patient(session, member, patient_id)
        if request.method == "GET":
            note_look(session, patient, "contacts")
        numbers = record.numbers_of(session, member, patient)
        cards = _cards(session, patient, numbers)
        owner = record.owner_name(session, patient)
    return page(
        "patients/contacts.html",
        patient,
        "contacts",
        status,
        owner_name=owner,
        own=[number for number in numbers if number.contact_id is None],
        cards=[card for card in cards if card.person.archived_at is None],
        archived=[card for card in cards if card.person.archived_at is not None],
        values={"language": patient.language, **values},
        errors=errors,
        relations=people.RELATIONS,
        languages=list(LANGUAGES.items()),
        is_masked=member.role.birth_dates_masked,
    )


def _cards(session: Session, patient: Patient, numbers: list[Number]) -> list[Card]:
    phone_ids = [number.phone_id for number in numbers]
    written = keeping.with_messages(session, patient.practice_id, phone_ids)
    by_contact: dict[UUID | None, list[Number]] = {}
    for number in numbers:
        by_contact.setdefault(number.contact_id, []).append(number)
    return [
        Card(
            person,
            by_contact.get(person.contact.id, []),
            any(one.phone.id in written for one in person.numbers),
            LANGUAGES.get(person.contact.language, person.contact.language),
        )
        for person in people.on_record(session, patient)
    ]


def _values_of(found: Contact, link: PatientContact) -> dict[str, Any]:
    born_on = "" if current_member().role.birth_dates_masked else found.born_on or ""
    return {"name": found.name, "relation": link.relation, "language": found.language, "born_on": born_on}


def _as_shown(found: Contact, link: PatientContact) -> dict[str, object]:
    shown = {name: str(value) for name, value in _values_of(found, link).items()}
    if current_member().role.birth_dates_masked:
        del shown["born_on"]
    return {**shown}


def _contact_page(
    patient_id: UUID,
    contact_id: UUID,
    given: Mapping[str, Any],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.transaction() as session:
        patient = find_patient(session, member, patient_id)
        if request.method == "GET":
            note_look(session, patient, "contacts")
        found, link = people.find(session, patient, contact_id)
        elsewhere = people.elsewhere(session, patient, [contact_id]).get(contact_id, 0)
        today = clock.now(session).date()
    return page(
        "patients/contact.html",
        patient,
        "contacts",
        status,
        contact=found,
        values={**_values_of(found, link), **given},
        errors=errors,
        overtaken_by=overtaken or [],
        shown=seen.shown(_as_shown(found, link)),
        elsewhere=elsewhere,
        relations=people.RELATIONS,
        languages=list(LANGUAGES.items()),
        today=today,
        is_masked=member.role.birth_dates_masked,
        back_url=url_for("patients.contacts", patient_id=patient_id),
    )
