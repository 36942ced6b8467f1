"""People behind a number, without a database."""

from triage.domain.patients.phones import Person
from triage.kit import db


def a_person(name: str, *, contact: str | None = None) -> Person:
    """A patient; `contact` is who is texted about them."""
    return Person(
        patient_id=db.new_id(),
        patient_name=name,
        contact_id=db.new_id() if contact else None,
        contact_name=contact,
        relation="mother" if contact else None,
        facility_id=None,
        language="en",
    )
