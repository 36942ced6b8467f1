"""The notice that goes with the first text to a number: who texts, and how to make it stop (Instinct, B54)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import wording
from triage.domain.conversations import delivery, holding
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState
from triage.domain.conversations.message import Message
from triage.domain.patients.phones import Identity
from triage.domain.practice import texts
from triage.domain.practice.practice import Practice
from triage.kit import db


class OptInNotice(db.Base):
    """That the message `message_id` told a number how to opt out, with the text `with_id` of a person: once a number."""

    __tablename__ = "opt_in_notice"
    __table_args__ = (
        db.within_practice("message_id", "message"),
        db.within_practice("phone_id", "phone"),
        db.within_practice("with_id", "message"),
        UniqueConstraint("phone_id"),
        UniqueConstraint("with_id"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    phone_id: Mapped[UUID]
    with_id: Mapped[UUID]
    at: Mapped[datetime]


def is_due(session: Session, practice: Practice, phone_id: UUID) -> bool:
    """Whether the next text of a person is the first to this number, and the practice wants a notice with it."""
    if not practice.opt_in_notice_on:
        return False
    told = select(OptInNotice.message_id).where(OptInNotice.phone_id == phone_id)
    texted = (
        select(Message.id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.practice_id == practice.id,
            Conversation.phone_id == phone_id,
            Message.sent_by_id.is_not(None),
            ~Message.is_automatic,
        )
    )
    return not session.scalar(select(told.exists() | texted.exists()))


def body_for(session: Session, practice: Practice, identity: Identity) -> str:
    """The practice's words in the language of who is reached at the number."""
    language = texts.language_for((person.language for person in identity.people), practice.languages)
    body = texts.bodies_of(session, practice.id)[wording.OPT_IN_NOTICE.name, language]
    return wording.filled(body, {"practice": practice.name})


def bind(session: Session, notice: Message, text: Message, *, phone_id: UUID, now: datetime) -> None:
    """The queued `notice` goes with a person's text; where another text has told the number, it does not go at all."""
    told = (
        insert(OptInNotice)
        .values(
            message_id=notice.id,
            practice_id=text.practice_id,
            phone_id=phone_id,
            with_id=text.id,
            at=now,
        )
        .on_conflict_do_nothing(index_elements=["phone_id"])
        .returning(OptInNotice.message_id)
    )
    if session.scalar(told) is None:
        conversation = session.get_one(Conversation, notice.conversation_id)
        _remove(session, conversation, notice, now=now)


def withdraw_with(session: Session, conversation: Conversation, message: Message, *, now: datetime) -> None:
    """Before a person's text is taken back: its notice goes too, unless it has left or another text needs it."""
    told = session.scalar(select(OptInNotice).where(OptInNotice.with_id == message.id))
    if told is None:
        return
    notice = session.get_one(Message, told.message_id)
    another = session.scalar(
        select(Message.id)
        .where(
            Message.conversation_id == conversation.id,
            Message.sent_by_id.is_not(None),
            ~Message.is_automatic,
            Message.id != message.id,
        )
        .order_by(Message.at, Message.id)
        .limit(1)
    )
    if another is not None or _has_left(session, notice):
        # A notice without a text stands for itself: the number has been told.
        told.with_id = another or notice.id
        session.flush()
        return
    session.delete(told)
    session.flush()
    _remove(session, conversation, notice, now=now)


def _has_left(session: Session, notice: Message) -> bool:
    text = delivery.outbound_of(session, notice.id, lock=True)
    return text is None or text.state is not OutboundState.QUEUED or text.first_claim_at is not None


def _remove(session: Session, conversation: Conversation, notice: Message, *, now: datetime) -> None:
    holding.withdraw(session, conversation, holding.held(session, notice), notice, now=now)
