"""Read and unread: once for the whole team, and once for each member."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.practice.member import Member
from triage.kit import db, live


class MemberReading(db.Base):
    """How far one member has read one conversation (ThoroughCare's "!", C81)."""

    __tablename__ = "member_reading"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        db.within_practice("conversation_id", "conversation"),
        Index("ix_member_reading_conversation", "practice_id", "conversation_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    read_until: Mapped[datetime]


def mark_read(session: Session, conversation: Conversation, *, by: Member, now: datetime) -> None:
    """Read by one is read by all. Safe to repeat."""
    session.execute(
        insert(MemberReading)
        .values(practice_id=by.practice_id, member_id=by.id, conversation_id=conversation.id, read_until=now)
        .on_conflict_do_update(
            index_elements=[MemberReading.member_id, MemberReading.conversation_id], set_={"read_until": now}
        )
    )
    if conversation.unread_since is not None:
        conversation.unread_since = None
        live.announce(session, by.practice_id, "task", conversation=conversation.id)


def mark_unread(
    session: Session, conversation: Conversation, *, by: Member, now: datetime, since: datetime | None = None
) -> None:
    """Unread again for everybody, the newest text or everything `since` a moment. Safe to repeat."""
    conversation.unread_since = since or conversation.unread_since or conversation.last_inbound_at or now
    audit.record(
        session,
        by.practice_id,
        audit.Action.MARKED_UNREAD,
        by=by.id,
        at=now,
        subject_id=conversation.id,
        patient_id=conversation.patient_id,
    )
    live.announce(session, by.practice_id, "task", conversation=conversation.id)


_READ = select(MemberReading.conversation_id, MemberReading.read_until).where(
    MemberReading.member_id == bindparam("member"),
    MemberReading.conversation_id == func.any(bindparam("conversation_ids", type_=ARRAY(Uuid))),
)


def read_until(session: Session, member: Member, conversation_ids: set[UUID]) -> dict[UUID, datetime]:
    """How far this member has read each of these conversations."""
    if not conversation_ids:
        return {}
    rows = session.execute(_READ, {"member": member.id, "conversation_ids": list(conversation_ids)})
    return {row.conversation_id: row.read_until for row in rows}
