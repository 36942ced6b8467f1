"""One thread per practice number and other number."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.patients.phones import Identity, Phone
from triage.domain.practice.practice import PracticeNumber
from triage.kit import db


class Conversation(db.OfPractice, db.Base):
    """Everything between one practice number and one other number.

    `patient_id` is whom it concerns: the one patient whom the number reaches, or the one of several whom a member
    chose (`chosen_patient_id`), else None. `is_nobody`: a member said that no patient writes from there. `chosen_at`
    is when somebody said either, or took it back. `unread_since` is the team's read state: read by one is read by
    all (Instinct, B60).
    """

    __tablename__ = "conversation"
    __table_args__ = (
        db.referable(),
        db.within_practice("practice_number_id", "practice_number"),
        db.within_practice("phone_id", "phone"),
        db.within_practice("patient_id", "patient"),
        db.within_practice("facility_id", "facility"),
        db.within_practice("chosen_patient_id", "patient"),
        UniqueConstraint("practice_number_id", "phone_id"),
        Index("ix_conversation_phone", "practice_id", "phone_id"),
        Index("ix_conversation_patient", "practice_id", "patient_id"),
        Index(
            "ix_conversation_chosen",
            "practice_id",
            "chosen_patient_id",
            postgresql_where="chosen_patient_id is not null",
        ),
        CheckConstraint("not is_nobody or chosen_patient_id is null", name="chosen_or_nobody"),
    )

    practice_number_id: Mapped[UUID]
    phone_id: Mapped[UUID]
    patient_id: Mapped[UUID | None]
    facility_id: Mapped[UUID | None]
    chosen_patient_id: Mapped[UUID | None]
    is_nobody: Mapped[bool] = mapped_column(default=False, server_default="false")
    chosen_at: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_message_at: Mapped[datetime | None]
    unread_since: Mapped[datetime | None]
    created_at: Mapped[datetime]


def facility_for(of_number: UUID | None, identity: Identity) -> UUID | None:
    """The practice number's facility, else the patient's."""
    return of_number or identity.facility_id


def conversation_for(
    session: Session, number: PracticeNumber, phone: Phone, identity: Identity, *, now: datetime
) -> Conversation:
    """The conversation between these numbers, made when it is new. Safe under races."""
    session.execute(
        insert(Conversation)
        .values(
            id=db.new_id(),
            practice_id=number.practice_id,
            practice_number_id=number.id,
            phone_id=phone.id,
            patient_id=identity.patient_id,
            facility_id=facility_for(number.facility_id, identity),
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(Conversation).where(
            Conversation.practice_number_id == number.id, Conversation.phone_id == phone.id
        )
    ).one()
