"""A patient at a glance."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.inbox import merging, record
from triage.domain.patients import details, directory
from triage.domain.patients.patient import Patient, change_language, find_patient
from triage.domain.practice.member import Brief, briefs
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import LANGUAGES
from triage.kit import clock, db
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.patients.numbers import HOW
from triage.web.patients.pages import back_to, note_look, page, patients


@patients.get("/patients/<uuid:patient_id>")
@needs(Privilege.SIGNED_IN)
def show(patient_id: UUID) -> Response:
    member = current_member()
    directory.require(member)
    with db.transaction() as session:
        found = record.read_record(session, member, patient_id)
        note_look(session, found.patient)
        merges = merged_from(session, found.patient)
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
        sexes=details.SEXES,
        merges=merges,
        asks_birth_dates=member.practice.verification_on,
    )


class From(NamedTuple):
    """A record that became a part of this one, and may still be parted from it."""

    merge_id: UUID
    chart_number: str
    at: datetime
    until: datetime
    by: Brief | None


def merged_from(session: Session, patient: Patient) -> list[From]:
    """For who may undo it."""
    member = current_member()
    if not member.may(Privilege.PATIENTS):
        return []
    made = merging.open_merges(session, member, patient, now=clock.now(session))
    charts = merging.charts_of(session, [one.merged_id for one in made])
    people = briefs(session, member.practice_id, {one.member_id for one in made})
    lasts = merging.CAN_BE_UNDONE_FOR
    return [
        From(one.id, charts[one.merged_id], one.merged_at, one.merged_at + lasts, people.get(one.member_id))
        for one in made
    ]


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
