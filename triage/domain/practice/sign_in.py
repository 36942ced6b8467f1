"""Signing in: passwords, and sessions that live in the database so that they can be ended there."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import CheckConstraint, ColumnElement, Index, UniqueConstraint, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice import throttle
from triage.domain.practice.member import Member, load_member
from triage.kit import db, secrets
from triage.kit.errors import Invalid, NotFound

# ASVS 5.0, 6.2: length counts, composition rules do not.
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128
ABSOLUTE_LIFE = timedelta(hours=12)
# Writing the last activity once a minute is exact enough for an idle limit of five minutes or more.
ACTIVITY_GRAIN = timedelta(minutes=1)

# Whoever changes how they sign in must have shown lately who they are (ASVS 5.0, 7.5.1).
FRESH_FOR = timedelta(minutes=15)
# What zxcvbn calls "somewhat guessable" and worse; it looks no further than this.
WEAKEST_SCORE = 3
LOOKED_AT = 72

# A slip costs nothing; then each few tries cost more time.
AT_ONCE = throttle.Limit("sign-in by login, at once", tries=5, window=timedelta(seconds=30))
SOON = throttle.Limit("sign-in by login, soon", tries=8, window=timedelta(minutes=3))
BY_LOGIN = throttle.Limit("sign-in by login", tries=10, window=timedelta(minutes=15))
# A whole practice signs in from one address when the shift changes.
BY_ADDRESS = throttle.Limit("sign-in by address", tries=300, window=timedelta(minutes=15))
BY_OLD_PASSWORD = throttle.Limit("old password", tries=5, window=timedelta(minutes=15))

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified for logins that do not exist, so that the answer takes as long.
_NOBODY = _hasher.hash(secrets.new_token())


class How(StrEnum):
    """By what somebody showed who they are."""

    PASSWORD = "password"
    APP = "app"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"
    LETTER = "letter"


class MemberSession(db.OfPractice, db.Base):
    """One signed-in browser. Only the digest of its token is stored."""

    __tablename__ = "member_session"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        UniqueConstraint("token_digest"),
        Index("ix_member_session_member", "practice_id", "member_id"),
        CheckConstraint("expires_at > created_at", name="expires_later"),
    )

    member_id: Mapped[UUID]
    token_digest: Mapped[str]
    browser: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    active_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    how: Mapped[How] = mapped_column(db.choice(How, "how"), default=How.PASSWORD, server_default="password")
    # When this browser last showed who sits before it; None for sessions of earlier versions.
    proved_at: Mapped[datetime | None]
    locked_at: Mapped[datetime | None]

    def is_locked(self, lock_minutes: int, now: datetime) -> bool:
        """By its owner, or because nobody was there for so many minutes; 0 means never."""
        # Activity is written once a minute, so the last one may be a minute younger than what is written.
        left_alone = timedelta(minutes=lock_minutes) + ACTIVITY_GRAIN
        return self.locked_at is not None or (lock_minutes > 0 and self.active_at + left_alone <= now)

    def is_fresh(self, now: datetime) -> bool:
        return self.proved_at is not None and now < self.proved_at + FRESH_FOR


def hash_password(password: str, *, about: Collection[str] = ()) -> str:
    """Raises `Invalid` where it is too short, too long or among the first that anybody would guess.

    `about` are words that others would try for this person: name, login, practice.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(password=f"Use at least {SHORTEST_PASSWORD} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise Invalid(password=f"Use at most {LONGEST_PASSWORD} characters.")
    if _is_easy(password, about):
        raise Invalid(password="This password is easy to guess. A few unrelated words are better.")
    return hash_any_password(password)


def _is_easy(password: str, about: Collection[str]) -> bool:
    from zxcvbn import zxcvbn  # its lists of words are large, and few processes ever need them

    words = [word for given in about for word in (given, *given.split()) if len(word) > 2]
    return bool(zxcvbn(password[:LOOKED_AT], user_inputs=words)["score"] < WEAKEST_SCORE)


def hash_pin(pin: str) -> str:
    return _hasher.hash(f"pin {pin}")


def is_pin_of(member: Member, pin: str) -> bool:
    """Slow on purpose."""
    try:
        return _hasher.verify(member.pin_hash or _NOBODY, f"pin {pin[:LONGEST_PASSWORD]}")
    except (VerificationError, InvalidHashError):
        return False


def hash_any_password(password: str) -> str:
    """The demo's seeder alone may pass by the length rule."""
    return _hasher.hash(password)


def check_password(session: Session, login: str, password: str) -> Member | None:
    """The active member whose login and password these are. Slow on purpose."""
    member = who_signs_in_as(session, login)
    known_hash = member.password_hash if member is not None else None
    try:
        _hasher.verify(known_hash or _NOBODY, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return None
    if member is None or known_hash is None or not member.is_active:
        return None
    if _hasher.check_needs_rehash(known_hash):
        member.password_hash = _hasher.hash(password)
    return load_member(session, member.id)


def who_signs_in_as(session: Session, login_or_email: str) -> Member | None:
    """By login; else by e-mail address, where it is one active member's alone."""
    given = plain_login(login_or_email)
    member = session.scalar(select(Member).where(Member.login == given))
    if member is not None or "@" not in given:
        return member
    having_it = select(Member).where(func.lower(Member.email) == given, Member.is_active).limit(2)
    found = session.scalars(having_it).all()
    return found[0] if len(found) == 1 else None


def plain_login(given: str) -> str:
    """What was typed, as it is compared and counted: two spellings of one login share their tries."""
    return given.replace("\0", "").strip().lower()


def set_password(session: Session, member: Member, password: str, *, now: datetime) -> None:
    """Somebody else's choice: whoever is signed in with the former password is out. Raises `Invalid`."""
    member.password_hash = hash_password(password, about=(member.login, member.name))
    end_all_sessions(session, member, now=now)


def change_own_password(
    session: Session, member: Member, *, old: str, new: str, token: str, now: datetime
) -> None:
    """The browser of `token` stays signed in, all others are out. Raises `Invalid`.

    Ask `wait_before_old_password` first, in a transaction of its own.
    """
    if not is_password_of(member, old):
        raise Invalid(old_password="This is not your present password.")
    member.password_hash = hash_password(new, about=(member.login, member.name))
    throttle.forget(session, BY_OLD_PASSWORD, str(member.id))
    end_all_sessions(session, member, now=now, but=token)


def is_password_of(member: Member, password: str) -> bool:
    """Slow on purpose. Ask `wait_before_old_password` first."""
    try:
        return _hasher.verify(member.password_hash or _NOBODY, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


def prove_again(session: Session, member: Member, signed_in: MemberSession, *, now: datetime) -> None:
    """The browser has shown once more who sits before it."""
    throttle.forget(session, BY_OLD_PASSWORD, str(member.id))
    session.execute(update(MemberSession).where(MemberSession.id == signed_in.id).values(proved_at=now))


def wait_before_old_password(session: Session, member: Member, *, now: datetime) -> timedelta | None:
    """Count a try to give the present password; how long to wait where there were too many."""
    return throttle.wait_for(session, BY_OLD_PASSWORD, str(member.id), now=now)


def wait_before_trying(session: Session, login: str, address: str, *, now: datetime) -> timedelta | None:
    """Count a try to sign in; how long to wait where there were too many: first seconds, then minutes.

    A try that must wait counts for no longer span, so that impatience alone locks nobody out.
    """
    member = who_signs_in_as(session, login)
    # By login or by e-mail address: it is the same door.
    key = member.login if member is not None else plain_login(login)
    by_address = throttle.wait_for(session, BY_ADDRESS, address, now=now)
    for limit in (AT_ONCE, SOON, BY_LOGIN):
        wait = throttle.wait_for(session, limit, key, now=now)
        if wait is not None:
            return max(wait, by_address) if by_address is not None else wait
    return by_address


def start_session(
    session: Session, member: Member, *, browser: str, now: datetime, how: How = How.PASSWORD
) -> str:
    """A new signed-in browser; returns its token, which is stored nowhere."""
    token = secrets.new_token()
    session.add(
        MemberSession(
            practice_id=member.practice_id,
            member_id=member.id,
            token_digest=secrets.digest(token),
            browser=browser[:200],
            created_at=now,
            active_at=now,
            expires_at=now + ABSOLUTE_LIFE,
            how=how,
            proved_at=now,
        )
    )
    for limit in (AT_ONCE, SOON, BY_LOGIN):
        throttle.forget(session, limit, member.login)
    return token


def member_of_session(
    session: Session, token: str, *, now: datetime, is_activity: bool
) -> tuple[Member, MemberSession] | None:
    """Who is signed in with this token; None where it has ended, idled out or expired.

    Only what a person does counts as activity: polling and live streams must pass False.
    """
    signed_in = session.scalar(
        select(MemberSession).where(MemberSession.token_digest == secrets.digest(token))
    )
    if signed_in is None or signed_in.ended_at is not None or signed_in.expires_at <= now:
        return None
    member = load_member(session, signed_in.member_id)
    if member is None or not member.is_active:
        return None
    if signed_in.active_at + timedelta(minutes=member.practice.idle_minutes) <= now:
        return None
    is_locked = signed_in.is_locked(member.practice.lock_minutes, now)
    if is_activity and not is_locked and now - signed_in.active_at >= ACTIVITY_GRAIN:
        session.execute(update(MemberSession).where(MemberSession.id == signed_in.id).values(active_at=now))
    return member, signed_in


def end_session(session: Session, token: str, *, now: datetime) -> None:
    """Safe to repeat."""
    session.execute(
        update(MemberSession)
        .where(MemberSession.token_digest == secrets.digest(token), MemberSession.ended_at.is_(None))
        .values(ended_at=now)
    )


def end_all_sessions(session: Session, member: Member, *, now: datetime, but: str | None = None) -> None:
    """Sign a member out everywhere, at once; only the browser with the token `but` stays signed in."""
    kept = secrets.digest(but) if but else ""
    session.execute(
        update(MemberSession)
        .where(
            MemberSession.practice_id == member.practice_id,
            MemberSession.member_id == member.id,
            MemberSession.ended_at.is_(None),
            MemberSession.token_digest != kept,
        )
        .values(ended_at=now)
    )


def sessions_of(session: Session, member: Member, *, now: datetime) -> list[MemberSession]:
    """Where the member is signed in now, the browser that was used last first. Needs the practice at hand."""
    alive = _alive(member, now=now, idle_minutes=member.practice.idle_minutes)
    return list(session.scalars(select(MemberSession).where(*alive).order_by(MemberSession.active_at.desc())))


def end_session_by_id(session: Session, member: Member, session_id: UUID, *, now: datetime) -> None:
    """One of the member's own, wherever it is. Raises `NotFound`. Safe to repeat."""
    found = session.scalar(
        select(MemberSession).where(
            MemberSession.practice_id == member.practice_id,
            MemberSession.member_id == member.id,
            MemberSession.id == session_id,
        )
    )
    if found is None:
        raise NotFound("There is no such device.")
    found.ended_at = found.ended_at or now


def count_sessions(session: Session, member: Member, *, now: datetime, idle_minutes: int) -> int:
    """On how many browsers the member is signed in now."""
    alive = _alive(member, now=now, idle_minutes=idle_minutes)
    return session.scalar(select(func.count()).where(*alive)) or 0


def _alive(member: Member, *, now: datetime, idle_minutes: int) -> tuple[ColumnElement[bool], ...]:
    return (
        MemberSession.practice_id == member.practice_id,
        MemberSession.member_id == member.id,
        MemberSession.ended_at.is_(None),
        MemberSession.expires_at > now,
        MemberSession.active_at > now - timedelta(minutes=idle_minutes),
    )
