"""Links that open one account once: their secrets, and when they end."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import mail
from triage.domain.mail import Template
from triage.domain.practice.member import Member, load_member
from triage.kit import db, secrets
from triage.kit.errors import NotFound

# The same for a link that was used, has expired, was revoked, or never was.
NOT_VALID = "This link is not valid any more. Ask for a new one."


class Purpose(StrEnum):
    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"


KEPT = timedelta(days=30)
HOLDS = {Purpose.INVITATION: timedelta(days=7), Purpose.PASSWORD_RESET: timedelta(hours=1)}


class MemberToken(db.OfPractice, db.Base):
    """One link, as a digest. It ends when it is used, replaced or revoked."""

    __tablename__ = "member_token"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        UniqueConstraint("token_digest"),
        Index("ix_member_token_member", "practice_id", "member_id"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    member_id: Mapped[UUID]
    purpose: Mapped[Purpose] = mapped_column(db.choice(Purpose, "purpose"))
    token_digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


def make(session: Session, member: Member, purpose: Purpose, *, now: datetime) -> str:
    """A new one, which is stored nowhere; those before it are void."""
    end(session, member, purpose, now=now)
    token = secrets.new_token()
    session.add(
        MemberToken(
            practice_id=member.practice_id,
            member_id=member.id,
            purpose=purpose,
            token_digest=secrets.digest(token),
            created_at=now,
            expires_at=now + HOLDS[purpose],
        )
    )
    session.flush()
    return token


def end(session: Session, member: Member, purpose: Purpose, *, now: datetime) -> None:
    """Safe to repeat."""
    session.execute(
        update(MemberToken)
        .where(
            MemberToken.practice_id == member.practice_id,
            MemberToken.member_id == member.id,
            MemberToken.purpose == purpose,
            MemberToken.ended_at.is_(None),
        )
        .values(ended_at=now)
    )


def end_all(session: Session, member: Member, *, now: datetime) -> None:
    """Password or address is another: no link that is on its way opens the account any more. Safe to repeat."""
    for purpose in Purpose:
        end(session, member, purpose, now=now)
    for template in (Template.INVITATION, Template.PASSWORD_RESET):
        mail.forget_waiting(session, member, template, now=now)


def owner(session: Session, token: str, purpose: Purpose, *, now: datetime, lock: bool = False) -> Member:
    """Whose account it opens. Raises `NotFound`, which never says why."""
    query = select(MemberToken).where(
        MemberToken.token_digest == secrets.digest(token),
        MemberToken.purpose == purpose,
        MemberToken.ended_at.is_(None),
        MemberToken.expires_at > now,
    )
    found = session.scalar(db.locked(query) if lock else query)
    member = load_member(session, found.member_id) if found is not None else None
    if member is None or not member.is_active:
        raise NotFound(NOT_VALID)
    return member


def trim(session: Session, *, now: datetime) -> None:
    """Remove links that have opened nothing for a month."""
    session.execute(delete(MemberToken).where(MemberToken.expires_at < now - KEPT))


def newest(session: Session, member: Member, purpose: Purpose) -> MemberToken | None:
    return session.scalar(
        select(MemberToken)
        .where(
            MemberToken.practice_id == member.practice_id,
            MemberToken.member_id == member.id,
            MemberToken.purpose == purpose,
        )
        .order_by(MemberToken.id.desc())
        .limit(1)
    )
