"""Texts that wait: to leave, or to be looked up."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.kit import clock


def count_longer_than(session: Session, age: timedelta) -> int:
    """Queued texts that should have left by now; one page of them at most is counted."""
    some = (
        select(OutboundText.message_id)
        .where(OutboundText.state == OutboundState.QUEUED, OutboundText.due_at <= clock.now(session) - age)
        .limit(100)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(some)) or 0


def has_unknown_due(session: Session) -> bool:
    query = select(OutboundText.message_id).where(
        OutboundText.state == OutboundState.UNKNOWN, OutboundText.due_at <= clock.now(session)
    )
    return session.scalar(query.limit(1)) is not None
