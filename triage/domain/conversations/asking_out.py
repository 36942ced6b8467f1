"""Texts that may ask, in the patient's own words, for no more texts: noticed by a rule, decided by a person.

Any reasonable means of saying so counts, and must be honoured within ten business days (47 CFR 64.1200(a)(10)).
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, CheckConstraint, Index, UniqueConstraint, Uuid, bindparam, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.patients import consent
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member
from triage.kit import clock, db
from triage.kit.errors import NotPossible

BUSINESS_DAYS = 10
SATURDAY = 5


class Decision(StrEnum):
    OPTED_OUT = "opted_out"
    DISMISSED = "dismissed"


class PossibleOptOut(db.OfPractice, db.Base):
    """One text that may ask for no more texts. `words` are those that said so, until somebody has decided."""

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


class Question(NamedTuple):
    """What staff are asked about a number: the words, and the last day on which to honour them."""

    words: str
    honour_by: date


# Undecided, of numbers that no STOP has closed meanwhile; built once, since every list of rows asks.
_OPEN = (
    select(PossibleOptOut.phone_id, PossibleOptOut.words, PossibleOptOut.noticed_at)
    .join(Phone, Phone.id == PossibleOptOut.phone_id)
    .where(
        PossibleOptOut.practice_id == bindparam("practice_id"),
        PossibleOptOut.phone_id == func.any(bindparam("phone_ids", type_=ARRAY(Uuid))),
        PossibleOptOut.decided_at.is_(None),
        Phone.opted_out_at.is_(None),
    )
    .order_by(PossibleOptOut.noticed_at.desc())
)


def questions(
    session: Session, practice_id: UUID, phone_ids: Iterable[UUID], *, time_zone: str
) -> dict[UUID, Question]:
    """The oldest undecided one of each of these numbers."""
    wanted = list(phone_ids)
    if not wanted:
        return {}
    rows = session.execute(_OPEN, {"practice_id": practice_id, "phone_ids": wanted})
    return {row.phone_id: Question(row.words, honour_by(row.noticed_at, time_zone)) for row in rows}


def among(session: Session, practice_id: UUID, phone_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these numbers about which somebody must still decide."""
    rows = session.execute(_OPEN, {"practice_id": practice_id, "phone_ids": list(phone_ids)})
    return {row.phone_id for row in rows}


def honour_by(noticed_at: datetime, time_zone: str) -> date:
    """Pure. Ten business days later in the practice's zone; holidays are counted, so it is never too late."""
    day, left = noticed_at.astimezone(ZoneInfo(time_zone)).date(), BUSINESS_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < SATURDAY
    return day


def opt_out(session: Session, phone: Phone, *, by: Member) -> None:
    """Yes, that is what the patient meant: the number gets no more texts. Raises `NotPossible` where nothing is open."""
    now = clock.now(session)
    _decide(session, phone, Decision.OPTED_OUT, by, now)
    consent.opt_out(session, phone, how=consent.OWN_WORDS, by=by.id, now=now)


def dismiss(session: Session, phone: Phone, *, by: Member) -> None:
    """No, the patient meant something else. Raises `NotPossible` where nothing is open."""
    _decide(session, phone, Decision.DISMISSED, by, clock.now(session))


def note(
    session: Session, practice_id: UUID, phone_id: UUID, message_id: UUID, words: str, *, now: datetime
) -> None:
    """A text that has just been filed may ask for no more texts."""
    session.add(
        PossibleOptOut(
            practice_id=practice_id, phone_id=phone_id, message_id=message_id, words=words, noticed_at=now
        )
    )


def _decide(session: Session, phone: Phone, decision: Decision, by: Member, now: datetime) -> None:
    decided = session.execute(
        update(PossibleOptOut)
        .where(
            PossibleOptOut.practice_id == phone.practice_id,
            PossibleOptOut.phone_id == phone.id,
            PossibleOptOut.decided_at.is_(None),
        )
        .values(decided_at=now, decided_by_id=by.id, decision=decision)
        .returning(PossibleOptOut.id)
    ).all()
    if not decided:
        raise NotPossible("Somebody has decided this already.")
