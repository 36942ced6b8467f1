"""The communication log: what was written with a patient, whatever the number."""

from uuid import UUID

from flask import Response, request

from triage.domain.inbox import log as logs
from triage.domain.inbox import record
from triage.domain.inbox.folders import Slug, slugs_for
from triage.domain.patients import directory
from triage.domain.patients.patient import find_patient
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.web.auth import current_member, needs
from triage.web.patients.pages import note_look, page, patients


@patients.get("/patients/<uuid:patient_id>/log")
@needs(Privilege.MESSAGES)
def log(patient_id: UUID) -> Response:
    """A page of it; `before` is the mark where the page before ended."""
    member = current_member()
    directory.require(member)
    with db.transaction() as session:
        patient = find_patient(session, member, patient_id)
        found = logs.read_log(session, member, patient, before=request.args.get("before"))
        note_look(session, patient, "log")
        owner = record.owner_name(session, patient)
    return page(
        "patients/log.html",
        patient,
        "log",
        owner_name=owner,
        log=found,
        is_first=not request.args.get("before"),
        folder=(Slug.ALL if Slug.ALL in slugs_for(member) else Slug.MINE_ALL).value,
    )
