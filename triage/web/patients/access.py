"""Who looked at a patient's record, and who changed it."""

from uuid import UUID

from flask import Response, request

from triage.domain.inbox import record, trail
from triage.domain.inbox.trail import Only
from triage.domain.patients import directory
from triage.domain.patients.patient import find_patient
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.web.auth import current_member, needs
from triage.web.patients.pages import note_look, page, patients

CHOICES = [("", "Everything"), (Only.LOOKS.value, "Looks"), (Only.CHANGES.value, "Changes")]


@patients.get("/patients/<uuid:patient_id>/access")
@needs(Privilege.AUDIT)
def access(patient_id: UUID) -> Response:
    """`only` is looks or changes; `before` is the mark where the page before ended."""
    member = current_member()
    directory.require(member)
    asked = request.args.get("only", "")
    only = Only(asked) if asked in set(Only) else None
    with db.transaction() as session:
        patient = find_patient(session, member, patient_id)
        found = trail.read_trail(session, member, patient, only=only, before=request.args.get("before"))
        note_look(session, patient, "access")
        owner = record.owner_name(session, patient)
    return page(
        "patients/access.html",
        patient,
        "access",
        owner_name=owner,
        trail=found,
        only=only.value if only else "",
        choices=CHOICES,
        is_first=not request.args.get("before"),
    )
