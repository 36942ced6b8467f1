"""Making a patient's record, changing it, and putting it into the archive."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import keeping, record
from triage.domain.patients import details, directory
from triage.domain.patients.patient import Channel, Patient, PatientKind, find_patient
from triage.domain.practice.practice import facilities_of
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.kit.phone import as_e164
from triage.web import once, render, seen
from triage.web.auth import current_member, needs
from triage.web.patients.finding import LONGEST_SEARCH
from triage.web.patients.pages import note_look, page, patients
from triage.web.render import Toast

LABELS = {
    "first_name": "First name",
    "last_name": "Last name",
    "chart_number": "Chart number",
    "born_on": "Birth date",
    "sex": "Sex",
    "species": "Species",
    "language": "Language",
    "time_zone": "Time zone",
    "prefers": "Prefers",
    "facility": "Location",
    "alerts": "Alerts",
}
CHANNELS = {Channel.TEXT: "Texts", Channel.PHONE: "Phone calls"}


@patients.get("/patients/new")
@needs(Privilege.PATIENTS)
def new() -> Response:
    return _form({}, {}, None)


@patients.post("/patients/new/from-search")
@needs(Privilege.PATIENTS)
def begin() -> Response:
    """Nobody was found: the form begins with what was searched, which stands in no address."""
    return _form(_meant(request.form.get("q", "").strip()[:LONGEST_SEARCH]), {}, None)


def _meant(words: str) -> dict[str, str]:
    """The field that these words are likely to belong in."""
    practice = current_member().practice
    born_on = directory.read_date(words, practice.region)
    if born_on is not None:
        return {"born_on": born_on.isoformat()}
    if sum(sign.isdigit() for sign in words) > len(words) // 2:
        return {"number": words} if as_e164(words, practice.region) else {"chart_number": words}
    if keeping.kind_for(current_member()) is PatientKind.ANIMAL:
        return {"first_name": words}
    first, _, last = words.partition(" ")
    return {"first_name": first, "last_name": last.strip()}


@patients.post("/patients/new")
@needs(Privilege.PATIENTS)
def add() -> Response:
    made: list[UUID] = []

    def save(session: Session) -> str:
        patient = keeping.add(session, request.form, by=current_member())
        made.append(patient.id)
        return f"The record of {patient.name} is there."

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _form(request.form, once.errors_of(refusal), None, 422)
    back = url_for("patients.show", patient_id=made[0]) if made else url_for("patients.search")
    return render.changed(toast=Toast(said), back=back)


@patients.get("/patients/<uuid:patient_id>/details")
@needs(Privilege.PATIENTS)
def edit(patient_id: UUID) -> Response:
    with db.transaction() as session:
        patient = find_patient(session, current_member(), patient_id)
        note_look(session, patient, "details")
    return _form({}, {}, patient)


@patients.post("/patients/<uuid:patient_id>/details")
@needs(Privilege.PATIENTS)
def change(patient_id: UUID) -> Response:
    def save(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        seen.check(_as_shown(session, patient), LABELS)
        return (
            "Saved."
            if keeping.change(session, patient, request.form, by=member)
            else "Nothing was different."
        )

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _form(request.form, once.errors_of(refusal), _find(patient_id), 422)
    except seen.Overtaken as refusal:
        return _form(request.form, {}, _find(patient_id), 409, overtaken=refusal.changes)
    return render.changed(toast=Toast(said), back=url_for("patients.show", patient_id=patient_id))


@patients.post("/patients/<uuid:patient_id>/archive")
@needs(Privilege.PATIENTS)
def archive(patient_id: UUID) -> Response:
    """`on` is yes or no."""
    on = request.form.get("on") != "no"

    def put(session: Session) -> str:
        member = current_member()
        patient = find_patient(session, member, patient_id, lock=True)
        if on:
            keeping.archive(session, patient, by=member)
            return "Archived. Texts from these numbers still become tasks."
        keeping.restore(session, patient, by=member)
        return "Back from the archive."

    said = once.run(put)
    return render.changed(toast=Toast(said), back=url_for("patients.show", patient_id=patient_id))


def _find(patient_id: UUID) -> Patient:
    with db.reading() as session:
        return find_patient(session, current_member(), patient_id)


def _values_of(patient: Patient) -> dict[str, Any]:
    """As the form has them; a birth date that is shown on request alone is left out."""
    values = {name: value or "" for name, value in details.details_of(patient)._asdict().items()}
    if current_member().role.birth_dates_masked:
        values["born_on"] = ""
    return values


def _as_shown(session: Session, patient: Patient) -> dict[str, object]:
    """What tells whoever saves what a colleague has saved meanwhile, in words."""
    shown = {name: str(value) for name, value in _values_of(patient).items() if name in LABELS}
    if current_member().role.birth_dates_masked:
        del shown["born_on"]
    return {**shown, "facility": record.facility_name(session, patient) or ""}


def _form(
    given: Mapping[str, Any],
    errors: Mapping[str, str],
    patient: Patient | None,
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.reading() as session:
        mine = keeping.facility_ids(session, member)
        facilities = [
            (one.id, one.name) for one in facilities_of(session, member.practice_id) if one.id in mine
        ]
        shown = seen.shown(_as_shown(session, patient)) if patient else None
        today = clock.now(session).date()
    now = _values_of(patient) if patient else {"language": member.practice.languages[0]}
    context: dict[str, Any] = {
        "values": {**now, **given},
        "errors": errors,
        "overtaken_by": overtaken or [],
        "shown": shown,
        "today": today,
        "is_animal": (patient.kind if patient else keeping.kind_for(member)) is PatientKind.ANIMAL,
        "is_masked": patient is not None and member.role.birth_dates_masked,
        "has_birth_date": patient is not None and patient.born_on is not None,
        "sexes": [("", "Not recorded"), *details.SEXES.items()],
        "languages": list(LANGUAGES.items()),
        "channels": [("", "No preference"), *((one.value, word) for one, word in CHANNELS.items())],
        "facilities": [("", "None"), *facilities],
        "time_zones": [("", f"As the practice ({member.practice.time_zone})"), *_zones()],
        "practice_zone": member.practice.time_zone,
    }
    if patient is None:
        return render.page("patients/new.html", status, **context)
    return page("patients/edit.html", patient, "show", status, **context)


def _zones() -> list[tuple[str, str]]:
    """Regions with a city, the usual names."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [(name, name.replace("_", " ")) for name in names]
