"""Read and unread: once for the whole team, and once for each member."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.practice.member import Member
from triage.domain.practice.practice import UnreadBadge
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
    """Read by one is read by all. Safe to repeat: who has read everything writes nothing."""
    newest = max(now, conversation.last_inbound_at or now)
    read = session.execute(
        _NOTE_READING,
        {
            "practice": by.practice_id,
            "member": by.id,
            "conversation": conversation.id,
            "until": newest,
            "newest": conversation.last_inbound_at,
            "is_unread": conversation.unread_since is not None,
        },
    )
    if conversation.unread_since is not None:
        conversation.unread_since = None
        live.announce(session, by.practice_id, "task", conversation=conversation.id)
    elif read.first() is not None and by.practice.unread_badge is not UnreadBadge.SHARED:
        live.announce_alone(session, by.practice_id, "task", to=by.id, conversation=conversation.id)


# One trip, and no row is touched where this member has seen the newest text.
_readings = db.Base.metadata.tables["member_reading"]
_NOTE_READING = (
    insert(_readings)
    .from_select(
        ["practice_id", "member_id", "conversation_id", "read_until"],
        select(
            bindparam("practice", type_=Uuid()),
            bindparam("member", type_=Uuid()),
            bindparam("conversation", type_=Uuid()),
            bindparam("until", type_=DateTime(timezone=True)),
        ).where(
            or_(
                bindparam("is_unread", type_=Boolean()),
                ~exists().where(
                    MemberReading.member_id == bindparam("member", type_=Uuid()),
                    MemberReading.conversation_id == bindparam("conversation", type_=Uuid()),
                    MemberReading.read_until
                    >= func.coalesce(
                        bindparam("newest", type_=DateTime(timezone=True)), MemberReading.read_until
                    ),
                ),
            )
        ),
    )
    .on_conflict_do_update(
        index_elements=["member_id", "conversation_id"],
        set_={"read_until": bindparam("until", type_=DateTime(timezone=True))},
    )
    .returning(_readings.c.conversation_id)
)


def unread_by(member: Member) -> ColumnElement[bool]:
    """Of a `Conversation`: there are texts that this member has not seen. What came before the member counts as seen.

    What nobody has opened since it came, or somebody marked unread, is unread for everybody.
    """
    seen = exists().where(
        MemberReading.member_id == member.id,
        MemberReading.conversation_id == Conversation.id,
        MemberReading.read_until >= Conversation.last_inbound_at,
    )
    came_later = Conversation.last_inbound_at > member.created_at
    return or_(Conversation.unread_since.is_not(None), and_(came_later, ~seen.correlate(Conversation)))


def is_unread(member: Member) -> ColumnElement[bool]:
    """Of a `Conversation`: as the badges of the practice show it (B59, C81)."""
    if member.practice.unread_badge is UnreadBadge.SHARED:
        return Conversation.unread_since.is_not(None)
    return unread_by(member)


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
