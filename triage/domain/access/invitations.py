"""Inviting a member: a link that works once, for seven days, and ends with a password of their own."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.orm import Session

from triage.domain import mail
from triage.domain.access import factors, tokens
from triage.domain.access.tokens import HOLDS, Purpose
from triage.domain.mail import Template
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.practice import find_practice
from triage.kit.errors import NotFound, NotPossible
from triage.kit.secrets import Vault


class Stand(StrEnum):
    """What became of an invitation."""

    NONE = "none"
    OPEN = "open"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Invitation(NamedTuple):
    """As the admin sees it; `letter` is None where the link was handed over."""

    stand: Stand
    expires_at: datetime | None = None
    letter: mail.State | None = None
    problem: str = ""


class Post(NamedTuple):
    """How letters go out of this installation; `sends` is false where there is no mail server."""

    vault: Vault
    public_url: str
    sends: bool


def invite(session: Session, member: Member, *, by: Member, post: Post, now: datetime) -> str | None:
    """A new link; the former one is void. Returns it where no letter carries it, to be handed over this once.

    Raises `NotPossible` for who has chosen a password already, or cannot sign in.
    """
    if member.password_hash is not None:
        raise NotPossible("This member has a password already.")
    if not member.is_active:
        raise NotPossible("This member is switched off. Switch them on before you invite them.")
    mail.forget_waiting(session, member, Template.INVITATION, now=now)
    token = tokens.make(session, member, Purpose.INVITATION, now=now)
    link = f"{post.public_url}/invitations/{token}"
    until = now + HOLDS[Purpose.INVITATION]
    is_sent = post.sends and mail.write(
        session,
        member,
        Template.INVITATION,
        vault=post.vault,
        now=now,
        name=member.name,
        login=member.login,
        practice=find_practice(session, member.practice_id).name,
        by=by.name,
        link=link,
        until=f"{until.day} {until:%B}",
    )
    factors.note(session, member, "invited", by=by, now=now)
    return None if is_sent else link


def revoke(session: Session, member: Member, *, by: Member, now: datetime) -> None:
    """The link opens nothing any more. Safe to repeat."""
    tokens.end(session, member, Purpose.INVITATION, now=now)
    mail.forget_waiting(session, member, Template.INVITATION, now=now)
    factors.note(session, member, "invitation revoked", by=by, now=now)


def invitation_of(session: Session, member: Member, *, now: datetime) -> Invitation:
    """Nothing to tell once there is a password."""
    token = tokens.newest(session, member, Purpose.INVITATION)
    if token is None or member.password_hash is not None:
        return Invitation(Stand.NONE)
    if token.ended_at is not None:
        return Invitation(Stand.REVOKED)
    letter = mail.newest(session, member, Template.INVITATION)
    is_of_this = letter is not None and letter.created_at == token.created_at
    stand = Stand.EXPIRED if token.expires_at <= now else Stand.OPEN
    if letter is None or not is_of_this:
        return Invitation(stand, token.expires_at)
    return Invitation(stand, token.expires_at, letter.state, letter.problem)


def invited(session: Session, token: str, *, now: datetime) -> Member:
    """Raises `NotFound`."""
    return _without_password(tokens.owner(session, token, Purpose.INVITATION, now=now))


def accept(session: Session, token: str, password: str, *, now: datetime) -> Member:
    """The member has a password from now on; the link is used up. Raises `NotFound`, `Invalid`."""
    member = _without_password(tokens.owner(session, token, Purpose.INVITATION, now=now, lock=True))
    words = (member.login, member.name, member.practice.name)
    member.password_hash = sign_in.hash_password(password, about=words)
    tokens.end(session, member, Purpose.INVITATION, now=now)
    factors.note(session, member, "invitation accepted", by=member, now=now)
    session.flush()
    return member


def _without_password(member: Member) -> Member:
    """Who has got one meanwhile, by an admin's hand, has an account that a letter must not open."""
    if member.password_hash is not None:
        raise NotFound(tokens.NOT_VALID)
    return member
