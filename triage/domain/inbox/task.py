"""The task: one piece of waiting work, who has it, and its history."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from triage.kit import db


class State(StrEnum):
    PENDING = "pending"
    ASSIGNED = "assigned"
    COMPLETED = "completed"
    DELETED = "deleted"


OPEN = (State.PENDING, State.ASSIGNED)
IS_OPEN = "state in ('pending', 'assigned')"


class TaskKind(StrEnum):
    MESSAGE = "message"


class Task(db.OfPractice, db.Base):
    """Waiting work of one conversation. `version` rises by one with every event.

    `waiting_since` is when the patient first wrote without an answer, `answered_at` when staff answered last;
    `gathers` says that later texts of the conversation join while the task is open.
    """

    __tablename__ = "task"
    __table_args__ = (
        db.referable(),
        db.within_practice("conversation_id", "conversation"),
        db.within_practice("patient_id", "patient"),
        db.within_practice("facility_id", "facility"),
        db.within_practice("owner_id", "member"),
        db.within_practice("closed_by_id", "member"),
        db.within_practice("last_message_id", "message"),
        Index("uq_task_open", "conversation_id", unique=True, postgresql_where=f"gathers and {IS_OPEN}"),
        Index("ix_task_conversation", "conversation_id", "opened_at"),
        Index("ix_task_opened", "practice_id", "opened_at", "id"),
        Index(
            "ix_task_patient",
            "practice_id",
            "patient_id",
            "opened_at",
            postgresql_where="patient_id is not null",
        ),
        Index("ix_task_open", "practice_id", "waiting_since", "id", postgresql_where=IS_OPEN),
        Index(
            "ix_task_unassigned", "practice_id", "waiting_since", "id", postgresql_where="state = 'pending'"
        ),
        Index(
            "ix_task_closed",
            "practice_id",
            "state",
            "closed_at",
            "id",
            postgresql_where="state in ('completed', 'deleted')",
        ),
        Index("ix_task_owner", "practice_id", "owner_id", postgresql_where=IS_OPEN),
        CheckConstraint("(state = 'assigned') = (owner_id is not null)", name="assigned_has_owner"),
        CheckConstraint(f"({IS_OPEN}) = (closed_at is null)", name="closed_has_time"),
        CheckConstraint("version > 0", name="version"),
    )

    conversation_id: Mapped[UUID]
    patient_id: Mapped[UUID | None]
    facility_id: Mapped[UUID | None]
    kind: Mapped[TaskKind] = mapped_column(db.choice(TaskKind, "kind"), default=TaskKind.MESSAGE)
    state: Mapped[State] = mapped_column(db.choice(State, "state"))
    version: Mapped[int]
    gathers: Mapped[bool] = mapped_column(default=True)
    owner_id: Mapped[UUID | None]
    last_message_id: Mapped[UUID]
    opened_at: Mapped[datetime]
    waiting_since: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None]


def is_open() -> ColumnElement[bool]:
    """As the partial indexes of open tasks say it."""
    return Task.state.in_([_word(state) for state in OPEN])


def is_in(state: State) -> ColumnElement[bool]:
    """In this state, as the partial indexes say it."""
    return Task.state == _word(state)


def _word(state: State) -> ColumnElement[State]:
    """The word itself: with a parameter in its place a plan that is kept could not use a partial index."""
    return literal_column(f"'{state.value}'")


class TaskMessage(db.Base):
    """An inbound message belongs to exactly one task."""

    __tablename__ = "task_message"
    __table_args__ = (
        db.within_practice("message_id", "message"),
        db.within_practice("task_id", "task"),
        Index("ix_task_message_task", "task_id"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    task_id: Mapped[UUID]


class Assignment(db.OfPractice, db.Base):
    """A member has, or had until `ended_at`, this task."""

    __tablename__ = "assignment"
    __table_args__ = (
        db.within_practice("task_id", "task"),
        db.within_practice("member_id", "member"),
        Index("uq_assignment_open", "task_id", "member_id", unique=True, postgresql_where="ended_at is null"),
        Index("ix_assignment_member", "member_id", "task_id"),
        Index("ix_assignment_member_open", "member_id", "task_id", postgresql_where="ended_at is null"),
        CheckConstraint("ended_at is null or ended_at >= assigned_at", name="ends_later"),
    )

    task_id: Mapped[UUID]
    member_id: Mapped[UUID]
    assigned_at: Mapped[datetime]
    assigned_by_id: Mapped[UUID | None]
    ended_at: Mapped[datetime | None]


class Move(StrEnum):
    """What happened to a task at one of its versions."""

    OPENED = "opened"
    JOINED = "joined"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    COMPLETE = "complete"
    DELETE = "delete"
    REOPEN = "reopen"
    UNDO = "undo"


class TaskEvent(db.OfPractice, db.Base):
    """One step of a task's history. Replaying the steps gives the task (`triage verify`, I3).

    `why` is a short word of ours; `assignees` are the member ids after the step, the owner first.
    """

    __tablename__ = "task_event"
    __table_args__ = (
        db.within_practice("task_id", "task"),
        db.within_practice("member_id", "member"),
        UniqueConstraint("practice_id", "task_id", "version"),
        Index("ix_task_event_task", "task_id", "version"),
        Index(
            "ix_task_event_member", "practice_id", "member_id", "at", postgresql_where="member_id is not null"
        ),
    )

    task_id: Mapped[UUID]
    version: Mapped[int]
    move: Mapped[Move] = mapped_column(db.choice(Move, "move"))
    from_state: Mapped[State | None] = mapped_column(db.choice(State, "from_state"))
    to_state: Mapped[State] = mapped_column(db.choice(State, "to_state"))
    member_id: Mapped[UUID | None]
    why: Mapped[str]
    assignees: Mapped[list[str]] = mapped_column(JSONB)
    at: Mapped[datetime]
    transaction_id: Mapped[int] = mapped_column(BigInteger, server_default=db.TRANSACTION_ID)


class AssignmentExplanation(db.OfPractice, db.Base):
    """Why the rules gave, or did not give, a task to somebody: every rule tried, and every candidate."""

    __tablename__ = "assignment_explanation"
    __table_args__ = (
        db.within_practice("task_id", "task"),
        Index("ix_assignment_explanation_task", "task_id", "task_version"),
    )

    task_id: Mapped[UUID]
    task_version: Mapped[int]
    rule: Mapped[str | None]
    tried: Mapped[list[dict[str, Any]]]
    at: Mapped[datetime]
