"""The way in, step by step: a password, a second factor where there is one, then a session, each with its note."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.sign_in import How
from triage.kit import secrets


def mark_of(member: Member) -> str:
    """What a half-finished sign-in carries of the password: another password makes it worthless."""
    return secrets.digest(f"{member.id}\0{member.password_hash}")[:16]


def half_way(session: Session, member_id: object, mark: str) -> Member | None:
    """Who gave the right password a moment ago; None where it was changed, or they left, meanwhile."""
    try:
        member = load_member(session, UUID(str(member_id)))
    except ValueError:
        return None
    if member is None or not member.is_active or not secrets.are_equal(mark, mark_of(member)):
        return None
    return member


def enter(session: Session, member: Member, *, how: How, browser: str, now: datetime) -> str:
    """A new session; returns its token."""
    token = sign_in.start_session(session, member, browser=browser, now=now, how=how)
    audit.record(
        session,
        member.practice_id,
        audit.Action.SIGNED_IN,
        by=member.id,
        at=now,
        subject_id=member.id,
        how=how,
    )
    return token


def refuse(session: Session, member: Member, *, now: datetime, why: str) -> None:
    """Somebody knew the password and no more: worth a note."""
    audit.record(
        session,
        member.practice_id,
        audit.Action.SIGN_IN_REFUSED,
        by=None,
        at=now,
        subject_id=member.id,
        why=why,
    )
