"""What a member has begun to write in a conversation and has not sent: kept for its writer alone."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    Uuid,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.conversations.conversation import Conversation
from triage.domain.practice.member import Member
from triage.kit import db, live
from triage.kit.errors import Invalid

# Longer than any text that could be sent: what was pasted by mistake is refused, what must be shortened is kept.
LONGEST_DRAFT = 10_000


class Draft(db.Base):
    """`version` rises with every change, so that a window can tell that another one wrote since."""

    __tablename__ = "draft"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        db.within_practice("conversation_id", "conversation"),
        Index("ix_draft_conversation", "practice_id", "conversation_id"),
        CheckConstraint("version > 0", name="version"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[str]
    version: Mapped[int]
    written_at: Mapped[datetime]


class Saved(NamedTuple):
    """`version` is 0 where nothing is kept any more. `replaced` holds other words that stood there until now."""

    version: int
    replaced: str | None


def draft_of(session: Session, member: Member, conversation_id: UUID) -> Draft | None:
    """What this member has begun to write here."""
    return session.scalar(_of(member, conversation_id))


def save(
    session: Session, conversation: Conversation, body: str, *, by: Member, based_on: int, now: datetime
) -> Saved:
    """Keep these words instead of what was kept before; no words keep nothing. Safe to repeat.

    `based_on` is the version that the writer's window showed: words that another window wrote since are handed
    back. Raises `Invalid` where it is far too long.
    """
    body = body.replace("\r\n", "\n").replace("\x00", "")
    if len(body) > LONGEST_DRAFT:
        raise Invalid(body=f"A draft can have {LONGEST_DRAFT:,} characters.")
    before = session.scalar(db.locked(_of(by, conversation.id)))
    replaced = None
    if before is not None and before.version != based_on and before.body.strip() != body.strip():
        replaced = before.body
    if not body.strip():
        # An empty window that knows of no words takes none away.
        if before is not None and replaced is not None:
            return Saved(before.version, replaced)
        drop(session, conversation.id, by=by)
        return Saved(0, None)
    if before is None:
        _announce(session, by, conversation.id)
    return Saved(_keep(session, conversation, body, by=by, now=now), replaced)


def _keep(session: Session, conversation: Conversation, body: str, *, by: Member, now: datetime) -> int:
    return session.scalars(
        insert(Draft)
        .values(
            practice_id=by.practice_id,
            member_id=by.id,
            conversation_id=conversation.id,
            body=body,
            version=1,
            written_at=now,
        )
        .on_conflict_do_update(
            index_elements=[Draft.member_id, Draft.conversation_id],
            set_={"body": body, "version": Draft.version + 1, "written_at": now},
        )
        .returning(Draft.version)
    ).one()


def drop(session: Session, conversation_id: UUID, *, by: Member) -> None:
    """It was sent, or emptied. Safe to repeat."""
    gone = session.scalar(
        delete(Draft)
        .where(Draft.member_id == by.id, Draft.conversation_id == conversation_id)
        .returning(Draft.version)
    )
    if gone is not None:
        _announce(session, by, conversation_id)


def give_back(session: Session, conversation: Conversation, body: str, *, by: Member, now: datetime) -> None:
    """Words that were sent and taken back stand before whatever was written since."""
    since = draft_of(session, by, conversation.id)
    both = f"{body}\n\n{since.body}" if since is not None and since.body.strip() else body
    _keep(session, conversation, both, by=by, now=now)
    _announce(session, by, conversation.id)


_AMONG = select(Draft.conversation_id).where(
    Draft.member_id == bindparam("member"),
    Draft.conversation_id == func.any(bindparam("conversation_ids", type_=ARRAY(Uuid))),
)


def drafted_among(session: Session, member: Member, conversation_ids: set[UUID]) -> set[UUID]:
    """In which of these conversations this member has begun to write."""
    if not conversation_ids:
        return set()
    given = {"member": member.id, "conversation_ids": list(conversation_ids)}
    return set(session.scalars(_AMONG, given))


def _of(member: Member, conversation_id: UUID) -> Select[Draft]:
    return select(Draft).where(Draft.member_id == member.id, Draft.conversation_id == conversation_id)


def _announce(session: Session, member: Member, conversation_id: UUID) -> None:
    """Only the writer's own pages mark the row."""
    live.announce_alone(session, member.practice_id, "draft", to=member.id, conversation=conversation_id)
