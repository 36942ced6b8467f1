"""Practices, their facilities and numbers, and the switches that hold for a whole practice."""

import re
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Index,
    String,
    UniqueConstraint,
    cast,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.practice import hours
from triage.domain.practice.hours import Hours
from triage.domain.wording import LANGUAGES
from triage.kit import db
from triage.kit.errors import Invalid, NotFound
from triage.kit.phone import read

ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
REGION = re.compile(r"[A-Z]{2}")


class Kind(StrEnum):
    HUMAN = "human"
    VETERINARY = "veterinary"


class SecondFactor(StrEnum):
    """Who must prove in a second way who they are; everybody may."""

    OFFERED = "offered"
    SETTINGS = "settings"
    EVERYBODY = "everybody"


class UnreadBadge(StrEnum):
    """Which unread is shown in lists: of the whole team (Instinct, B59), of each member (ThoroughCare, C81), or both."""

    SHARED = "shared"
    MEMBER = "member"
    BOTH = "both"


class Practice(db.Base):
    """One clinic. Its carrier token is stored sealed (`kit.secrets.Vault`).

    `hold_seconds` is how long a text waits before it leaves, and how long it can be taken back.
    """

    __tablename__ = "practice"
    __table_args__ = (
        CheckConstraint("last_sender_days between 1 and 90", name="last_sender_days"),
        CheckConstraint("overdue_after_minutes between 5 and 10080", name="overdue_after_minutes"),
        CheckConstraint("idle_minutes between 5 and 60", name="idle_minutes"),
        CheckConstraint("lock_minutes between 0 and 60", name="lock_minutes"),
        CheckConstraint("hold_seconds between 0 and 30", name="hold_seconds"),
        CheckConstraint("cardinality(languages) > 0", name="languages"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=db.new_id)
    name: Mapped[str]
    kind: Mapped[Kind] = mapped_column(db.choice(Kind, "kind"))
    time_zone: Mapped[str] = mapped_column(default="America/New_York")
    region: Mapped[str] = mapped_column(default="US")
    carrier_account: Mapped[str | None] = mapped_column(unique=True)
    carrier_token_sealed: Mapped[str | None]
    carrier_next_token_sealed: Mapped[str | None]

    texting_on: Mapped[bool] = mapped_column(default=True)
    assign_last_sender: Mapped[bool] = mapped_column(default=True)
    last_sender_days: Mapped[int] = mapped_column(default=7)
    assign_care_team: Mapped[bool] = mapped_column(default=False)
    reply_assigns: Mapped[bool] = mapped_column(default=True)
    task_per_message: Mapped[bool] = mapped_column(default=False)
    sign_texts: Mapped[bool] = mapped_column(default=False)
    overdue_after_minutes: Mapped[int] = mapped_column(default=120)
    idle_minutes: Mapped[int] = mapped_column(default=15)
    hold_seconds: Mapped[int] = mapped_column(default=5, server_default="5")
    # After so many idle minutes a page hides itself; 0: never.
    lock_minutes: Mapped[int] = mapped_column(default=0, server_default="0")
    second_factor: Mapped[SecondFactor] = mapped_column(
        db.choice(SecondFactor, "second_factor"), default=SecondFactor.OFFERED, server_default="offered"
    )
    # As `practice.hours` reads them; none: always open.
    opening_hours: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    closed_reply_on: Mapped[bool] = mapped_column(default=False, server_default=false())
    opt_in_notice_on: Mapped[bool] = mapped_column(default=True, server_default=true())
    unread_badge: Mapped[UnreadBadge] = mapped_column(
        db.choice(UnreadBadge, "unread_badge"), default=UnreadBadge.SHARED, server_default="shared"
    )
    # Nobody is texted before they have confirmed their birth date.
    verification_on: Mapped[bool] = mapped_column(default=False, server_default=false())
    # What it texts in; the first is for whom nothing else is known.
    languages: Mapped[list[str]] = mapped_column(ARRAY(String), default=["en"], server_default="{en}")
    created_at: Mapped[datetime]


class Facility(db.OfPractice, db.Base):
    """One site of a practice."""

    __tablename__ = "facility"
    __table_args__ = (db.referable(), UniqueConstraint("practice_id", "name"))

    name: Mapped[str]


class PracticeNumber(db.OfPractice, db.Base):
    """A number that patients text. `reconciled_until` is how far the carrier's list has been compared."""

    __tablename__ = "practice_number"
    __table_args__ = (
        db.referable(),
        db.within_practice("facility_id", "facility"),
        UniqueConstraint("number"),
        Index("ix_practice_number_facility", "practice_id", "facility_id"),
        CheckConstraint(r"number ~ '^\+[1-9][0-9]{6,14}$'", name="e164"),
    )

    number: Mapped[str]
    label: Mapped[str]
    facility_id: Mapped[UUID | None]
    reconciled_until: Mapped[datetime | None]
    reconciled_at: Mapped[datetime | None]


def find_practice(session: Session, practice_id: UUID, *, lock: bool = False) -> Practice:
    """Raises `NotFound`."""
    query = select(Practice).where(Practice.id == practice_id)
    practice = session.scalar(db.locked(query) if lock else query)
    if practice is None:
        raise NotFound("There is no such practice.")
    return practice


def add_practice(
    session: Session,
    *,
    name: str,
    kind: Kind,
    time_zone: str,
    region: str,
    now: datetime,
    second_factor: SecondFactor = SecondFactor.OFFERED,
) -> Practice:
    """A practice without numbers and people yet. Raises `Invalid`, naming each field."""
    wrong = {}
    name = " ".join(name.split())
    if not name:
        wrong["name"] = "Enter the name that patients know."
    if time_zone not in available_timezones():
        wrong["time_zone"] = f"There is no time zone {time_zone}. They look like America/New_York."
    if REGION.fullmatch(region) is None:
        wrong["region"] = "A region is a country in two capital letters, such as US."
    if wrong:
        raise Invalid(**wrong)
    practice = Practice(
        name=name,
        kind=kind,
        time_zone=time_zone,
        region=region,
        second_factor=second_factor,
        created_at=now,
    )
    session.add(practice)
    session.flush()
    return practice


def connect_account(session: Session, practice: Practice, *, account: str, token_sealed: str) -> None:
    """The carrier account through which the practice texts. Raises `Invalid`."""
    if ACCOUNT.fullmatch(account) is None:
        raise Invalid(account="An account is AC and 32 hexadecimal digits.")
    owner = by_account(session, account)
    if owner is not None and owner.id != practice.id:
        raise Invalid(account="Another practice has this account.")
    practice.carrier_account, practice.carrier_token_sealed = account, token_sealed
    session.flush()


def practices_by(session: Session, name_or_id: str | None) -> list[Practice]:
    """All practices, or those of this name or id; for commands, which act for the whole installation."""
    query = select(Practice).order_by(func.lower(Practice.name), Practice.id)
    if name_or_id is not None:
        as_text = cast(Practice.id, String)
        query = query.where(or_(func.lower(Practice.name) == name_or_id.lower(), as_text == name_or_id))
    return list(session.scalars(query))


def by_account(session: Session, account: str) -> Practice | None:
    """The practice whose carrier account this is."""
    return session.scalar(select(Practice).where(Practice.carrier_account == account))


def numbers_of(session: Session, practice_id: UUID) -> list[PracticeNumber]:
    """The practice's numbers, oldest first: the first one starts new conversations."""
    return list(
        session.scalars(
            select(PracticeNumber)
            .where(PracticeNumber.practice_id == practice_id)
            .order_by(PracticeNumber.id)
        )
    )


def facilities_of(session: Session, practice_id: UUID) -> list[Facility]:
    return list(
        session.scalars(select(Facility).where(Facility.practice_id == practice_id).order_by(Facility.name))
    )


def change_assignment_rules(
    practice: Practice, *, last_sender: bool, last_sender_days: int, care_team: bool
) -> None:
    """Raises `Invalid` where the window is not 1 to 90 days."""
    practice.last_sender_days = checked_window(last_sender_days)
    practice.assign_last_sender = last_sender
    practice.assign_care_team = care_team


def checked_window(last_sender_days: int) -> int:
    """Raises `Invalid`."""
    if not 1 <= last_sender_days <= 90:
        raise Invalid(last_sender_days="Choose between 1 and 90 days.")
    return last_sender_days


def change_switches(
    practice: Practice,
    *,
    name: str,
    time_zone: str,
    texting_on: bool,
    reply_assigns: bool,
    task_per_message: bool,
    sign_texts: bool,
    opt_in_notice_on: bool,
    verification_on: bool,
    overdue_after_minutes: int,
    idle_minutes: int,
    hold_seconds: int,
) -> None:
    """Raises `Invalid`, naming each field that cannot be used."""
    wrong: dict[str, str] = {}
    if not name.strip():
        wrong["name"] = "Enter the name that patients know."
    if time_zone not in available_timezones():
        wrong["time_zone"] = "Choose one of the time zones."
    if not 5 <= overdue_after_minutes <= 10080:
        wrong["overdue_after_minutes"] = "Choose between 5 minutes and 7 days."
    if not 5 <= idle_minutes <= 60:
        wrong["idle_minutes"] = "Choose between 5 and 60 minutes."
    if not 0 <= hold_seconds <= 30:
        wrong["hold_seconds"] = "Choose between 0 and 30 seconds."
    if wrong:
        raise Invalid(**wrong)
    practice.name = name.strip()
    practice.time_zone = time_zone
    practice.texting_on = texting_on
    practice.reply_assigns = reply_assigns
    practice.task_per_message = task_per_message
    practice.sign_texts = sign_texts
    practice.opt_in_notice_on = opt_in_notice_on
    practice.verification_on = verification_on
    practice.overdue_after_minutes = overdue_after_minutes
    practice.idle_minutes = idle_minutes
    practice.hold_seconds = hold_seconds


def hours_of(practice: Practice) -> Hours:
    return hours.read(practice.opening_hours, practice.time_zone)


def change_hours(practice: Practice, kept: dict[str, Any] | None) -> None:
    """`kept` is of `hours.as_kept`. Who is always open has nothing to say about being closed."""
    practice.opening_hours = kept
    practice.closed_reply_on = practice.closed_reply_on and kept is not None


def switch_closed_reply(practice: Practice, *, on: bool) -> None:
    """Raises `Invalid` where nobody has said when the practice is open."""
    if on and practice.opening_hours is None:
        raise Invalid(closed_reply_on="Save opening hours first: without them the practice is never closed.")
    practice.closed_reply_on = on


def change_languages(practice: Practice, *, first: str, others: Collection[str]) -> None:
    """Raises `Invalid` for a language that the product has no words in."""
    if first not in LANGUAGES or not set(others) <= LANGUAGES.keys():
        raise Invalid(first_language="Choose among the languages offered.")
    practice.languages = [first, *(one for one in LANGUAGES if one in others and one != first)]


def change_unread_badge(practice: Practice, badge: str) -> None:
    """Raises `Invalid`."""
    if badge not in list(UnreadBadge):
        raise Invalid(unread_badge="Choose one of the three.")
    practice.unread_badge = UnreadBadge(badge)


def change_security(practice: Practice, *, second_factor: str, lock_minutes: int) -> None:
    """Raises `Invalid`. Who must have a second factor and has none is asked for it at the next page."""
    wrong: dict[str, str] = {}
    if second_factor not in list(SecondFactor):
        wrong["second_factor"] = "Choose one of the three."
    if not (lock_minutes == 0 or 1 <= lock_minutes < practice.idle_minutes):
        wrong["lock_minutes"] = (
            f"Choose between 1 and {practice.idle_minutes - 1} minutes, before members are signed out; 0 is never."
        )
    if wrong:
        raise Invalid(**wrong)
    practice.second_factor = SecondFactor(second_factor)
    practice.lock_minutes = lock_minutes


def owner_of_number(session: Session, number: str) -> UUID | None:
    """The practice that this number belongs to."""
    return session.scalar(select(PracticeNumber.practice_id).where(PracticeNumber.number == number))


def find_facility(session: Session, practice_id: UUID, facility_id: UUID) -> Facility:
    """Raises `NotFound`."""
    query = select(Facility).where(Facility.practice_id == practice_id, Facility.id == facility_id)
    facility = session.scalar(query.with_for_update())
    if facility is None:
        raise NotFound("There is no such location.")
    return facility


def save_facility(session: Session, practice_id: UUID, facility: Facility | None, *, name: str) -> Facility:
    """Rename a facility, or add one where `facility` is None. Raises `Invalid`."""
    name = " ".join(name.split())
    if not name:
        raise Invalid(name="Enter a name for the location.")
    same_name = select(Facility).where(
        Facility.practice_id == practice_id, func.lower(Facility.name) == name.lower()
    )
    if any(other is not facility for other in session.scalars(same_name)):
        raise Invalid(name="Another location has this name.")
    if facility is None:
        facility = Facility(practice_id=practice_id)
        session.add(facility)
    facility.name = name
    return facility


def find_number(session: Session, practice_id: UUID, number_id: UUID) -> PracticeNumber:
    """Raises `NotFound`."""
    query = select(PracticeNumber).where(
        PracticeNumber.practice_id == practice_id, PracticeNumber.id == number_id
    )
    number = session.scalar(query.with_for_update())
    if number is None:
        raise NotFound("There is no such number.")
    return number


def add_number(
    session: Session, practice: Practice, *, number: str, label: str, facility_id: UUID | None
) -> PracticeNumber:
    """A number that patients will text, as its owner writes it. Raises `Invalid`."""
    e164 = read(number, practice.region)
    if owner_of_number(session, e164) is not None:
        raise Invalid(number="This number is in use already.")
    added = PracticeNumber(practice_id=practice.id, number=e164)
    change_number(session, added, label=label, facility_id=facility_id)
    session.add(added)
    return added


def change_number(session: Session, number: PracticeNumber, *, label: str, facility_id: UUID | None) -> None:
    """Raises `Invalid`. Who sees the number's conversations follows in `inbox.places`."""
    label = " ".join(label.split())
    if not label:
        raise Invalid(label="Say what this number is for, such as Front desk.")
    if facility_id is not None and facility_id not in ids_of_facilities(session, number.practice_id):
        raise Invalid(facility_id="Choose one of the locations.")
    number.label, number.facility_id = label, facility_id


def ids_of_facilities(session: Session, practice_id: UUID) -> set[UUID]:
    return set(session.scalars(select(Facility.id).where(Facility.practice_id == practice_id)))
