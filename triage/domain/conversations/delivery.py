"""How a text leaves, once: claim, send, record; an unclear outcome is looked up before anything is repeated.

The carrier's API has no idempotency key, so a text whose outcome is unclear is a state of its own. This is the
one file besides intake whose functions open transactions: the carrier is called between two of them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    FetchedValue,
    ForeignKey,
    Index,
    UniqueConstraint,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit, jobs
from triage.domain.conversations import leaving
from triage.domain.conversations.carrier import Accepted
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.patients import consent, troubles
from triage.domain.patients.consent import Purpose
from triage.domain.patients.phones import Phone
from triage.domain.practice.practice import PracticeNumber
from triage.kit import clock, db, later, live, metrics

LEASE_FOR = timedelta(seconds=30)
# A paused process must not send when its lease is nearly over: the HTTP time-out plus two seconds.
SEND_MARGIN = timedelta(seconds=12)
MOST_LOOKS = 2
BACKOFF = (2, 5, 15, 60, 300)


class OutboundState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NEEDS_PERSON = "needs_person"


# Callbacks arrive in any order: the highest rank seen so far is the truth.
RANKS = {
    "accepted": 10,
    "scheduled": 10,
    "queued": 20,
    "sending": 30,
    "sent": 40,
    "canceled": 50,
    "failed": 55,
    "undelivered": 60,
    "delivered": 70,
    "read": 80,
}
ARRIVED = ("delivered", "read")
NOT_DELIVERED = ("failed", "undelivered", "canceled")


# What staff must deal with; word for word, because a partial index answers who asks with these words.
IS_FAILED = "(is_failed or state = 'needs_person')"


class OutboundText(db.Base):
    """The way of one outgoing message. `due_at` is when the next step is due: sending, or looking it up."""

    __tablename__ = "outbound_text"
    __table_args__ = (
        db.within_practice("message_id", "message"),
        UniqueConstraint("provider_sid"),
        Index("ix_outbound_text_due", "due_at", postgresql_where="state = 'queued'"),
        Index("ix_outbound_text_lease", "lease_until", postgresql_where="state = 'sending'"),
        Index("ix_outbound_text_unknown", "due_at", postgresql_where="state = 'unknown'"),
        Index(
            "ix_outbound_text_failed",
            "practice_id",
            "queued_at",
            postgresql_where=f"dismissed_at is null and {IS_FAILED}",
        ),
        CheckConstraint("state <> 'sent' or provider_sid is not null", name="sent_has_sid"),
        CheckConstraint("(state = 'sending') = (lease_until is not null)", name="sending_has_lease"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    from_number: Mapped[str]
    to_number: Mapped[str]
    # The gate is asked again when it leaves, and what it is for decides what stops it.
    purpose: Mapped[Purpose] = mapped_column(
        db.choice(Purpose, "purpose"), default=Purpose.REPLY, server_default="reply"
    )
    state: Mapped[OutboundState] = mapped_column(db.choice(OutboundState, "state"))
    due_at: Mapped[datetime]
    queued_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    attempt_id: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    first_claim_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    was_requeued: Mapped[bool] = mapped_column(default=False)
    provider_sid: Mapped[str | None]
    carrier_status: Mapped[str | None]
    carrier_rank: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[int | None]
    is_failed: Mapped[bool] = mapped_column(default=False)
    dismissed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    # Written by a trigger at every change of state; `triage verify` looks for an audit row beside it.
    changed_in: Mapped[int] = mapped_column(
        BigInteger, server_default=db.TRANSACTION_ID, server_onupdate=FetchedValue()
    )

    __mapper_args__ = {"eager_defaults": False}


class DeliveryReport(db.OfPractice, db.Base):
    """A status callback exactly as it came; nothing is overwritten."""

    __tablename__ = "delivery_report"
    __table_args__ = (
        UniqueConstraint(
            "practice_id", "provider_sid", "status", "error_code", postgresql_nulls_not_distinct=True
        ),
        Index("ix_delivery_report_message", "message_id"),
    )

    provider_sid: Mapped[str]
    message_id: Mapped[UUID | None]
    status: Mapped[str]
    error_code: Mapped[int | None]
    received_at: Mapped[datetime]


class Claim(NamedTuple):
    """A text that this process, and no other, may send until `lease_until`."""

    message_id: UUID
    practice_id: UUID
    attempt_id: UUID
    from_number: str
    to_number: str
    body: str
    lease_until: datetime


def queue(
    session: Session,
    conversation: Conversation,
    number: PracticeNumber,
    phone: Phone,
    body: str,
    *,
    by: UUID | None,
    now: datetime,
    purpose: Purpose = Purpose.REPLY,
    is_automatic: bool = False,
    resend_of_id: UUID | None = None,
    hold: timedelta = timedelta(0),
) -> Message:
    """Write the message and what will send it; a worker is asked after the commit."""
    message = Message(
        practice_id=conversation.practice_id,
        conversation_id=conversation.id,
        patient_id=conversation.patient_id,
        direction=Direction.OUT,
        body=body,
        media=[],
        sent_by_id=by,
        is_automatic=is_automatic,
        resend_of_id=resend_of_id,
        at=now,
    )
    session.add(message)
    session.flush()
    session.add(
        OutboundText(
            message_id=message.id,
            practice_id=conversation.practice_id,
            from_number=number.number,
            to_number=phone.number,
            purpose=purpose,
            state=OutboundState.QUEUED,
            due_at=now + hold,
            queued_at=now,
            changed_at=now,
        )
    )
    conversation.last_message_at = now
    audit.record(
        session,
        conversation.practice_id,
        audit.Action.TEXT_QUEUED,
        by=by,
        at=now,
        subject_id=message.id,
        patient_id=conversation.patient_id,
    )
    session.flush()
    later.run(session, jobs.DELIVER_TEXTS)
    return message


def claim(session: Session, *, limit: int) -> list[Claim]:
    """Take due texts for this process. The gate is asked again here: an opt-out since then fails the text."""
    now = clock.now(session)
    due = list(
        session.scalars(
            select(OutboundText)
            .where(OutboundText.state == OutboundState.QUEUED, OutboundText.due_at <= now)
            .order_by(OutboundText.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    if not due:
        return []
    looked = leaving.look(session, {text.message_id: text.purpose for text in due})
    taken, claims = [], []
    for text in due:
        at_the_door = looked[text.message_id]
        if at_the_door.refused is not None:
            _fail(session, text, code=at_the_door.refused, now=now)
            continue
        taken.append(text)
        text.attempt_id = db.new_id()
        text.lease_until = now + LEASE_FOR
        text.first_claim_at = text.first_claim_at or now
        text.attempts += 1
        claims.append(
            Claim(
                text.message_id,
                text.practice_id,
                text.attempt_id,
                text.from_number,
                text.to_number,
                at_the_door.body,
                text.lease_until,
            )
        )
    _change_all(session, taken, OutboundState.SENDING, now=now)
    return claims


def is_fresh(session: Session, claimed: Claim) -> bool:
    """Whether enough of the lease is left to send now."""
    return clock.now(session) < claimed.lease_until - SEND_MARGIN


def give_back(session: Session, claimed: Claim) -> None:
    """The text was certainly not sent: let the next worker take it."""
    _requeue(session, claimed, wait=timedelta(0))


def record_sent(session: Session, claimed: Claim, *, sid: str, status: str) -> None:
    """The carrier accepted it. Safe to repeat."""
    record_all_sent(session, {claimed: Accepted(sid, status)})


def record_all_sent(session: Session, accepted: Mapping[Claim, Accepted]) -> None:
    """The carrier accepted these. Safe to repeat."""
    # In one order, so that two who record the same texts never wait for each other.
    query = (
        select(OutboundText)
        .where(OutboundText.message_id.in_([claimed.message_id for claimed in accepted]))
        .order_by(OutboundText.message_id)
    )
    texts = {text.message_id: text for text in session.scalars(db.locked(query))}
    now, sent = clock.now(session), []
    for claimed, word in accepted.items():
        text = texts.get(claimed.message_id)
        if text is None or not _is_of(text, claimed):
            continue
        text.provider_sid = text.provider_sid or word.sid
        text.lease_until = None
        _rank(text, word.status, None)
        sent.append(text)
    _change_all(session, sent, OutboundState.SENT, now=now)
    metrics.OUTBOUND.labels("sent").inc(len(sent))


def record_refused(session: Session, claimed: Claim, *, code: int | None) -> None:
    """The carrier said no for good; 21610 means that it knows of an opt-out (twilio.md 4)."""
    text = _mine(session, claimed)
    if text is None:
        return
    now = clock.now(session)
    text.lease_until = None
    _fail(session, text, code=code, now=now)
    troubles.note(session, text.practice_id, text.to_number, code, now=now)
    if code == 21610:
        phone = session.scalar(
            select(Phone)
            .where(Phone.practice_id == text.practice_id, Phone.number == text.to_number)
            .with_for_update()
        )
        if phone is not None:
            consent.carrier_refused(session, phone, now=now)


def record_busy(session: Session, claimed: Claim) -> None:
    """Certainly not accepted, but later may help (429): queued again with a growing wait."""
    metrics.OUTBOUND.labels("busy").inc()
    _requeue(session, claimed, wait=None)


def record_unknown(session: Session, claimed: Claim, *, settle: timedelta) -> None:
    """Nobody can know whether it left: look it up after `settle`."""
    text = _mine(session, claimed)
    if text is not None:
        _doubt(session, text, settle=settle, now=clock.now(session))


def expire_leases(session: Session, *, settle: timedelta) -> int:
    """Texts whose sender vanished become unknown. Safe to repeat; returns how many."""
    now = clock.now(session)
    lost = list(
        session.scalars(
            select(OutboundText)
            .where(OutboundText.state == OutboundState.SENDING, OutboundText.lease_until < now)
            .with_for_update(skip_locked=True)
        )
    )
    for text in lost:
        _doubt(session, text, settle=settle, now=now)
    return len(lost)


def record_status(
    session: Session,
    practice_id: UUID,
    *,
    sid: str,
    status: str,
    error_code: int | None,
    message_id: UUID | None,
) -> bool:
    """File one status callback, in any order and any number of times. False where it belongs to no text."""
    now = clock.now(session)
    session.execute(
        insert(DeliveryReport)
        .values(
            id=db.new_id(),
            practice_id=practice_id,
            provider_sid=sid,
            status=status,
            error_code=error_code,
            message_id=message_id,
            received_at=now,
        )
        .on_conflict_do_nothing()
    )
    mine = OutboundText.message_id == message_id if message_id else OutboundText.provider_sid == sid
    text = session.scalar(
        db.locked(select(OutboundText).where(OutboundText.practice_id == practice_id, mine))
    )
    if text is None:
        return False
    _apply(session, text, sid=sid, status=status, error_code=error_code, now=now)
    return True


def _apply(
    session: Session, text: OutboundText, *, sid: str, status: str, error_code: int | None, now: datetime
) -> None:
    """The carrier speaks of this text, so it took it, whatever we believed."""
    if text.provider_sid not in (None, sid):
        metrics.OUTBOUND.labels("extra_copy").inc()
        return
    risen = _rank(text, status, error_code)
    if risen and text.is_failed:
        troubles.note(session, text.practice_id, text.to_number, error_code, now=now)
    elif risen and status in ARRIVED:
        troubles.arrived(session, text.practice_id, text.to_number)
    if text.state is not OutboundState.SENT or text.provider_sid is None:
        text.provider_sid = sid
        text.lease_until = None
        _change(session, text, OutboundState.SENT, now=now)
    elif risen:
        _change(session, text, OutboundState.SENT, now=now)


def _rank(text: OutboundText, status: str, error_code: int | None) -> bool:
    rank = RANKS.get(status, 0)
    if rank <= text.carrier_rank:
        return False
    text.carrier_rank, text.carrier_status = rank, status
    # Also when it is None: what went wrong on a lower rank must not depend on which callback came first.
    text.error_code = error_code
    text.is_failed = status in NOT_DELIVERED
    return True


def due_unknown(session: Session, *, limit: int, settle: timedelta) -> list[OutboundText]:
    """Texts to look up now; nobody else looks them up until `settle` has passed."""
    now = clock.now(session)
    texts = list(
        session.scalars(
            select(OutboundText)
            .where(OutboundText.state == OutboundState.UNKNOWN, OutboundText.due_at <= now)
            .order_by(OutboundText.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )
    for text in texts:
        text.due_at = now + settle
    return texts


def bound_sids(session: Session, practice_id: UUID, sids: set[str]) -> set[str]:
    """Which of these the product already knows as its own texts."""
    return set(
        session.scalars(
            select(OutboundText.provider_sid).where(
                OutboundText.practice_id == practice_id, OutboundText.provider_sid.in_(sids)
            )
        )
    )


def settle_found(
    session: Session, message_id: UUID, *, sid: str, status: str, error_code: int | None
) -> None:
    """The carrier's list holds the text after all."""
    text = _locked(session, message_id)
    if text is not None and text.state is OutboundState.UNKNOWN:
        _apply(session, text, sid=sid, status=status, error_code=error_code, now=clock.now(session))


