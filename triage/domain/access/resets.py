"""A new password by letter. Whoever asks learns nothing: a worker looks up who is meant, after the answer was given."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import jobs, mail
from triage.domain.access import factors, tokens
from triage.domain.access.tokens import Purpose
from triage.domain.mail import Template
from triage.domain.practice import sign_in, throttle
from triage.domain.practice.member import Member, load_member
from triage.kit import db, later
from triage.kit.secrets import Vault

LONGEST_LOGIN = 254
AT_ONCE = 50
BY_LOGIN = throttle.Limit("reset by login", tries=3, window=timedelta(hours=1))
BY_ADDRESS = throttle.Limit("reset by address", tries=30, window=timedelta(hours=1))
SEALED_ABOUT = "reset request"


class ResetRequest(db.Base):
    """Somebody asked; the login they gave is sealed, and may be nobody's."""

    __tablename__ = "reset_request"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=db.new_id)
    login_sealed: Mapped[str]
    asked_at: Mapped[datetime]


def ask(session: Session, login: str, address: str, *, vault: Vault, now: datetime) -> None:
    """The same for everybody. Who asks too often is not heard, and is not told so."""
    by_login = throttle.wait_for(session, BY_LOGIN, sign_in.plain_login(login), now=now)
    by_address = throttle.wait_for(session, BY_ADDRESS, address, now=now)
    if by_login is None and by_address is None:
        sealed = vault.seal(login[:LONGEST_LOGIN], about=SEALED_ABOUT)
        session.add(ResetRequest(login_sealed=sealed, asked_at=now))
        session.flush()
        later.run(session, jobs.SEND_LETTERS)


def answer_requests(session: Session, *, vault: Vault, public_url: str, now: datetime) -> None:
    """Write the letters that were asked for; requests about nobody go without a trace."""
    waiting = select(ResetRequest).order_by(ResetRequest.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    for request in session.scalars(waiting).all():
        login = vault.open(request.login_sealed, about=SEALED_ABOUT) or ""
        found = sign_in.who_signs_in_as(session, login)
        member = load_member(session, found.id) if found is not None else None
        if member is not None and member.is_active and member.password_hash is not None:
            _write(session, member, vault=vault, public_url=public_url, now=now)
        session.delete(request)
    session.flush()


def is_asked(session: Session) -> bool:
    return session.scalar(select(ResetRequest.id).limit(1)) is not None


def _write(session: Session, member: Member, *, vault: Vault, public_url: str, now: datetime) -> None:
    if not member.email:
        return
    mail.forget_waiting(session, member, Template.PASSWORD_RESET, now=now)
    token = tokens.make(session, member, Purpose.PASSWORD_RESET, now=now)
    mail.write(
        session,
        member,
        Template.PASSWORD_RESET,
        vault=vault,
        now=now,
        name=member.name,
        practice=member.practice.name,
        link=f"{public_url}/password-reset/{token}",
    )
    factors.note(session, member, "new password asked for", by=None, now=now)


def who_resets(session: Session, token: str, *, now: datetime) -> Member:
    """Raises `NotFound`."""
    return tokens.owner(session, token, Purpose.PASSWORD_RESET, now=now)


def reset(session: Session, token: str, password: str, *, vault: Vault, now: datetime) -> Member:
    """The link is used up and every session ended; a second factor stays. Raises `NotFound`, `Invalid`."""
    member = tokens.owner(session, token, Purpose.PASSWORD_RESET, now=now, lock=True)
    sign_in.set_password(session, member, password, now=now)
    tokens.end(session, member, Purpose.PASSWORD_RESET, now=now)
    for limit in (sign_in.AT_ONCE, sign_in.SOON, sign_in.BY_LOGIN):
        throttle.forget(session, limit, member.login)
    mail.write(
        session,
        member,
        Template.PASSWORD_CHANGED,
        vault=vault,
        now=now,
        name=member.name,
        practice=member.practice.name,
    )
    factors.note(session, member, "password reset", by=member, now=now)
    session.flush()
    return member
