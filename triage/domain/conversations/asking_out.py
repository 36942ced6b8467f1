"""Texts that may ask, in the patient's own words, for no more texts: noticed by a rule, decided by a person.

Any reasonable means of saying so counts, and must be honoured within ten business days (47 CFR 64.1200(a)(10)).
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Index,
    UniqueConstraint,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.patients import consent
from triage.domain.patients.consent import ConsentEvent
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member
from triage.kit import db

BUSINESS_DAYS = 10
SATURDAY = 5
MOST_ASKED = 50


class Decision(StrEnum):
    OPTED_OUT = "opted_out"
    DISMISSED = "dismissed"


class PossibleOptOut(db.OfPractice, db.Base):
    """One text that may ask for no more texts: `words` are those that say so, `noticed_at` is when it was sent."""

    __tablename__ = "possible_opt_out"
    __table_args__ = (
        db.within_practice("phone_id", "phone"),
        db.within_practice("message_id", "message"),
        db.within_practice("decided_by_id", "member"),
        UniqueConstraint("message_id"),
        Index("ix_possible_opt_out_open", "practice_id", "phone_id", postgresql_where="decided_at is null"),
        CheckConstraint(
            "(decided_at is null) = (decision is null) and (decided_at is null) = (decided_by_id is null)",
            name="decided",
        ),
    )

    phone_id: Mapped[UUID]
    message_id: Mapped[UUID]
    words: Mapped[str]
    noticed_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None]
    decision: Mapped[Decision | None] = mapped_column(db.choice(Decision, "decision"))


# Undecided, of numbers that have not opted out since, by whatever way: then the question has answered itself.
_IS_OPEN = and_(
    PossibleOptOut.practice_id == bindparam("practice_id"),
    PossibleOptOut.phone_id == func.any(bindparam("phone_ids", type_=ARRAY(Uuid))),
    PossibleOptOut.decided_at.is_(None),
    Phone.opted_out_at.is_(None),
    ~exists().where(
        ConsentEvent.practice_id == PossibleOptOut.practice_id,
        ConsentEvent.phone_id == PossibleOptOut.phone_id,
        ConsentEvent.kind.in_(consent.OPTING_OUT),
        ConsentEvent.at >= PossibleOptOut.noticed_at,
    ),
)
# Built once, since every list of rows asks.
_AMONG = (
    select(PossibleOptOut.phone_id)
    .distinct()
    .join(Phone, Phone.id == PossibleOptOut.phone_id)
    .where(_IS_OPEN)
)
_OF_NUMBER = (
    select(PossibleOptOut)
    .join(Phone, Phone.id == PossibleOptOut.phone_id)
    .where(_IS_OPEN)
    .order_by(PossibleOptOut.noticed_at, PossibleOptOut.id)
    .limit(MOST_ASKED)
)


def among(session: Session, practice_id: UUID, phone_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these numbers about which somebody must still decide."""
    wanted = list(phone_ids)
    return (
        set(session.scalars(_AMONG, {"practice_id": practice_id, "phone_ids": wanted})) if wanted else set()
    )


def open_ones(session: Session, practice_id: UUID, phone_id: UUID) -> list[PossibleOptOut]:
    """What must still be decided about a number, the first text first."""
    return list(session.scalars(_OF_NUMBER, {"practice_id": practice_id, "phone_ids": [phone_id]}))


def honour_by(noticed_at: datetime, time_zone: str) -> date:
    """Pure. Ten business days later in the practice's zone; holidays are counted, so it is never too late."""
    day, left = noticed_at.astimezone(ZoneInfo(time_zone)).date(), BUSINESS_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return day


def decide(
    session: Session, asked: Iterable[PossibleOptOut], decision: Decision, *, by: Member, now: datetime
) -> None:
    """What these texts meant; the audit trail names each of them."""
    for one in asked:
        one.decided_at, one.decided_by_id, one.decision = now, by.id, decision
        audit.record(
            session,
            one.practice_id,
            audit.Action.OPT_OUT_DECIDED,
            by=by.id,
            at=now,
            subject_id=one.message_id,
            decision=decision.value,
        )
    session.flush()


def note(
    session: Session, practice_id: UUID, phone_id: UUID, message_id: UUID, words: str, *, asked_at: datetime
) -> None:
    """A text that has just been filed may ask for no more texts."""
    session.add(
        PossibleOptOut(
            practice_id=practice_id,
            phone_id=phone_id,
            message_id=message_id,
            words=words,
            noticed_at=asked_at,
        )
    )