def settle_missing(session: Session, message_id: UUID, *, settle: timedelta) -> None:
    """The carrier's list does not hold it: after two looks send it once more, after that ask a person."""
    text = _locked(session, message_id)
    if text is None or text.state is not OutboundState.UNKNOWN:
        return
    now = clock.now(session)
    text.looks += 1
    if text.looks < MOST_LOOKS:
        text.due_at = now + settle
        return
    if text.was_requeued:
        _change(session, text, OutboundState.NEEDS_PERSON, now=now)
        return
    text.was_requeued = True
    text.looks = 0
    text.due_at = now
    _change(session, text, OutboundState.QUEUED, now=now)
    later.run(session, jobs.DELIVER_TEXTS)


def ask_person(session: Session, message_id: UUID) -> None:
    """Nobody can look the text up, because the carrier account cannot be used: a person must know."""
    text = _locked(session, message_id)
    if text is not None and text.state is OutboundState.UNKNOWN:
        _change(session, text, OutboundState.NEEDS_PERSON, now=clock.now(session))


def dismiss(session: Session, text: OutboundText, *, by: UUID, now: datetime) -> None:
    """Somebody has seen the failure and dealt with it. Safe to repeat."""
    if text.dismissed_at is None:
        text.dismissed_at = now
        audit.record(
            session,
            text.practice_id,
            audit.Action.TEXT_CHANGED,
            by=by,
            at=now,
            subject_id=text.message_id,
            state="dismissed",
        )
        live.announce(session, text.practice_id, "counts")


