"""The consent of a patient: its history, recording and signing it, and the proof of it."""

import csv
import io
from uuid import UUID

from flask import Response, make_response, redirect, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.access import locking
from triage.domain.inbox import proof, record
from triage.domain.inbox.proof import Proof
from triage.domain.patients import consent_form, directory
from triage.domain.patients.consent import Category
from triage.domain.patients.patient import find_patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.phone import for_people
from triage.web import once
from triage.web.auth import current_member, current_session, needs
from triage.web.patients.numbers import HOW
from triage.web.patients.pages import page, patients
from triage.web.signing import token_for

LONGEST_REASON = 200
COLUMNS = (
    "number",
    "at (UTC)",
    "event",
    "how",
    "by",
    "covers",
    "signed by",
    "wording",
    "message",
)
COVERS = {Category.CARE: "Care", Category.REMINDERS: "Reminders", Category.NOTICES: "News and notices"}
# A spreadsheet takes what begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@patients.get("/patients/<uuid:patient_id>/consent")
@needs(Privilege.SIGNED_IN)
def agreements(patient_id: UUID) -> Response:
    return _tab(patient_id, {})


def _tab(patient_id: UUID, errors: dict[str, str], status: int = 200) -> Response:
    member = current_member()
    directory.require(member)
    with db.transaction() as session:
        patient = find_patient(session, member, patient_id)
        numbers = record.numbers_of(session, member, patient)
        shown = [
            (number, proof.proof_of(session, member, session.get_one(Phone, number.phone_id)))
            for number in numbers
        ]
        audit.record(
            session,
            member.practice_id,
            audit.Action.READ_PATIENT,
            by=member.id,
            at=clock.now(session),
            patient_id=patient_id,
            what="consent",
        )
        owner_name = record.owner_name(session, patient)
    return page(
        "patients/consent.html",
        patient,
        "agreements",
        status,
        owner_name=owner_name,
        numbers=shown,
        errors=errors,
        values=request.form,
        how_options=list(HOW.items()),
        covers=COVERS,
    )


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/proof")
@needs(Privilege.SIGNED_IN)
def export_proof(patient_id: UUID, use_id: UUID) -> Response:
    """A table of everything about one number, for whoever asks for proof; why it was made is noted."""
    member = current_member()
    directory.require(member)
    reason = " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]
    if not reason:
        return _tab(patient_id, {"reason": "Say what the export is for."}, 422)
    with db.transaction() as session:
        use, phone = _number(session, patient_id, use_id)
        found = proof.proof_of(session, member, phone)
        audit.record(
            session,
            member.practice_id,
            audit.Action.CONSENT_EXPORTED,
            by=member.id,
            at=clock.now(session),
            subject_id=phone.id,
            patient_id=use.patient_id,
            reason=reason,
        )
    response = make_response(_table(for_people(phone.number, member.practice.region), found))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = "attachment; filename=consent.csv"
    return response


def _table(number: str, found: list[Proof]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in found:
        cells = (
            number,
            one.at.strftime("%Y-%m-%d %H:%M:%S"),
            one.event,
            one.how,
            one.by.name if one.by else "",
            ", ".join(one.covers),
            one.signed_by,
            one.wording,
            str(one.message_id or ""),
        )
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return text.getvalue()


@patients.get("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/consent-form")
@needs(Privilege.SIGNED_IN)
def consent_form_page(patient_id: UUID, use_id: UUID) -> Response:
    """The form to print, or to hand over with the device."""
    member = current_member()
    directory.require(member)
    with db.reading() as session:
        use, phone = _number(session, patient_id, use_id)
        patient = find_patient(session, member, use.patient_id)
    language, words = consent_form.words_in(request.args.get("language", patient.language))
    return page(
        "patients/consent_form.html",
        patient,
        "agreements",
        use_id=use_id,
        language=language,
        languages=list(consent_form.WORDS),
        words=words,
        wording=consent_form.wording(
            words, practice=member.practice.name, number=for_people(phone.number, member.practice.region)
        ),
        number=phone.number,
    )


@patients.post("/patients/<uuid:patient_id>/numbers/<uuid:use_id>/signing")
@needs(Privilege.SIGNED_IN)
def hand_over(patient_id: UUID, use_id: UUID) -> Response:
    """The device goes to the patient: from here on it shows the form and nothing else."""
    member = current_member()
    directory.require(member)
    made: list[str] = []

    def lock(session: Session) -> str:
        use, _ = _number(session, patient_id, use_id)
        now = clock.now(session)
        locking.lock(session, current_session(), now=now)
        language, _ = consent_form.words_in(request.form.get("language", ""))
        made.append(token_for(member, use.id, language))
        return ""

    once.run(lock)
    address = url_for("signing.form", token=made[0]) if made else url_for("auth.locked")
    return make_response(redirect(address, 303))


def _number(session: Session, patient_id: UUID, use_id: UUID) -> tuple[PhoneUse, Phone]:
    return record.find_use(session, current_member(), patient_id, use_id)
