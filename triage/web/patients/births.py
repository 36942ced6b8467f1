"""A birth date that is hidden until somebody asks for it."""

from uuid import UUID

from flask import Response

from triage.domain.inbox import looking
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.web import render
from triage.web.auth import current_member, needs
from triage.web.patients.pages import patients


@patients.post("/patients/<uuid:patient_id>/birth-date")
@needs(Privilege.SIGNED_IN)
def birth_date(patient_id: UUID) -> Response:
    """A look, which is noted; the date stands in the answer alone."""
    return _shown(patient_id, None)


@patients.post("/patients/<uuid:patient_id>/contacts/<uuid:contact_id>/birth-date")
@needs(Privilege.SIGNED_IN)
def birth_date_of_contact(patient_id: UUID, contact_id: UUID) -> Response:
    return _shown(patient_id, contact_id)


def _shown(patient_id: UUID, contact_id: UUID | None) -> Response:
    with db.transaction() as session:
        born = looking.birth_date(session, current_member(), patient_id, contact_id)
    return render.page_or_fragment(
        "patients/birth_date.html", "patients/_born.html", born=born, of_patient=patient_id, is_asked=True
    )
