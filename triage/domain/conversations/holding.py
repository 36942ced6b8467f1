"""The seconds in which a text waits before it leaves, and can be taken back as if it had never been written."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations import delivery
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.kit import live
from triage.kit.errors import NotPossible


def held(session: Session, message: Message) -> OutboundText:
    """The text's way out, locked so that no sender can claim it now. Raises `NotPossible` once one has."""
    text = delivery.outbound_of(session, message.id, lock=True)
    if text is None or text.state is not OutboundState.QUEUED or text.first_claim_at is not None:
        raise NotPossible("This text has left already and cannot be taken back.")
    return text


def withdraw(
    session: Session, conversation: Conversation, text: OutboundText, message: Message, *, now: datetime
) -> None:
    """Remove a text that is `held`. The audit trail keeps that there was one."""
    audit.record(
        session,
        text.practice_id,
        audit.Action.TEXT_CHANGED,
        by=message.sent_by_id,
        at=now,
        subject_id=message.id,
        patient_id=message.patient_id,
        state="withdrawn",
    )
    session.delete(text)
    session.flush()
    session.delete(message)
    session.flush()
    conversation.last_message_at = _last_message_at(session, conversation)
    live.announce(
        session,
        message.practice_id,
        "message",
        to={message.sent_by_id} if message.sent_by_id else None,
        conversation=conversation.id,
        gone=message.id,
    )


def _last_message_at(session: Session, conversation: Conversation) -> datetime | None:
    return session.scalar(select(func.max(Message.at)).where(Message.conversation_id == conversation.id))
