"""Finding a patient, a patient's page, and whether a number may be texted."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.inbox import record
from triage.domain.patients import consent, directory
from triage.domain.patients.directory import Found
from triage.domain.patients.patient import Patient, change_language, find_patient
from triage.domain.practice.member import Member, hue_of, initials_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.web import once, render
from triage.web.auth import current_member, needs
from triage.web.render import Toast

patients = Blueprint("patients", __name__)

LONGEST_SEARCH = 100
HOW = {"staff": "in person", "phone": "by phone", "paper": "on paper"}


@patients.get("/patients")
@needs(Privilege.SIGNED_IN)
def search() -> Response:
    directory.require(current_member())
    return _results("", None, {})


@patients.post("/patients")
@needs(Privilege.SIGNED_IN)
def search_now() -> Response:
    """The words travel in the form and stand in no address and no log."""
    member = current_member()
    directory.require(member)
    words = request.form.get("q", "").strip()[:LONGEST_SEARCH]
    if len(words) < 2:
        return _results(words, None, {"q": "Type at least two letters or digits."}, 422)
    with db.transaction() as session:
        now = clock.now(session)
        wait = directory.wait_before_searching(session, member, now=now)
        if wait is None:
            found = directory.search(session, member, words)
            audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        return _results(words, None, {"q": f"Too many searches. Wait {minutes} min."}, 429)
    return _results(words, [_result(one, member) for one in found], {})


def _results(
    words: str, results: list[dict[str, object]] | None, errors: Mapping[str, str], status: int = 200
) -> Response:
    return render.page(
        "patients/search.html",
        status,
        values={"q": words} if words else {},
        errors=errors,
        results=results,
        may_import=current_member().may(Privilege.PATIENTS),
        is_cut=results is not None and len(results) >= directory.MOST_FOUND,
    )


def _result(found: Found, member: Member) -> dict[str, object]:
    patient = found.patient
    born = f"born {_date(patient)}" if patient.born_on else ""
    notes = [patient.species or "", born, *found.owners[:2], f"no. {patient.chart_number}"]
    return {
        "patient_id": patient.id,
        "name": patient.name,
        "initials": initials_of(patient.name),
        "hue": hue_of(patient.id),
        "is_animal": bool(patient.species),
        "note": " · ".join(note for note in notes if note),
    }


def _date(patient: Patient) -> str:
    assert patient.born_on is not None
    return f"{patient.born_on.day} {patient.born_on:%b %Y}"


@patients.get("/patients/<uuid:patient_id>")
@needs(Privilege.SIGNED_IN)
def show(patient_id: UUID) -> Response:
    member = current_member()
    directory.require(member)
    with db.transaction() as session:
        now = clock.now(session)
        found = record.read_record(session, member, patient_id)
        audit.record(
            session,
            member.practice_id,
            audit.Action.READ_PATIENT,
            by=member.id,
            at=now,
            patient_id=patient_id,
        )
    return render.page(
        "patients/show.html",
        record=found,
        patient=found.patient,
        initials=initials_of(found.patient.name),
        hue=hue_of(found.patient.id),
        languages={
            **LANGUAGES,
            found.patient.language: LANGUAGES.get(found.patient.language, found.patient.language),
        },
        may_write=member.messages is Messages.ALL,
        how_options=list(HOW.items()),
    )


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/consent")
@needs(Privilege.SIGNED_IN)
def record_consent(patient_id: UUID, use_id: UUID) -> Response:
    """The patient agreed to be texted, and a member says how."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        use, phone = record.find_use(session, member, patient_id, use_id)
        how = request.form.get("how", "")
        consent.record_consent(
            session, phone, use, how=how if how in HOW else "staff", by=member.id, now=clock.now(session)
        )
        return "Consent recorded."

    return _back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/texting")
@needs(Privilege.SIGNED_IN)
def switch_number(patient_id: UUID, use_id: UUID) -> Response:
    """`on` is yes or no; a number that staff turned off stays off whatever the patient texts."""
    member = current_member()
    directory.require(member)
    on = request.form.get("on") == "yes"

    def switch(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        consent.switch_number(session, phone, on=on, by=member.id, now=clock.now(session))
        return "Texting to this number is on." if on else "Texting to this number is off."

    return _back_to(patient_id, once.run(switch))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/opt-out")
@needs(Privilege.SIGNED_IN)
def opt_out(patient_id: UUID, use_id: UUID) -> Response:
    """The patient told a member, by whatever means, that no texts are wanted (ThoroughCare, C95)."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        consent.opt_out(session, phone, how=consent.BY_STAFF, by=member.id, now=clock.now(session))
        return "Opted out. This number gets no more texts."

    return _back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/opt-in")
@needs(Privilege.SIGNED_IN)
def opt_in(patient_id: UUID, use_id: UUID) -> Response:
    """The patient wants texts again, and a member says how they said so."""
    member = current_member()
    directory.require(member)

    def note(session: Session) -> str:
        _, phone = record.find_use(session, member, patient_id, use_id)
        how = request.form.get("how", "")
        consent.opt_in(
            session, phone, how=how if how in HOW else "staff", by=member.id, now=clock.now(session)
        )
        return "Opted in again. This number may be texted."

    return _back_to(patient_id, once.run(note))


@patients.post("/patients/<uuid:patient_id>/texting")
@needs(Privilege.SIGNED_IN)
def switch_patient(patient_id: UUID) -> Response:
    """`on` is yes or no, for all of the patient's numbers (CharmHealth's "Text Notification", A24)."""
    member = current_member()
    directory.require(member)
    on = request.form.get("on") == "yes"

    def switch(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        consent.switch_patient(session, patient, on=on, by=member.id, now=clock.now(session))
        return "Texts to this patient are on." if on else "Texts to this patient are off."

    return _back_to(patient_id, once.run(switch))


@patients.post("/patients/<uuid:patient_id>/language")
@needs(Privilege.SIGNED_IN)
def choose_language(patient_id: UUID) -> Response:
    """In which language the patient gets automatic texts, where the practice has words in it."""
    member = current_member()
    directory.require(member)

    def choose(session: Session) -> str:
        patient = find_patient(session, member, patient_id, lock=True)
        language = request.form.get("language", "")
        change_language(session, patient, language, by=member.id, now=clock.now(session))
        return f"Automatic texts to this patient are in {LANGUAGES[language]}."

    return _back_to(patient_id, once.run(choose))


def _back_to(patient_id: UUID, said: str) -> Response:
    default = url_for("patients.show", patient_id=patient_id)
    return render.changed(toast=Toast(said), back=request.form.get("back") or default)
