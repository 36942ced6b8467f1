"""What a member has begun to write and not sent, wherever they may write."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.conversations import drafts
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.drafts import Draft, Saved
from triage.domain.conversations.message import Message
from triage.domain.inbox import scope
from triage.domain.patients.phones import Phone, identities
from triage.domain.practice import texts
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit import phone as phone_format
from triage.kit.errors import NotAllowed

MOST = 20
SNIPPET = 140


class Begun(NamedTuple):
    """A conversation in which the member has begun to write."""

    conversation_id: UUID
    name: str
    snippet: str
    written_at: datetime


def save(session: Session, conversation: Conversation, body: str, *, by: Member, based_on: int) -> Saved:
    """Keep what was begun (`drafts.save`). Raises `NotAllowed` for who may not write here, `Invalid`."""
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can reply.")
    return drafts.save(session, conversation, body, by=by, based_on=based_on, now=clock.now(session))


def has_left(session: Session, conversation: Conversation, body: str, *, by: Member) -> bool:
    """Whether these very words are what the member last sent here: they are not begun any more."""
    last = session.scalars(
        select(Message.body)
        .where(Message.conversation_id == conversation.id, Message.sent_by_id == by.id)
        .order_by(Message.at.desc())
        .limit(1)
    ).first()
    return last is not None and last.removesuffix(texts.signature_of(session, by)).strip() == body.strip()


def listing(session: Session, member: Member) -> list[Begun]:
    """The latest first; what the member may no longer see is not among it."""
    found = session.execute(
        scope.visible_conversations(member)
        .join(Draft, Draft.conversation_id == Conversation.id)
        .join(Phone, Phone.id == Conversation.phone_id)
        .where(Draft.member_id == member.id)
        .order_by(Draft.written_at.desc(), Conversation.id)
        .limit(MOST)
        .with_only_columns(Conversation.id, Phone, Draft.body, Draft.written_at)
    ).all()
    known = identities(session, {row[1].id for row in found})
    return [
        Begun(
            id_,
            known[phone.id].name or phone_format.for_people(phone.number, member.practice.region),
            " ".join(body.split())[:SNIPPET],
            written_at,
        )
        for id_, phone, body, written_at in found
    ]
