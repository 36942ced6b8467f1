"""Texts that failed or may never have left, and that nobody has dealt with: the patient may have no answer."""

from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, bindparam, exists, func, select
from sqlalchemy.orm import Session

from triage.domain.conversations.delivery import OutboundText, needs_attention
from triage.domain.conversations.message import Message


def has_failed_in(conversation_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether there is one in this conversation."""
    return exists().where(
        OutboundText.message_id == Message.id,
        needs_attention(),
        OutboundText.dismissed_at.is_(None),
        Message.conversation_id == conversation_id,
    )


_FAILED_AMONG = (
    select(Message.conversation_id)
    .join(OutboundText, OutboundText.message_id == Message.id)
    .where(
        Message.conversation_id == func.any(bindparam("conversation_ids", type_=ARRAY(Uuid))),
        # Few texts of a practice are failed, and an index holds them; a conversation can have any number of texts.
        OutboundText.practice_id == bindparam("practice_id"),
        needs_attention(),
        OutboundText.dismissed_at.is_(None),
    )
)


def failed_among(session: Session, practice_id: UUID, conversation_ids: set[UUID]) -> set[UUID]:
    """In which of these conversations of a practice there is one."""
    if not conversation_ids:
        return set()
    given = {"practice_id": practice_id, "conversation_ids": list(conversation_ids)}
    return set(session.scalars(_FAILED_AMONG, given))
