"""What shows that a number may be texted, or may not: every event with its words, who, how and when."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.conversations.notices import OptInNotice
from triage.domain.inbox.thread import CONSENT_SENTENCES
from triage.domain.patients import consent_form
from triage.domain.patients.consent import ConsentEvent
from triage.domain.patients.patient import Patient, within_walls
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Brief, Member, briefs

WROTE_FIRST = "The patient texted first"
NOTICE = "The notice that says how to stop was sent with the first text"
# How a consent or an opt-out is known, in words.
HOW = {
    "staff": "in person",
    "phone": "by phone",
    "paper": "on paper",
    consent_form.SIGNED: "signed on this device",
    "text": "by text",
    "carrier": "by the carrier",
    "21610": "by the carrier",
    "own_words": "in the patient's own words",
    "asked": "by text",
    "asked_again": "by text, once more",
    "same_person": "as about another patient",
    "expired": "after two weeks",
}


class Proof(NamedTuple):
    """One event. `by` is None for the patient and the carrier; `signature` is the data of an SVG path."""

    at: datetime
    event: str
    how: str
    by: Brief | None
    covers: tuple[str, ...]
    wording: str
    signed_by: str
    signature: str
    message_id: UUID | None


def proof_of(session: Session, member: Member, phone: Phone) -> list[Proof]:
    """Everything about one number, the latest first."""
    found = [*_events(session, member, phone), *_notice(session, phone), *_first_text(session, phone)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _events(session: Session, member: Member, phone: Phone) -> list[Proof]:
    events = session.scalars(
        select(ConsentEvent).where(
            ConsentEvent.practice_id == phone.practice_id, ConsentEvent.phone_id == phone.id
        )
    ).all()
    people = briefs(session, member.practice_id, {event.member_id for event in events if event.member_id})
    named = {event.patient_id for event in events if event.patient_id}
    known = set(session.scalars(select(Patient.id).where(Patient.id.in_(named), *within_walls(member))))
    # Of somebody behind a wall it is seen that they agreed, and not who they are.
    hidden = {event.id for event in events if event.patient_id and event.patient_id not in known}
    return [
        Proof(
            at=event.at,
            event=CONSENT_SENTENCES.get(event.kind, event.kind.value.replace("_", " ")),
            how=HOW.get(event.source, ""),
            by=people.get(event.member_id) if event.member_id else None,
            covers=tuple(event.categories or ()),
            wording="" if event.id in hidden else event.wording or "",
            signed_by="" if event.id in hidden else event.signed_by or "",
            signature=consent_form.path(event.signature)
            if event.signature and event.id not in hidden
            else "",
            message_id=None,
        )
        for event in events
    ]


def _notice(session: Session, phone: Phone) -> list[Proof]:
    query = (
        select(OptInNotice.at, Message.id, Message.body)
        .join(Message, Message.id == OptInNotice.message_id)
        .where(OptInNotice.phone_id == phone.id)
    )
    return [Proof(row.at, NOTICE, "", None, (), row.body, "", "", row.id) for row in session.execute(query)]


def _first_text(session: Session, phone: Phone) -> list[Proof]:
    """Whoever writes first may be answered; the words are the conversation's and are not repeated here."""
    query = (
        select(Message.at, Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.practice_id == phone.practice_id, Conversation.phone_id == phone.id)
        .where(Message.direction == Direction.IN)
        .order_by(Message.at, Message.id)
        .limit(1)
    )
    earlier = (
        select(func.min(Message.at))
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(Conversation.practice_id == phone.practice_id, Conversation.phone_id == phone.id)
        .where(Message.direction == Direction.OUT, Message.sent_by_id.is_not(None))
    )
    texted_at = session.scalar(earlier)
    return [
        Proof(row.at, WROTE_FIRST, "", None, (), "", "", "", row.id)
        for row in session.execute(query)
        if texted_at is None or row.at <= texted_at
    ]