def outbound_of(session: Session, message_id: UUID, *, lock: bool = False) -> OutboundText | None:
    query = select(OutboundText).where(OutboundText.message_id == message_id)
    return session.scalar(db.locked(query) if lock else query)


def _locked(session: Session, message_id: UUID) -> OutboundText | None:
    return outbound_of(session, message_id, lock=True)


def _mine(session: Session, claimed: Claim) -> OutboundText | None:
    """The text, unless somebody else has dealt with this attempt since."""
    text = _locked(session, claimed.message_id)
    return text if text is not None and _is_of(text, claimed) else None


def _is_of(text: OutboundText, claimed: Claim) -> bool:
    return text.state is OutboundState.SENDING and text.attempt_id == claimed.attempt_id


def _requeue(session: Session, claimed: Claim, *, wait: timedelta | None) -> None:
    text = _mine(session, claimed)
    if text is None:
        return
    now = clock.now(session)
    steps = min(text.attempts, len(BACKOFF)) - 1
    text.due_at = now + (timedelta(seconds=BACKOFF[steps]) if wait is None else wait)
    text.lease_until = None
    _change(session, text, OutboundState.QUEUED, now=now)


def _fail(session: Session, text: OutboundText, *, code: int | None, now: datetime) -> None:
    text.error_code = code
    text.is_failed = True
    _change(session, text, OutboundState.FAILED, now=now)
    metrics.OUTBOUND.labels("failed").inc()


