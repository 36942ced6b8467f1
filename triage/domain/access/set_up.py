"""The first practice of a fresh installation, made by whoever can read its terminal."""

import secrets as randomness
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain import audit
from triage.domain.access.codes import ALPHABET
from triage.domain.practice import practice as practices
from triage.domain.practice import privileges, sign_in, throttle
from triage.domain.practice.member import Member, add_member, load_member
from triage.domain.practice.practice import Kind, Practice, SecondFactor
from triage.kit import db, secrets
from triage.kit.errors import Invalid, NotFound

HOLDS = timedelta(hours=24)
BY_ADDRESS = throttle.Limit("set-up code", tries=10, window=timedelta(minutes=15))
WRONG = "This is not the code. Make another one with: triage setup-code"
ADMIN_ROLE = "Practice admin"


class SetUpCode(db.Base):
    """The one code that counts, as a digest."""

    __tablename__ = "set_up_code"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_later"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=db.new_id)
    code_digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Wanted(NamedTuple):
    """The form as it was filled in."""

    practice: str
    kind: str
    time_zone: str
    region: str
    facility: str
    name: str
    login: str
    email: str
    password: str


def is_needed(session: Session) -> bool:
    """Only before the first practice; never again."""
    return session.scalar(select(Practice.id).limit(1)) is None


def has_code(session: Session, *, now: datetime) -> bool:
    return session.scalar(select(SetUpCode.id).where(SetUpCode.expires_at > now).limit(1)) is not None


def new_code(session: Session, *, now: datetime) -> str:
    """To be shown in the terminal, this once; the former one is void. Raises `NotFound` where nothing is to be set up."""
    if not is_needed(session):
        raise NotFound(
            "This installation has a practice. Further ones are made with: triage practices create"
        )
    session.execute(delete(SetUpCode))
    code = "-".join("".join(randomness.choice(ALPHABET) for _ in range(4)) for _ in range(3))
    session.add(SetUpCode(code_digest=_digest(code), created_at=now, expires_at=now + HOLDS))
    session.flush()
    return code


def wait_before_code(session: Session, address: str, *, now: datetime) -> timedelta | None:
    """Count a try; how long to wait where there were too many. In a transaction of its own."""
    return throttle.wait_for(session, BY_ADDRESS, address, now=now)


def set_up(
    session: Session, code: str, wanted: Wanted, *, second_factor: SecondFactor, now: datetime
) -> Member:
    """Practice, roles, first location and its admin, who may do everything. The code is used up.

    Raises `Invalid`, naming every field, and `NotFound` where there is a practice already.
    """
    known = session.scalar(
        select(SetUpCode)
        .where(SetUpCode.code_digest == _digest(code), SetUpCode.expires_at > now)
        .with_for_update()
    )
    if not is_needed(session):
        raise NotFound
    if known is None:
        raise Invalid(code=WRONG)
    if wanted.kind not in list(Kind):
        raise Invalid(kind="Choose whom the practice cares for.")
    try:
        practice = _practice(session, wanted, second_factor, now=now)
    except Invalid as refusal:
        # The admin has a name too.
        raise Invalid(
            **{"practice" if field == "name" else field: why for field, why in refusal.fields.items()}
        ) from None
    practices.save_facility(session, practice.id, None, name=wanted.facility or wanted.practice)
    roles = privileges.add_built_in_roles(session, practice.id)
    words = (wanted.login, wanted.name, wanted.practice)
    member = add_member(
        session,
        practice.id,
        login=wanted.login,
        name=wanted.name,
        email=wanted.email,
        role_id=roles[ADMIN_ROLE].id,
        password_hash=sign_in.hash_password(wanted.password, about=words),
        now=now,
    )
    session.delete(known)
    audit.record(
        session,
        practice.id,
        audit.Action.SETTINGS_CHANGED,
        by=member.id,
        at=now,
        subject_id=practice.id,
        what="practice",
        fields="set up",
    )
    session.flush()
    loaded = load_member(session, member.id)
    assert loaded is not None
    return loaded


def _practice(session: Session, wanted: Wanted, second_factor: SecondFactor, *, now: datetime) -> Practice:
    return practices.add_practice(
        session,
        name=wanted.practice,
        kind=Kind(wanted.kind),
        time_zone=wanted.time_zone,
        region=wanted.region.strip().upper(),
        now=now,
        second_factor=second_factor,
    )


def _digest(code: str) -> str:
    return secrets.digest("set-up\0" + "".join(sign for sign in code.lower() if sign.isalnum()))
