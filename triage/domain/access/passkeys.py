"""Passkeys (WebAuthn Level 3): a key on the member's device that signs in by itself and counts as both factors."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice import throttle
from triage.domain.practice.member import Member, load_member
from triage.kit import db
from triage.kit.errors import Invalid, NotFound, NotPossible

MOST = 10
LONGEST_NAME = 60
CHALLENGE_HOLDS = timedelta(minutes=5)
# A challenge opens once, however often its answer is sent.
BY_CHALLENGE = throttle.Limit("passkey challenge", tries=1, window=timedelta(hours=1))
NOT_TAKEN = "This passkey was not accepted. Try again, or sign in with your password."


class Passkey(db.OfPractice, db.Base):
    """A public key; the private one never leaves the member's device."""

    __tablename__ = "passkey"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        UniqueConstraint("credential_id"),
        Index("ix_passkey_member", "practice_id", "member_id"),
    )

    member_id: Mapped[UUID]
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Site(NamedTuple):
    """Where the pages are: a passkey works at one site, which must have a name."""

    origin: str

    @property
    def name(self) -> str:
        return urlsplit(self.origin).hostname or ""

    @property
    def can_have_passkeys(self) -> bool:
        """Browsers refuse bare addresses; without encryption only this computer itself will do."""
        is_named = any(sign.isalpha() for sign in self.name) and ":" not in self.name
        return is_named and (self.origin.startswith("https://") or self.name == "localhost")


class Question(NamedTuple):
    """What the browser is asked: `options` for it, `challenge` (hexadecimal) to be kept meanwhile."""

    options: str
    challenge: str


def passkeys_of(session: Session, member: Member) -> list[Passkey]:
    """Oldest first."""
    return list(
        session.scalars(
            select(Passkey)
            .where(Passkey.practice_id == member.practice_id, Passkey.member_id == member.id)
            .order_by(Passkey.id)
        )
    )


def count_passkeys(session: Session, member: Member) -> int:
    mine = (Passkey.practice_id == member.practice_id, Passkey.member_id == member.id)
    return session.scalar(select(func.count()).where(*mine)) or 0


def ask_to_add(session: Session, member: Member, site: Site) -> Question:
    """Raises `NotPossible` where there are too many."""
    from webauthn import generate_registration_options, options_to_json  # takes a fifth of a second
    from webauthn.helpers import structs

    known = passkeys_of(session, member)
    if len(known) >= MOST:
        raise NotPossible(f"You have {MOST} passkeys. Remove one before you add another.")
    options = generate_registration_options(
        rp_id=site.name,
        rp_name="Triage",
        user_id=member.id.bytes,
        user_name=member.login,
        user_display_name=member.name,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
    )
    return Question(options_to_json(options), options.challenge.hex())


def add(
    session: Session,
    member: Member,
    site: Site,
    *,
    answer: str,
    challenge: str,
    name: str,
    now: datetime,
) -> Passkey:
    """The passkey that the browser made. Raises `Invalid`."""
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    _use_up(session, challenge, now=now)
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=bytes.fromhex(challenge),
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Invalid("This passkey could not be added. Try again.") from None
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == made.credential_id)) is not None:
        raise Invalid("This passkey is known already.")
    passkey = Passkey(
        practice_id=member.practice_id,
        member_id=member.id,
        name=_clean(name) or f"Passkey of {now:%Y-%m-%d}",
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created_at=now,
    )
    session.add(passkey)
    session.flush()
    return passkey


def ask_to_sign_in(session: Session, site: Site, *, member: Member | None = None) -> Question:
    """Any passkey of this site; with `member` one of theirs."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers import structs

    known = passkeys_of(session, member) if member is not None else []
    options = generate_authentication_options(
        rp_id=site.name,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return Question(options_to_json(options), options.challenge.hex())


def check(session: Session, site: Site, *, answer: str, challenge: str, now: datetime) -> Member:
    """Whose passkey answered; the challenge is used up by it. Raises `Invalid`, which says no more than that."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    _use_up(session, challenge, now=now)
    passkey = _named_in(session, answer)
    if passkey is None:
        raise Invalid(NOT_TAKEN)
    try:
        seen = verify_authentication_response(
            credential=answer,
            expected_challenge=bytes.fromhex(challenge),
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        raise Invalid(NOT_TAKEN) from None
    member = load_member(session, passkey.member_id)
    if member is None or not member.is_active:
        raise Invalid(NOT_TAKEN)
    passkey.sign_count, passkey.used_at = seen.new_sign_count, now
    session.flush()
    return member


def find_passkey(session: Session, member: Member, passkey_id: UUID) -> Passkey:
    """One of the member's own, locked. Raises `NotFound`."""
    query = select(Passkey).where(
        Passkey.practice_id == member.practice_id,
        Passkey.member_id == member.id,
        Passkey.id == passkey_id,
    )
    passkey = session.scalar(db.locked(query))
    if passkey is None:
        raise NotFound("There is no such passkey.")
    return passkey


def rename(passkey: Passkey, name: str) -> None:
    """Raises `Invalid`."""
    if not _clean(name):
        raise Invalid(name="Give it a name by which you know the device.")
    passkey.name = _clean(name)


def _clean(name: str) -> str:
    return " ".join(name.split())[:LONGEST_NAME]


def _use_up(session: Session, challenge: str, *, now: datetime) -> None:
    if not challenge or throttle.wait_for(session, BY_CHALLENGE, challenge, now=now) is not None:
        raise Invalid(NOT_TAKEN)


def _named_in(session: Session, answer: str) -> Passkey | None:
    """The browser says which passkey signed; whether it did is checked afterwards."""
    from webauthn.helpers import base64url_to_bytes

    try:
        credential_id = base64url_to_bytes(json.loads(answer)["id"])
    except (ValueError, KeyError, TypeError):
        return None
    return session.scalar(db.locked(select(Passkey).where(Passkey.credential_id == credential_id)))
