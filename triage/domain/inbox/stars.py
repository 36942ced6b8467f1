"""Bookmarks: per member and per message (CharmHealth, A37)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Uuid, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.conversations.message import Message
from triage.domain.practice.member import Member
from triage.kit import db


class Star(db.Base):
    __tablename__ = "star"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        db.within_practice("message_id", "message"),
        Index("ix_star_member", "member_id", "starred_at", "message_id"),
        Index("ix_star_message", "practice_id", "message_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    starred_at: Mapped[datetime]


def star(session: Session, message: Message, *, by: Member, now: datetime) -> None:
    """Safe to repeat."""
    star_all(session, [message.id], by=by, now=now)


def star_all(session: Session, message_ids: Collection[UUID], *, by: Member, now: datetime) -> None:
    """Safe to repeat."""
    if message_ids:
        star_of = {"practice_id": by.practice_id, "member_id": by.id, "starred_at": now}
        rows = [{**star_of, "message_id": message_id} for message_id in message_ids]
        session.execute(insert(Star).values(rows).on_conflict_do_nothing())


def unstar(session: Session, message: Message, *, by: Member) -> None:
    """Safe to repeat."""
    unstar_all(session, [message.id], by=by)


def unstar_all(session: Session, message_ids: Collection[UUID], *, by: Member) -> None:
    """Safe to repeat."""
    session.execute(delete(Star).where(Star.member_id == by.id, Star.message_id.in_(message_ids)))


_STARRED = select(Star.message_id).where(
    Star.member_id == bindparam("member"),
    Star.message_id == func.any(bindparam("message_ids", type_=ARRAY(Uuid))),
)


def starred_of(session: Session, member: Member, message_ids: set[UUID]) -> set[UUID]:
    """Which of these messages this member has starred."""
    if not message_ids:
        return set()
    return set(session.scalars(_STARRED, {"member": member.id, "message_ids": list(message_ids)}))
