"""What members said of whose texts these are: kept, so that it can be taken back and is told in the thread."""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, and_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.conversations.conversation import Conversation
from triage.domain.patients.patient import Patient, within_walls
from triage.domain.practice.member import Member
from triage.kit import db

MOST_TOLD = 50


class Said(StrEnum):
    """A patient's texts; no patient's; or nobody knows again."""

    PATIENT = "patient"
    NOBODY = "nobody"
    OPEN = "open"


class Reach(StrEnum):
    """How far back a choice goes: the texts that wait; all since the choice before it; or all that are nobody's."""

    TASK = "task"
    CHOICE = "choice"
    ALL = "all"


class PatientChoice(db.OfPractice, db.Base):
    """One answer to "Who is this?". `since` is when the first text was written that it moved.

    `former` is what was there before, as ids: whose each message and task was, what the conversation remembered,
    and what became of the patient's use of the number.
    """

    __tablename__ = "patient_choice"
    __table_args__ = (
        db.within_practice("conversation_id", "conversation"),
        db.within_practice("member_id", "member"),
        db.within_practice("patient_id", "patient"),
        Index("ix_patient_choice_conversation", "practice_id", "conversation_id", "at"),
        Index(
            "ix_patient_choice_patient",
            "practice_id",
            "patient_id",
            postgresql_where="patient_id is not null",
        ),
        CheckConstraint("(said = 'patient') = (patient_id is not null)", name="patient"),
    )

    conversation_id: Mapped[UUID]
    member_id: Mapped[UUID]
    said: Mapped[Said] = mapped_column(db.choice(Said, "said"))
    patient_id: Mapped[UUID | None]
    reach: Mapped[Reach] = mapped_column(db.choice(Reach, "reach"))
    since: Mapped[datetime | None]
    former: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


def last_of(session: Session, conversation: Conversation) -> PatientChoice | None:
    """The newest that was not taken back."""
    query = select(PatientChoice).where(
        PatientChoice.practice_id == conversation.practice_id,
        PatientChoice.conversation_id == conversation.id,
        PatientChoice.undone_at.is_(None),
    )
    return session.scalar(query.order_by(PatientChoice.at.desc(), PatientChoice.id.desc()).limit(1))


class Told(NamedTuple):
    """A choice as a member may hear of it: without a name where a wall stands before the patient."""

    at: datetime
    member_id: UUID
    said: Said
    name: str | None


def told(session: Session, member: Member, conversation: Conversation, since: datetime) -> list[Told]:
    """What was said of a conversation since a moment; asks nothing where nobody has ever said anything."""
    if conversation.chosen_at is None:
        return []
    rows = session.execute(
        select(PatientChoice, Patient.first_name, Patient.last_name)
        .outerjoin(Patient, and_(Patient.id == PatientChoice.patient_id, *within_walls(member)))
        .where(
            PatientChoice.practice_id == conversation.practice_id,
            PatientChoice.conversation_id == conversation.id,
            PatientChoice.undone_at.is_(None),
            PatientChoice.at >= since,
        )
        .order_by(PatientChoice.at, PatientChoice.id)
        .limit(MOST_TOLD)
    )
    return [
        Told(one.at, one.member_id, one.said, " ".join(filter(None, names)) or None) for one, *names in rows
    ]
