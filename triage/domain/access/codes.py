"""The second factor that everybody can have: codes of an app on the phone (RFC 6238), and codes on paper for when it is lost."""

import secrets as randomness
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
from sqlalchemy import BigInteger, Index, UniqueConstraint, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice import throttle
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import How
from triage.kit import db, secrets
from triage.kit.errors import Invalid, NotPossible
from triage.kit.secrets import Vault

STEP_SECONDS = 30
# The phone's clock may be one step off (RFC 6238, 5.2).
DRIFT = 1
RECOVERY_CODES = 10
# No 0, 1, o, i, l: they are typed from paper.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
GROUPS, LETTERS = 4, 4

BY_CODE = throttle.Limit("second factor", tries=5, window=timedelta(minutes=15))
WRONG = "This code is not right. Take the one that the app shows now."


class Totp(db.OfPractice, db.Base):
    """The secret that a member's app shares with us, sealed; it counts once a first code was right.

    `last_step` is the time step of the newest code that was taken: no code is taken twice.
    """

    __tablename__ = "totp"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        UniqueConstraint("practice_id", "member_id"),
    )

    member_id: Mapped[UUID]
    secret_sealed: Mapped[str]
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(db.OfPractice, db.Base):
    """One code on paper, as a digest; it opens once."""

    __tablename__ = "recovery_code"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        Index("ix_recovery_code_member", "practice_id", "member_id"),
    )

    member_id: Mapped[UUID]
    code_digest: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


def totp_of(session: Session, member: Member) -> Totp | None:
    return session.scalar(
        select(Totp).where(Totp.practice_id == member.practice_id, Totp.member_id == member.id)
    )


def has_app(session: Session, member: Member) -> bool:
    totp = totp_of(session, member)
    return totp is not None and totp.confirmed_at is not None


def begin(session: Session, member: Member, *, vault: Vault, now: datetime) -> None:
    """A new secret, which counts for nothing before `confirm`. Raises `NotPossible` where an app is in use."""
    totp = totp_of(session, member)
    if totp is not None and totp.confirmed_at is not None:
        raise NotPossible("An app is set up already. Remove it before you set up another.")
    sealed = vault.seal(pyotp.random_base32(), about=_about(member))
    if totp is None:
        totp = Totp(practice_id=member.practice_id, member_id=member.id)
        session.add(totp)
    totp.secret_sealed, totp.created_at = sealed, now
    session.flush()


def secret_to_show(session: Session, member: Member, *, vault: Vault) -> str | None:
    """Only while it is being set up; afterwards nobody sees it again."""
    totp = totp_of(session, member)
    if totp is None or totp.confirmed_at is not None:
        return None
    return vault.open(totp.secret_sealed, about=_about(member))


def address_for_app(secret: str, *, login: str, issuer: str) -> str:
    """What the QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def confirm(session: Session, member: Member, code: str, *, vault: Vault, now: datetime) -> None:
    """The app is set up: it showed this code. Raises `Invalid`, `NotPossible`."""
    totp = totp_of(session, member)
    if totp is None or totp.confirmed_at is not None:
        raise NotPossible("There is nothing to confirm. Begin anew.")
    if not _take(session, member, totp, code, vault=vault, now=now):
        raise Invalid(code=WRONG)
    totp.confirmed_at = now
    session.flush()


def remove_app(session: Session, member: Member) -> None:
    """Safe to repeat."""
    session.execute(delete(Totp).where(Totp.practice_id == member.practice_id, Totp.member_id == member.id))


def wait_before_code(session: Session, member: Member, *, now: datetime) -> timedelta | None:
    """Count a try; how long to wait where there were too many. In a transaction of its own, before `check`."""
    return throttle.wait_for(session, BY_CODE, str(member.id), now=now)


def check(session: Session, member: Member, code: str, *, vault: Vault, now: datetime) -> How | None:
    """What the code was, which is used up by it; None where it is neither the app's nor one on paper."""
    given = "".join(code.split()).lower()
    taken = None
    if given.isdecimal():
        totp = totp_of(session, member)
        if totp is not None and totp.confirmed_at is not None:
            taken = How.APP if _take(session, member, totp, given, vault=vault, now=now) else None
    elif _use_up(session, member, given, now=now):
        taken = How.RECOVERY_CODE
    if taken is not None:
        throttle.forget(session, BY_CODE, str(member.id))
    return taken


def new_recovery_codes(session: Session, member: Member, *, now: datetime) -> list[str]:
    """They can be shown this once; the former ones are void."""
    forget_recovery_codes(session, member)
    codes = [_a_code() for _ in range(RECOVERY_CODES)]
    session.add_all(
        RecoveryCode(
            practice_id=member.practice_id,
            member_id=member.id,
            code_digest=_digest(member, code),
            created_at=now,
        )
        for code in codes
    )
    session.flush()
    return codes


def forget_recovery_codes(session: Session, member: Member) -> None:
    session.execute(
        delete(RecoveryCode).where(
            RecoveryCode.practice_id == member.practice_id, RecoveryCode.member_id == member.id
        )
    )


def count_recovery_codes(session: Session, member: Member) -> int:
    """How many can still be used."""
    return (
        session.scalar(
            select(func.count()).where(
                RecoveryCode.practice_id == member.practice_id,
                RecoveryCode.member_id == member.id,
                RecoveryCode.used_at.is_(None),
            )
        )
        or 0
    )


def are_all_mine(session: Session, member: Member, shown: list[str]) -> bool:
    """Whether these are codes of this member that can still be used."""
    digests = {_digest(member, code) for code in shown}
    known = session.scalars(
        select(RecoveryCode.code_digest).where(
            RecoveryCode.practice_id == member.practice_id,
            RecoveryCode.member_id == member.id,
            RecoveryCode.used_at.is_(None),
        )
    )
    return bool(digests) and digests <= set(known)


def _take(session: Session, member: Member, totp: Totp, code: str, *, vault: Vault, now: datetime) -> bool:
    """Whether it is a code of these moments, and newer than any that was taken: it is used up by it."""
    secret = vault.open(totp.secret_sealed, about=_about(member))
    if secret is None:
        raise NotPossible(
            "The key of this installation was changed. Ask your practice admin to reset your app."
        )
    app, at = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    fitting = [
        step
        for step in range(at - DRIFT, at + DRIFT + 1)
        if secrets.are_equal(app.generate_otp(step), code.strip())
    ]
    if not fitting:
        return False
    newer = (
        update(Totp)
        .where(Totp.practice_id == totp.practice_id, Totp.id == totp.id, Totp.last_step < fitting[-1])
        .values(last_step=fitting[-1])
        .returning(Totp.id)
    )
    return session.execute(newer).first() is not None


def _use_up(session: Session, member: Member, code: str, *, now: datetime) -> bool:
    used = (
        update(RecoveryCode)
        .where(
            RecoveryCode.practice_id == member.practice_id,
            RecoveryCode.member_id == member.id,
            RecoveryCode.code_digest == _digest(member, code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.id)
    )
    return session.execute(used).first() is not None


def _a_code() -> str:
    groups = ("".join(randomness.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))
    return "-".join(groups)


def _digest(member: Member, code: str) -> str:
    """79 random bits need no slow hash."""
    plain = "".join(sign for sign in code.lower() if sign.isalnum())
    return secrets.digest(f"{member.id}\0{plain}")


def _about(member: Member) -> str:
    return f"totp of {member.id}"
