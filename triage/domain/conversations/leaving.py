"""The gate, asked again for texts that are about to leave: much may have changed since they were queued."""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import Session

from triage.domain.conversations import asking_out, failures
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.patients import consent
from triage.domain.patients.consent import Facts, Leg, Purpose
from triage.domain.patients.patient import Patient, PatientContact
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.practice.practice import Practice

CODES = {
    Leg.OPTED_OUT: failures.OPTED_OUT,
    Leg.LANDLINE: failures.LANDLINE,
    Leg.MAY_HAVE_OPTED_OUT: failures.MAY_HAVE_OPTED_OUT,
    Leg.NOT_VERIFIED: failures.NOT_VERIFIED,
    Leg.NOT_CURRENT: failures.NOT_CURRENT,
    Leg.NO_CONSENT: failures.NO_CONSENT,
}

# A text that is for somebody goes nowhere where they are not reached any more.
_IS_THEIRS = or_(Message.patient_id.is_(None), PhoneUse.patient_id == Message.patient_id)
_USES = (
    select(
        func.bool_or(and_(consent.IS_CURRENT, _IS_THEIRS)).label("is_current"),
        func.bool_or(and_(consent.IS_CURRENT, PhoneUse.consented_at.is_not(None))).label("has_consent"),
        (~func.bool_or(consent.SAYS_NO)).label("patient_on"),
        func.bool_or(
            and_(consent.IS_CURRENT, _IS_THEIRS, PhoneUse.verification == Verification.ENABLED)
        ).label("is_verified"),
    )
    .join(Patient, Patient.id == PhoneUse.patient_id)
    .outerjoin(PatientContact, consent.OF_LINK)
    .where(PhoneUse.phone_id == Phone.id)
    .correlate(Phone, Message)
    .lateral("uses")
)
_FACTS = (
    select(
        Message.id,
        Message.practice_id,
        Message.body,
        Phone.id.label("phone_id"),
        Phone.number,
        Phone.texting_on,
        Phone.opted_out_at,
        Phone.opted_out_how,
        Phone.is_landline,
        Practice.texting_on.label("practice_on"),
        Practice.verification_on,
        Conversation.last_inbound_at,
        Conversation.is_nobody,
        _USES.c.is_current,
        _USES.c.has_consent,
        _USES.c.patient_on,
        _USES.c.is_verified,
    )
    .join(Conversation, Conversation.id == Message.conversation_id)
    .join(Phone, Phone.id == Conversation.phone_id)
    .join(Practice, Practice.id == Message.practice_id)
    .join(_USES, true())
    .where(Message.id == func.any(bindparam("message_ids", type_=ARRAY(Uuid))))
)


class Leaving(NamedTuple):
    """A text at the door: its words, and why it cannot go, as a code of `failures`; None where it can."""

    body: str
    refused: int | None


def look(session: Session, purposes: dict[UUID, Purpose]) -> dict[UUID, Leaving]:
    """By message. One query for all, and one more for each practice whose automatic texts are among them."""
    rows = session.execute(_FACTS, {"message_ids": list(purposes)}).all()
    asking = _asking_out(session, [row for row in rows if _stops_at_a_question(purposes[row.id])])
    return {row.id: Leaving(row.body, _refused(row, purposes[row.id], asking)) for row in rows}


def _stops_at_a_question(purpose: Purpose) -> bool:
    return Leg.MAY_HAVE_OPTED_OUT not in consent.PASSES[purpose]


def _asking_out(session: Session, rows: Collection[Row[*tuple[Any, ...]]]) -> set[UUID]:
    found: set[UUID] = set()
    for practice_id in {row.practice_id for row in rows}:
        numbers = {row.phone_id for row in rows if row.practice_id == practice_id}
        found |= asking_out.among(session, practice_id, numbers)
    return found


def _refused(row: Row[*tuple[Any, ...]], purpose: Purpose, asking: Collection[UUID]) -> int | None:
    # Of a number that nobody is known to use all these are null.
    facts = Facts(
        practice_on=row.practice_on,
        number=row.number,
        texting_on=row.texting_on,
        opted_out_at=row.opted_out_at,
        opted_out_how=row.opted_out_how,
        is_landline=row.is_landline,
        patient_on=row.patient_on is not False,
        is_current=row.is_current is not False or row.is_nobody,
        has_consent=row.last_inbound_at is not None or bool(row.has_consent),
        is_verified=not row.verification_on or bool(row.is_verified),
        may_have_opted_out=row.phone_id in asking,
    )
    leg = consent.may_text(facts, purpose).leg
    return None if leg is None else CODES.get(leg, failures.TURNED_OFF)
