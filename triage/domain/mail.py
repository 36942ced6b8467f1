"""Letters to members that wait to be sent: written in the transaction of their reason, sent by a worker."""

import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import jobs
from triage.domain.practice.member import Member
from triage.kit import db, later
from triage.kit.secrets import Vault

# Whoever waits for a letter has long asked for another one by then.
PAUSES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
LEASE = timedelta(minutes=2)
KEPT = timedelta(days=30)
AT_ONCE = 20


class Template(StrEnum):
    """One file of templates/mail/ each. None of them says anything about a patient."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Letter(db.OfPractice, db.Base):
    """One letter. `values_sealed` may hold a link that opens an account; it goes as soon as the letter has gone."""

    __tablename__ = "letter"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        Index("ix_letter_member", "practice_id", "member_id"),
        Index("ix_letter_due", "due_at", postgresql_where="state = 'waiting'"),
        CheckConstraint("(state = 'waiting') = (values_sealed is not null)", name="nothing_is_kept"),
    )

    member_id: Mapped[UUID]
    template: Mapped[Template] = mapped_column(db.choice(Template, "template"))
    to_address: Mapped[str]
    values_sealed: Mapped[str | None]
    state: Mapped[State] = mapped_column(db.choice(State, "state"), default=State.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Claimed(NamedTuple):
    """A letter for the hands of the one worker that has it now."""

    id: UUID
    to: str
    template: Template
    values: dict[str, str]


def write(
    session: Session, member: Member, template: Template, *, vault: Vault, now: datetime, **values: str
) -> bool:
    """False where the member has no address. It leaves after the commit."""
    if not member.email:
        return False
    letter_id = db.new_id()
    session.add(
        Letter(
            id=letter_id,
            practice_id=member.practice_id,
            member_id=member.id,
            template=template,
            to_address=member.email,
            values_sealed=vault.seal(json.dumps(values), about=_about(letter_id)),
            due_at=now,
            created_at=now,
        )
    )
    session.flush()
    later.run(session, jobs.SEND_LETTERS)
    return True


def claim(session: Session, *, vault: Vault, now: datetime) -> list[Claimed]:
    """Up to twenty that are due; each is nobody else's for two minutes, and counted as tried."""
    due = (
        select(Letter)
        .where(Letter.state == State.WAITING, Letter.due_at <= now)
        .order_by(Letter.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    claimed = []
    for letter in session.scalars(due):
        letter.tries += 1
        letter.due_at = now + LEASE
        values = vault.open(letter.values_sealed or "", about=_about(letter.id))
        if values is None:
            _end(letter, State.FAILED, now=now, problem="Sealed with a key that is gone.")
        else:
            claimed.append(Claimed(letter.id, letter.to_address, letter.template, json.loads(values)))
    session.flush()
    return claimed


def sent(session: Session, letter_id: UUID, *, now: datetime) -> None:
    letter = session.get_one(Letter, letter_id)
    _end(letter, State.SENT, now=now)


def failed(session: Session, letter_id: UUID, *, now: datetime, problem: str, is_final: bool) -> None:
    """Tried again later, unless that cannot help or was done often enough."""
    letter = session.get_one(Letter, letter_id)
    if is_final or letter.tries > len(PAUSES):
        _end(letter, State.FAILED, now=now, problem=problem)
    else:
        letter.due_at, letter.problem = now + PAUSES[letter.tries - 1], problem


def forget_waiting(session: Session, member: Member, template: Template, *, now: datetime) -> None:
    """The link in it is void: it need not leave any more. Safe to repeat."""
    session.execute(
        update(Letter)
        .where(
            Letter.practice_id == member.practice_id,
            Letter.member_id == member.id,
            Letter.template == template,
            Letter.state == State.WAITING,
        )
        .values(state=State.FAILED, values_sealed=None, ended_at=now, problem="No longer needed.")
    )


def newest(session: Session, member: Member, template: Template) -> Letter | None:
    return session.scalar(
        select(Letter)
        .where(
            Letter.practice_id == member.practice_id,
            Letter.member_id == member.id,
            Letter.template == template,
        )
        .order_by(Letter.id.desc())
        .limit(1)
    )


def trim(session: Session, *, now: datetime) -> None:
    """Remove letters that ended a month ago: an address is kept no longer than somebody may ask about it."""
    session.execute(delete(Letter).where(Letter.ended_at < now - KEPT))


def is_due(session: Session, *, now: datetime) -> bool:
    waiting = select(Letter.id).where(Letter.state == State.WAITING, Letter.due_at <= now).limit(1)
    return session.scalar(waiting) is not None


def _end(letter: Letter, state: State, *, now: datetime, problem: str = "") -> None:
    letter.state, letter.values_sealed, letter.ended_at, letter.problem = state, None, now, problem


def _about(letter_id: UUID) -> str:
    return f"letter {letter_id}"
