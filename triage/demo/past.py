"""What the simulated carrier has to remember of the demo's history: the phones, and every text it carried."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.demo.people import CLINICS
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Message
from triage.domain.intake.ledger import Inbound, InboundState
from triage.domain.patients.patient import Contact, Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.practice import Practice, PracticeNumber

# These stand on the first page of phones, in this order.
FIRST_SHOWN = ("Maria Alvarez", "Hannah Fox", "Rosa Delgado", "James Okafor")
BEHAVIOURS = {30003: "unreachable", 30006: "landline", 30007: "blocked"}

Entry = dict[str, Any]


def carrier_phones(session: Session) -> list[Entry]:
    """One entry for each number, in the words of the simulator's file."""
    rows = session.execute(
        select(
            Phone.number,
            Phone.is_landline,
            Patient.first_name,
            Patient.last_name,
            Patient.species,
            func.coalesce(Contact.born_on, Patient.born_on).label("born_on"),
            Contact.name.label("contact"),
            PracticeNumber.number.label("practice"),
        )
        .join(PhoneUse, PhoneUse.phone_id == Phone.id)
        .join(Patient, Patient.id == PhoneUse.patient_id)
        .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
        .join(PracticeNumber, PracticeNumber.facility_id == Patient.facility_id)
        .join(Practice, Practice.id == Phone.practice_id)
        .where(Practice.carrier_account.in_(_accounts()))
        .order_by(Phone.number, PhoneUse.id)
    ).all()
    errors = _errors(session)
    found: dict[str, Entry] = {}
    names: dict[str, list[str]] = {}
    for row in rows:
        who = row.contact or f"{row.first_name} {row.last_name}".strip()
        known = names.setdefault(row.number, [])
        if who not in known:
            known.append(who)
        behaviour = "landline" if row.is_landline else BEHAVIOURS.get(errors.get(row.number, 0), "delivers")
        found.setdefault(
            row.number,
            {
                "number": row.number,
                "birth_date": f"{row.born_on:%m/%d/%Y}" if row.born_on else "",
                "practice": row.practice,
                "behaviour": behaviour,
            },
        )
    for number, known in names.items():
        found[number]["label"] = " & ".join(known)
    shown = [entry for name in FIRST_SHOWN for entry in found.values() if entry["label"] == name]
    return shown + [entry for entry in found.values() if entry not in shown]


def carrier_history(session: Session) -> list[Entry]:
    """Every text that the carrier brought or took, oldest first."""
    came = [_came(row) for row in session.scalars(_inbound())]
    went = [_went(text, body) for text, body in session.execute(_outbound())]
    return sorted([*came, *went], key=lambda entry: datetime.fromisoformat(entry["at"]))


def _accounts() -> list[str]:
    return [clinic.account for clinic in CLINICS]


def _inbound() -> Any:
    """Not what is held back: the carrier never sent it."""
    return (
        select(Inbound)
        .join(Practice, Practice.id == Inbound.practice_id)
        .where(
            Practice.carrier_account.in_(_accounts()),
            Inbound.state.not_in((InboundState.DUPLICATE, InboundState.QUARANTINED)),
        )
    )


def _outbound() -> Any:
    return (
        select(OutboundText, Message.body)
        .join(Message, Message.id == OutboundText.message_id)
        .join(Practice, Practice.id == OutboundText.practice_id)
        .where(Practice.carrier_account.in_(_accounts()), OutboundText.provider_sid.is_not(None))
    )


def _errors(session: Session) -> dict[str, int]:
    """By number: how the carrier's last failure to reach it was called."""
    rows = session.execute(
        select(OutboundText.to_number, OutboundText.error_code)
        .where(OutboundText.error_code.is_not(None))
        .order_by(OutboundText.queued_at)
    )
    return {row.to_number: row.error_code for row in rows}


def _came(row: Inbound) -> Entry:
    return {
        "sid": row.provider_sid,
        "direction": "inbound",
        "from": row.from_number,
        "to": row.to_number,
        "body": row.body,
        "status": "received",
        "at": row.sent_at.isoformat(),
        "media": [
            {"sid": item["url"].rpartition("/")[2], "content_type": item["content_type"]}
            for item in row.media
        ],
    }


def _went(text: OutboundText, body: str) -> Entry:
    return {
        "sid": text.provider_sid,
        "direction": "outbound-api",
        "from": text.from_number,
        "to": text.to_number,
        "body": body,
        "status": text.carrier_status,
        "error_code": text.error_code,
        "at": (text.first_claim_at or text.queued_at).isoformat(),
    }
