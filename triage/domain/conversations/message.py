"""Messages: one text, in or out."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, literal_column
from sqlalchemy.orm import Mapped, mapped_column

from triage.kit import db

# Twilio refuses a longer body with error 21617.
LONGEST_TEXT = 1600
# The words of a text, without accents, as the index for searching has them.
WORDS_OF_BODY = (
    "to_tsvector('simple'::regconfig, translate(lower(message.body),"
    " 'áàâäãåéèêëíìîïóòôöõúùûüñç', 'aaaaaaeeeeiiiiooooouuuunc'))"
)


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Message(db.OfPractice, db.Base):
    """One text. `patient_id` is the patient it concerns, None until that is known.

    `media` lists what came with it: `{"url": ..., "content_type": ...}` as the carrier named it.
    `is_automatic` marks what no person wrote (a notice); it never counts as the last sender's message.
    """

    __tablename__ = "message"
    __table_args__ = (
        db.referable(),
        db.within_practice("conversation_id", "conversation"),
        db.within_practice("patient_id", "patient"),
        db.within_practice("sent_by_id", "member"),
        db.within_practice("resend_of_id", "message"),
        Index("ix_message_thread", "conversation_id", "at", "id"),
        Index(
            "ix_message_patient", "practice_id", "patient_id", "at", postgresql_where="patient_id is not null"
        ),
        Index(
            "ix_message_sent_by",
            "practice_id",
            "sent_by_id",
            "at",
            "id",
            postgresql_where="sent_by_id is not null",
        ),
        Index(
            "ix_message_last_sender",
            "conversation_id",
            "at",
            postgresql_where="sent_by_id is not null and not is_automatic",
        ),
        Index(
            "ix_message_words",
            literal_column(WORDS_OF_BODY.replace("message.", "")).label("words"),
            postgresql_using="gin",
        ),
        CheckConstraint("direction = 'out' or sent_by_id is null", name="inbound_without_sender"),
        CheckConstraint("direction = 'out' or not is_automatic", name="automatic_goes_out"),
    )

    conversation_id: Mapped[UUID]
    patient_id: Mapped[UUID | None]
    direction: Mapped[Direction] = mapped_column(db.choice(Direction, "direction"))
    body: Mapped[str]
    media: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    sent_by_id: Mapped[UUID | None]
    is_automatic: Mapped[bool] = mapped_column(default=False)
    resend_of_id: Mapped[UUID | None]
    at: Mapped[datetime]
