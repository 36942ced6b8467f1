"""What the carrier's errors say of a number itself: marked with the day, and gone when a text arrives or comes."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.patients.phones import Phone, Trouble
from triage.kit import db

# Twilio's codes; what is about one text, or about our own set-up, says nothing of the number.
BY_CODE = {
    30003: Trouble.UNREACHABLE,
    30004: Trouble.BLOCKS_US,
    30005: Trouble.NOT_IN_SERVICE,
    21211: Trouble.NOT_IN_SERVICE,
    21217: Trouble.NOT_IN_SERVICE,
    30006: Trouble.LANDLINE,
    21614: Trouble.LANDLINE,
    21635: Trouble.LANDLINE,
}
WORDS = {
    Trouble.LANDLINE: ("Landline", "Call, or ask for a mobile number."),
    Trouble.UNREACHABLE: ("Not reached", "The phone was off or out of reach. Send it again later, or call."),
    Trouble.NOT_IN_SERVICE: (
        "Not in service",
        "It may be somebody else's by now. Ask for another number, then end this one.",
    ),
    Trouble.BLOCKS_US: ("Blocks our texts", "The phone takes no texts from us. Call instead."),
}


class Told(NamedTuple):
    """In words: what is wrong, since when, and what to do."""

    word: str
    advice: str
    since: datetime | None


def told(phone: Phone) -> Told | None:
    trouble = phone.trouble or (Trouble.LANDLINE if phone.is_landline else None)
    return Told(*WORDS[trouble], phone.trouble_at) if trouble else None


def note(session: Session, practice_id: UUID, number: str, code: int | None, *, now: datetime) -> None:
    """A text to this number did not arrive. Codes that say nothing of the number change nothing. Safe to repeat."""
    trouble = BY_CODE.get(code or 0)
    if trouble is None:
        return
    phone = session.scalar(
        db.locked(select(Phone).where(Phone.practice_id == practice_id, Phone.number == number))
    )
    if phone is None or phone.trouble is trouble:
        return
    phone.trouble, phone.trouble_at = trouble, now
    phone.is_landline = trouble is Trouble.LANDLINE
    _record(session, phone, by=None, now=now, what=trouble.value)


def arrived(session: Session, practice_id: UUID, number: str) -> None:
    """A text reached this number, so nothing is wrong with it any more."""
    _clear(session, Phone.practice_id == practice_id, Phone.number == number)


def heard_from(session: Session, phone_ids: Collection[UUID]) -> None:
    """Texts came from these numbers."""
    if phone_ids:
        _clear(session, Phone.id.in_(sorted(phone_ids)))


def clear(session: Session, phone: Phone, *, by: UUID, now: datetime) -> None:
    """A member knows better than the carrier. Safe to repeat."""
    if phone.trouble is not None or phone.is_landline:
        phone.trouble, phone.trouble_at, phone.is_landline = None, None, False
        _record(session, phone, by=by, now=now, what="mark_removed")


def _clear(session: Session, *those: ColumnElement[bool]) -> None:
    session.execute(
        update(Phone)
        .where(*those, Phone.trouble.is_not(None))
        .values(trouble=None, trouble_at=None, is_landline=False)
        .execution_options(synchronize_session="fetch")
    )


def _record(session: Session, phone: Phone, *, by: UUID | None, now: datetime, what: str) -> None:
    audit.record(
        session,
        phone.practice_id,
        audit.Action.NUMBER_SWITCHED,
        by=by,
        at=now,
        subject_id=phone.id,
        what=what,
    )
