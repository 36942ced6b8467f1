"""Nothing happens twice: every form carries an id, and the same id again returns the first result."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice.member import Member
from triage.kit import db
from triage.kit.errors import NotPossible

KEPT_FOR = timedelta(days=7)


class Submission(db.Base):
    """A form that has been received: what it held, as a hash, and what it led to."""

    __tablename__ = "submission"
    __table_args__ = (db.within_practice("member_id", "member"),)

    practice_id: Mapped[UUID] = mapped_column(primary_key=True)
    form_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    content_hash: Mapped[str]
    result_id: Mapped[UUID | None]
    received_at: Mapped[datetime] = mapped_column(index=True)


def _hash(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def first_result(
    session: Session, member: Member, form_id: UUID, content: Mapping[str, object], *, now: datetime
) -> Submission | None:
    """None for a form that is new (it is recorded now), else the record of the first time.

    Raises `NotPossible` where the same id comes with other content. A second request that arrives while the
    first one runs waits for it.
    """
    content_hash = _hash(content)
    is_new = session.execute(
        insert(Submission)
        .values(
            practice_id=member.practice_id,
            form_id=form_id,
            member_id=member.id,
            content_hash=content_hash,
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Submission.form_id)
    ).first()
    if is_new:
        return None
    before = session.scalar(
        select(Submission).where(Submission.practice_id == member.practice_id, Submission.form_id == form_id)
    )
    if before is None or before.content_hash != content_hash or before.member_id != member.id:
        raise NotPossible("This form was already sent with other content. Check it and send it again.")
    return before


def is_known(session: Session, member: Member, form_id: UUID) -> bool:
    """Whether a form with this id has been received."""
    return session.get(Submission, (member.practice_id, form_id)) is not None


def keep_result(session: Session, member: Member, form_id: UUID, result_id: UUID) -> None:
    """What the form led to, for whoever sends it again."""
    record = session.get(Submission, (member.practice_id, form_id))
    if record is not None:
        record.result_id = result_id


def forget(session: Session, member: Member, result_id: UUID, *, received_at: datetime) -> None:
    """What the form led to was taken back: sent again, it does its work again."""
    session.execute(
        delete(Submission).where(
            Submission.practice_id == member.practice_id,
            Submission.received_at == received_at,
            Submission.member_id == member.id,
            Submission.result_id == result_id,
        )
    )


def trim(session: Session, *, now: datetime) -> None:
    session.execute(delete(Submission).where(Submission.received_at < now - KEPT_FOR))
