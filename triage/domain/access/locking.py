"""The lock screen of shared desks: the session stays, the page is hidden until its owner is back."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from triage.domain.access import factors
from triage.domain.practice import sign_in, throttle
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import MemberSession
from triage.kit.errors import Invalid

SHORTEST_PIN, LONGEST_PIN = 4, 8
BY_SESSION = throttle.Limit("unlock", tries=5, window=timedelta(minutes=15))
_UP_AND_DOWN = "01234567890 09876543210"


def set_pin(session: Session, member: Member, pin: str, *, now: datetime) -> None:
    """Raises `Invalid` for what colleagues would try first."""
    if not (pin.isascii() and pin.isdecimal() and SHORTEST_PIN <= len(pin) <= LONGEST_PIN):
        raise Invalid(pin=f"Use {SHORTEST_PIN} to {LONGEST_PIN} digits.")
    if len(set(pin)) == 1 or pin in _UP_AND_DOWN:
        raise Invalid(pin="This PIN is easy to guess.")
    member.pin_hash = sign_in.hash_pin(pin)
    factors.note(session, member, "pin set", by=member, now=now)


def remove_pin(session: Session, member: Member, *, now: datetime) -> None:
    """Safe to repeat."""
    member.pin_hash = None
    factors.note(session, member, "pin removed", by=member, now=now)


def lock(session: Session, signed_in: MemberSession, *, now: datetime) -> None:
    """Safe to repeat."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.id == signed_in.id, MemberSession.locked_at.is_(None))
        .values(locked_at=now)
    )


def has_tries_left(session: Session, member: Member, signed_in: MemberSession, *, now: datetime) -> bool:
    """Count a try, in a transaction of its own. After five wrong ones the session is over."""
    if throttle.wait_for(session, BY_SESSION, str(signed_in.id), now=now) is None:
        return True
    session.execute(update(MemberSession).where(MemberSession.id == signed_in.id).values(ended_at=now))
    factors.note(session, member, "signed out after wrong tries to unlock", by=None, now=now)
    return False


def is_key(member: Member, given: str) -> bool:
    """Whether it is the PIN or the password. Slow on purpose."""
    if member.pin_hash is not None and given.isdecimal() and len(given) <= LONGEST_PIN:
        return sign_in.is_pin_of(member, given)
    return sign_in.is_password_of(member, given)


def unlock(session: Session, signed_in: MemberSession, *, now: datetime) -> None:
    """Its owner is back, and active from now on."""
    throttle.forget(session, BY_SESSION, str(signed_in.id))
    session.execute(
        update(MemberSession)
        .where(MemberSession.id == signed_in.id, MemberSession.ended_at.is_(None))
        .values(locked_at=None, active_at=now)
    )
