"""A patient at a glance."""

from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.inbox import record
from triage.domain.patients import directory
from triage.domain.patients.patient import change_language, find_patient
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.patients.numbers import HOW
from triage.web.patients.pages import back_to, page, patients


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
    return page(
        "patients/show.html",
        found.patient,
        "show",
        owner_name=found.owner_name,
        record=found,
        languages={
            **LANGUAGES,
            found.patient.language: LANGUAGES.get(found.patient.language, found.patient.language),
        },
        how_options=list(HOW.items()),
        asks_birth_dates=member.practice.verification_on,
    )


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

    return back_to(patient_id, once.run(choose))
