"""The devices a member is signed in on, as their owner knows them, and signing out there."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from triage.domain.access import factors
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import How
from triage.kit import browsers


class Device(NamedTuple):
    """A signed-in browser; `is_here`: the one that asks."""

    id: UUID
    words: str
    is_handheld: bool
    is_here: bool
    how: How
    since: datetime
    active_at: datetime


def devices_of(session: Session, member: Member, *, here: UUID, now: datetime) -> list[Device]:
    """The one that asks comes first, then those that were used last. Needs the practice at hand."""
    found = [
        Device(
            one.id,
            browsers.words(one.browser),
            browsers.is_handheld(one.browser),
            one.id == here,
            one.how,
            one.created_at,
            one.active_at,
        )
        for one in sign_in.sessions_of(session, member, now=now)
    ]
    return sorted(found, key=lambda device: not device.is_here)


def sign_out_one(session: Session, member: Member, session_id: UUID, *, now: datetime) -> None:
    """Raises `NotFound`. Safe to repeat."""
    sign_in.end_session_by_id(session, member, session_id, now=now)
    factors.note(session, member, "device signed out", by=member, now=now)


def sign_out_elsewhere(session: Session, member: Member, token: str, *, now: datetime) -> None:
    """Only the browser with this token stays signed in. Safe to repeat."""
    sign_in.end_all_sessions(session, member, now=now, but=token)
    factors.note(session, member, "other devices signed out", by=member, now=now)
