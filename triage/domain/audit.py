"""Who did what, when, to what: written in the transaction of the deed, never changed afterwards."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.kit import db


class Action(StrEnum):
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    SIGN_IN_REFUSED = "sign_in_refused"
    READ_CONVERSATION = "read_conversation"
    READ_PATIENT = "read_patient"
    SEARCHED_PATIENTS = "searched_patients"
    TASK_OPENED = "task_opened"
    TASK_JOINED = "task_joined"
    TASK_MOVED = "task_moved"
    MARKED_UNREAD = "marked_unread"
    TEXT_QUEUED = "text_queued"
    TEXT_CHANGED = "text_changed"
    TEXT_RESENT = "text_resent"
    CONVERSATION_STARTED = "conversation_started"
    CONSENT_RECORDED = "consent_recorded"
    CONSENT_EXPORTED = "consent_exported"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    OPT_OUT_DECIDED = "opt_out_decided"
    NUMBER_SWITCHED = "number_switched"
    PATIENT_ADDED = "patient_added"
    VERIFICATION_CHANGED = "verification_changed"
    PATIENT_CHANGED = "patient_changed"
    BIRTH_DATE_SHOWN = "birth_date_shown"
    PATIENTS_MERGED = "patients_merged"
    MERGE_UNDONE = "merge_undone"
    CARE_TEAM_CHANGED = "care_team_changed"
    FOLLOWING_CHANGED = "following_changed"
    INBOUND_RELEASED = "inbound_released"
    INBOUND_DISCARDED = "inbound_discarded"
    SETTINGS_CHANGED = "settings_changed"
    ROLE_CHANGED = "role_changed"
    MEMBER_CHANGED = "member_changed"
    PREFERENCES_CHANGED = "preferences_changed"
    SECURITY_CHANGED = "security_changed"
    PATIENTS_IMPORTED = "patients_imported"
    PATIENT_CHOSEN = "patient_chosen"
    NUMBER_LINKED = "number_linked"


class Audit(db.Base):
    """One deed. `detail` holds ids, names of fields and words of ours: never a message, name or number."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_practice_id_at", "practice_id", "at"),
        Index("ix_audit_subject", "practice_id", "subject_id"),
        Index(
            "ix_audit_patient", "practice_id", "patient_id", "at", postgresql_where="patient_id is not null"
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=db.new_id)
    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID | None]
    action: Mapped[Action] = mapped_column(db.choice(Action, "action"))
    subject_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]
    # Set by the database to the id of the writing transaction; `triage verify` compares it.
    transaction_id: Mapped[int] = mapped_column(BigInteger, server_default=db.TRANSACTION_ID)


def record(
    session: Session,
    practice_id: UUID,
    action: Action,
    *,
    by: UUID | None,
    at: datetime,
    subject_id: UUID | None = None,
    patient_id: UUID | None = None,
    **detail: object,
) -> None:
    """Write one deed; `by=None` means that a rule or the carrier did it."""
    session.add(
        Audit(
            practice_id=practice_id,
            member_id=by,
            action=action,
            subject_id=subject_id,
            patient_id=patient_id,
            detail={name: str(value) for name, value in detail.items()},
            at=at,
        )
    )
