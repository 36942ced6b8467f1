"""Birth dates that a role sees on request alone: asking for one is a look, and looks are noted."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox.scope import visible_conversations
from triage.domain.patients.patient import Contact, Patient, PatientContact, visible_patients, within_walls
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit.errors import NotFound


class Born(NamedTuple):
    """Whose birth date it is, and the date."""

    id: UUID
    name: str
    born_on: date | None


def birth_date(session: Session, member: Member, patient_id: UUID, contact_id: UUID | None = None) -> Born:
    """Of a patient, or of somebody on the record. Raises `NotFound` for who the member does not see.

    A patient is seen in the directory, or beside a conversation that the member may open.
    """
    seen = or_(
        Patient.id.in_(visible_patients(member).with_only_columns(Patient.id)),
        Patient.id.in_(visible_conversations(member).with_only_columns(Conversation.patient_id)),
    )
    query = select(Patient).where(
        Patient.practice_id == member.practice_id, Patient.id == patient_id, seen, *within_walls(member)
    )
    patient = session.scalar(query)
    if patient is None:
        raise NotFound("There is no such patient.")
    found = Born(patient.id, patient.name, patient.born_on)
    if contact_id is not None:
        found = _of_contact(session, patient, contact_id)
    audit.record(
        session,
        member.practice_id,
        audit.Action.BIRTH_DATE_SHOWN,
        by=member.id,
        at=clock.now(session),
        subject_id=found.id,
        patient_id=patient.id,
    )
    return found


def _of_contact(session: Session, patient: Patient, contact_id: UUID) -> Born:
    query = (
        select(Contact)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(
            PatientContact.practice_id == patient.practice_id,
            PatientContact.patient_id == patient.id,
            Contact.id == contact_id,
        )
    )
    contact = session.scalar(query)
    if contact is None:
        raise NotFound("There is no such contact on this record.")
    return Born(contact.id, contact.name, contact.born_on)