def _doubt(session: Session, text: OutboundText, *, settle: timedelta, now: datetime) -> None:
    text.lease_until = None
    text.looks = 0
    text.due_at = now + settle
    _change(session, text, OutboundState.UNKNOWN, now=now)
    metrics.OUTBOUND.labels("unknown").inc()


def _change(session: Session, text: OutboundText, state: OutboundState, *, now: datetime) -> None:
    _change_all(session, [text], state, now=now)


def _change_all(session: Session, texts: list[OutboundText], state: OutboundState, *, now: datetime) -> None:
    for text in texts:
        text.state = state
        text.changed_at = now
        audit.record(
            session,
            text.practice_id,
            audit.Action.TEXT_CHANGED,
            by=None,
            at=now,
            subject_id=text.message_id,
            state=state.value,
            carrier=text.carrier_status,
            code=text.error_code,
        )
    _announce(session, texts)


def _announce(session: Session, texts: list[OutboundText]) -> None:
    columns = select(Message.id, Message.conversation_id, Message.sent_by_id)
    rows = session.execute(columns.where(Message.id.in_([text.message_id for text in texts])))
    message = {row.id: row for row in rows}
    for text in texts:
        row = message[text.message_id]
        sender = {row.sent_by_id} if row.sent_by_id else None
        live.announce(
            session,
            text.practice_id,
            "delivery",
            to=sender,
            conversation=row.conversation_id,
            message=text.message_id,
        )
        if text.is_failed or text.state is OutboundState.NEEDS_PERSON:
            # The list of failures has grown, and the conversation's row says so.
            live.announce(session, text.practice_id, "counts", to=sender)
            live.announce(session, text.practice_id, "task", to=sender, conversation=row.conversation_id)


def needs_attention() -> ColumnElement[bool]:
    """The text failed, or nobody can know whether it left; beside it ask that nobody has dismissed it."""
    return or_(OutboundText.is_failed, OutboundText.state == literal_column("'needs_person'"))
