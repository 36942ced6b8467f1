"""The people who work in a practice: their role, facilities, availability and preferences."""

import hashlib
import re
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, delete, false, func, select, text
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship, selectinload

from triage.domain.practice import hours
from triage.domain.practice.practice import Practice, SecondFactor, ids_of_facilities
from triage.domain.practice.privileges import Messages, Privilege, Role, find_role
from triage.domain.practice.program import ProgramRestriction, programs_of
from triage.kit import db
from triage.kit.errors import Invalid, NotFound

HUES = 12
NOBODY_LEFT = "Nobody could administer members any more. Give another active member a role that may."
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
EMAIL = re.compile(r"[^@\s\x00-\x1f<>,;]{1,64}@[^@\s\x00-\x1f<>,;]+\.[^@\s\x00-\x1f<>,;]{2,}")
LONGEST_EMAIL = 254


class Theme(StrEnum):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Density(StrEnum):
    COMFORTABLE = "comfortable"
    COMPACT = "compact"


class Notice(StrEnum):
    """Which new patient messages make a sound or a pop-up."""

    NONE = "none"
    MINE = "mine"
    # What is assigned to them, and whatever comes of a patient of whose care team they are or whom they follow.
    PATIENTS = "patients"
    ALL = "all"


class Tune(StrEnum):
    """The sounds there are; the browser makes them."""

    CHIME = "chime"
    DROP = "drop"
    KNOCK = "knock"


class Brief(NamedTuple):
    """A person as an avatar shows them; `hue` is 0 to 11 and never changes for a person."""

    id: UUID
    name: str
    initials: str
    hue: int


def hue_of(id_: UUID) -> int:
    return hashlib.blake2b(id_.bytes, digest_size=2).digest()[0] % HUES


def initials_of(name: str) -> str:
    words = [word for word in name.replace("Dr. ", "").split() if word[0].isalnum()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


class Member(db.OfPractice, db.Base):
    """Someone who signs in. The login is unique over all practices."""

    __tablename__ = "member"
    __table_args__ = (
        db.referable(),
        db.within_practice("role_id", "role"),
        UniqueConstraint("login"),
        Index("ix_member_role", "practice_id", "role_id"),
        Index("ix_member_email", text("lower(email)")),
        CheckConstraint("login = lower(login)", name="login"),
        CheckConstraint("(quiet_from is null) = (quiet_until is null)", name="quiet"),
    )

    role_id: Mapped[UUID]
    login: Mapped[str]
    name: Mapped[str]
    email: Mapped[str | None]
    password_hash: Mapped[str | None]
    # Unlocks a page of a session that is there already; it signs nobody in.
    pin_hash: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    is_away: Mapped[bool] = mapped_column(default=False)
    is_available_for_chat: Mapped[bool] = mapped_column(default=True)
    theme: Mapped[Theme] = mapped_column(db.choice(Theme, "theme"), default=Theme.SYSTEM)
    density: Mapped[Density] = mapped_column(db.choice(Density, "density"), default=Density.COMFORTABLE)
    notify_sound: Mapped[Notice] = mapped_column(db.choice(Notice, "notify_sound"), default=Notice.PATIENTS)
    notify_popup: Mapped[Notice] = mapped_column(db.choice(Notice, "notify_popup"), default=Notice.NONE)
    notify_tune: Mapped[Tune] = mapped_column(
        db.choice(Tune, "notify_tune"), default=Tune.CHIME, server_default="chime"
    )
    # How patients come along who were asked for their birth date (ThoroughCare's "Two-Way Texting", C97).
    notify_verification: Mapped[Notice] = mapped_column(
        db.choice(Notice, "notify_verification"), default=Notice.MINE, server_default="mine"
    )
    # By the practice's clock: no sound and no pop-up from then until then.
    quiet_from: Mapped[time | None]
    quiet_until: Mapped[time | None]
    # Tell them again of what nobody has opened for a day (ThoroughCare, C85).
    notify_unread: Mapped[bool] = mapped_column(default=False, server_default=false())
    single_keys: Mapped[bool] = mapped_column(default=True)
    enter_sends: Mapped[bool] = mapped_column(default=False)
    # Since when there is one; `access.factors` keeps it, so that no request has to look for codes and passkeys.
    second_factor_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    role: Mapped[Role] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: Member.role_id == Role.id,
        foreign_keys=lambda: Member.role_id,
    )
    practice: Mapped[Practice] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: Member.practice_id == Practice.id,
        foreign_keys=lambda: Member.practice_id,
    )
    at_facilities: Mapped[list["MemberFacility"]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: Member.id == MemberFacility.member_id,
        foreign_keys=lambda: MemberFacility.member_id,
    )

    kept_out_of: Mapped[list[ProgramRestriction]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: Member.id == ProgramRestriction.member_id,
        foreign_keys=lambda: ProgramRestriction.member_id,
    )

    def may(self, privilege: Privilege) -> bool:
        return self.role.may(privilege)

    @property
    def messages(self) -> Messages:
        return self.role.messages

    @property
    def is_told_of_messages(self) -> bool:
        """Sound or pop-up: whether new patient messages are told at all ("New Patient Message", C83)."""
        return self.notify_sound is not Notice.NONE or self.notify_popup is not Notice.NONE

    @property
    def must_add_second_factor(self) -> bool:
        """Their practice asks for one, and there is none. Needs role and practice at hand."""
        match self.practice.second_factor:
            case SecondFactor.EVERYBODY:
                is_asked = True
            case SecondFactor.SETTINGS:
                is_asked = self.role.settings or self.role.members
            case _:
                is_asked = False
        return is_asked and self.second_factor_at is None

    @property
    def initials(self) -> str:
        return initials_of(self.name)

    @property
    def first_name(self) -> str:
        """What a signed text ends with: "Dana", or "Dr. Sato" for a title and one name."""
        words = self.name.split()
        return self.name if words and words[0].endswith(".") else (words[0] if words else "")

    @property
    def brief(self) -> Brief:
        return Brief(self.id, self.name, self.initials, hue_of(self.id))


class MemberFacility(db.Base):
    """A member works at a facility; a wall only for roles with `own_facilities_only`."""

    __tablename__ = "member_facility"
    __table_args__ = (
        db.within_practice("member_id", "member"),
        db.within_practice("facility_id", "facility"),
        Index("ix_member_facility_facility", "practice_id", "facility_id"),
    )

    practice_id: Mapped[UUID] = mapped_column(ForeignKey("practice.id"))
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    facility_id: Mapped[UUID] = mapped_column(primary_key=True)


def load_member(session: Session, member_id: UUID) -> Member | None:
    """The member with role, practice and facilities at hand, as every scope needs them."""
    return (
        session.scalars(
            select(Member)
            .where(Member.id == member_id)
            .options(
                joinedload(Member.role, innerjoin=True),
                joinedload(Member.practice, innerjoin=True),
                joinedload(Member.at_facilities),
                selectinload(Member.kept_out_of),
            )
            .execution_options(populate_existing=True)
        )
        .unique()
        .one_or_none()
    )


def find_member(session: Session, practice_id: UUID, member_id: UUID, *, lock: bool = False) -> Member:
    """Raises `NotFound`."""
    query = (
        select(Member)
        .where(Member.practice_id == practice_id, Member.id == member_id)
        .options(joinedload(Member.role, innerjoin=True))
    )
    member = session.scalar(db.locked(query, of=Member) if lock else query)
    if member is None:
        raise NotFound("There is no such member.")
    return member


def by_login(session: Session, login: str) -> Member:
    """Of any practice, locked; for commands. Raises `NotFound`."""
    member = session.scalar(
        select(Member)
        .where(Member.login == login.strip().lower())
        .options(joinedload(Member.role, innerjoin=True))
        .with_for_update(of=Member, key_share=True)
    )
    if member is None:
        raise NotFound(f"Nobody signs in as {login}.")
    return member


def members_of(session: Session, practice_id: UUID) -> list[Member]:
    """Everybody in the practice, active first, by name."""
    return list(
        session.scalars(
            select(Member)
            .where(Member.practice_id == practice_id)
            .options(joinedload(Member.role, innerjoin=True))
            .order_by(Member.is_active.desc(), func.lower(Member.name), Member.id)
        )
    )


def count_by_role(session: Session, practice_id: UUID) -> dict[UUID, int]:
    """How many active members each role has; roles without any are not in it."""
    counted = (
        select(Member.role_id, func.count())
        .where(Member.practice_id == practice_id, Member.is_active)
        .group_by(Member.role_id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


def names_by_role(session: Session, practice_id: UUID) -> dict[UUID, list[str]]:
    """Who has each role and can sign in; roles without anybody are not in it."""
    rows = session.execute(
        select(Member.role_id, Member.name)
        .where(Member.practice_id == practice_id, Member.is_active)
        .order_by(func.lower(Member.name), Member.id)
    )
    found: dict[UUID, list[str]] = {}
    for row in rows:
        found.setdefault(row.role_id, []).append(row.name)
    return found


def count_with_role(session: Session, role: Role) -> int:
    """Everybody who has it, also those who are switched off."""
    counted = select(func.count()).where(Member.practice_id == role.practice_id, Member.role_id == role.id)
    return session.scalar(counted) or 0


def briefs(session: Session, practice_id: UUID, ids: set[UUID]) -> dict[UUID, Brief]:
    """Avatars of these members, by id."""
    if not ids:
        return {}
    rows = session.execute(
        select(Member.id, Member.name).where(Member.practice_id == practice_id, Member.id.in_(ids))
    )
    return {row.id: Brief(row.id, row.name, initials_of(row.name), hue_of(row.id)) for row in rows}


def add_member(
    session: Session,
    practice_id: UUID,
    *,
    login: str,
    name: str,
    role_id: UUID,
    password_hash: str | None,
    now: datetime,
    email: str | None = None,
) -> Member:
    """Raises `Invalid` where the login is taken or a field is empty, `NotFound` for a role of elsewhere."""
    login, name, email = _checked(session, None, login=login, name=name, email=email or "")
    find_role(session, practice_id, role_id)
    member = Member(
        practice_id=practice_id,
        login=login,
        name=name,
        email=email,
        role_id=role_id,
        password_hash=password_hash,
        created_at=now,
    )
    session.add(member)
    session.flush()
    return member


def change_member(
    session: Session,
    member: Member,
    *,
    login: str,
    name: str,
    role_id: UUID,
    is_active: bool,
    is_away: bool,
    email: str = "",
) -> None:
    """Raises `Invalid`, `NotFound`. What the change takes from the member follows in `inbox.staffing`."""
    login, name, member.email = _checked(session, member, login=login, name=name, email=email)
    find_role(session, member.practice_id, role_id)
    member.login, member.name, member.role_id = login, name, role_id
    member.is_active, member.is_away = is_active, is_away
    session.flush()


def _checked(
    session: Session, member: Member | None, *, login: str, name: str, email: str
) -> tuple[str, str, str | None]:
    """Login, name and address as they are stored; every problem at once."""
    login, name, email = login.strip().lower(), " ".join(name.split()), email.strip()
    wrong = {}
    if not name:
        wrong["name"] = "Enter the person's name."
    if not LOGIN.fullmatch(login):
        wrong["login"] = "Use 2 to 64 letters, digits, dots, dashes or @, without spaces."
    else:
        holder = session.scalar(select(Member.id).where(Member.login == login))
        if holder is not None and (member is None or holder != member.id):
            wrong["login"] = "This login is taken. Choose another."
    if email and (len(email) > LONGEST_EMAIL or not EMAIL.fullmatch(email)):
        wrong["email"] = "An address looks like name@clinic.example."
    if wrong:
        raise Invalid(**wrong)
    return login, name, email or None


def set_facilities(session: Session, member: Member, facility_ids: set[UUID]) -> None:
    """Replace where the member works. Raises `Invalid`."""
    if not facility_ids <= ids_of_facilities(session, member.practice_id):
        raise Invalid(facility_ids="Choose among the locations of the practice.")
    session.execute(
        delete(MemberFacility).where(
            MemberFacility.practice_id == member.practice_id, MemberFacility.member_id == member.id
        )
    )
    session.add_all(
        MemberFacility(practice_id=member.practice_id, member_id=member.id, facility_id=facility_id)
        for facility_id in sorted(facility_ids)
    )
    session.flush()


def keep_out_of(session: Session, member: Member, program_ids: set[UUID]) -> None:
    """Replace the programs that the member is kept out of. Raises `Invalid`."""
    if not program_ids <= {program.id for program in programs_of(session, member.practice_id)}:
        raise Invalid(program_ids="Choose among the programs of the practice.")
    session.execute(
        delete(ProgramRestriction).where(
            ProgramRestriction.practice_id == member.practice_id, ProgramRestriction.member_id == member.id
        )
    )
    session.add_all(
        ProgramRestriction(practice_id=member.practice_id, member_id=member.id, program_id=program_id)
        for program_id in sorted(program_ids)
    )
    session.flush()


def facility_ids_of(session: Session, member: Member) -> frozenset[UUID]:
    """Where the member works."""
    return frozenset(
        session.scalars(
            select(MemberFacility.facility_id).where(
                MemberFacility.practice_id == member.practice_id, MemberFacility.member_id == member.id
            )
        )
    )


def kept_out_of_ids(session: Session, member: Member) -> frozenset[UUID]:
    """The programs that the member is kept out of."""
    return frozenset(
        session.scalars(
            select(ProgramRestriction.program_id).where(
                ProgramRestriction.practice_id == member.practice_id,
                ProgramRestriction.member_id == member.id,
            )
        )
    )


def refuse_without_administrator(session: Session, practice_id: UUID, field: str) -> None:
    """Somebody must always be able to administer members: asked after a change, with the practice locked.

    Raises `Invalid` about `field`.
    """
    session.flush()
    administrator = (
        select(Member.id)
        .join(Role, Role.id == Member.role_id)
        .where(Member.practice_id == practice_id, Member.is_active, Role.members)
        .limit(1)
    )
    if session.scalar(administrator) is None:
        raise Invalid(**{field: NOBODY_LEFT})


def change_preferences(
    member: Member,
    *,
    theme: str,
    density: str,
    notify_sound: str,
    notify_popup: str,
    notify_tune: str,
    notify_verification: str,
    quiet_from: str,
    quiet_until: str,
    notify_unread: bool,
    single_keys: bool,
    enter_sends: bool,
    is_available_for_chat: bool,
    is_away: bool,
) -> None:
    """Raises `Invalid` for a word that is no choice. Quiet hours are two times ("22:00") or empty.

    Who is told of no new message is not reminded of one either.
    """
    try:
        member.theme, member.density = Theme(theme), Density(density)
        member.notify_sound, member.notify_popup = Notice(notify_sound), Notice(notify_popup)
        member.notify_tune = Tune(notify_tune)
        member.notify_verification = Notice(notify_verification)
    except ValueError:
        raise Invalid("Choose one of the offered values.") from None
    member.quiet_from, member.quiet_until = _quiet(quiet_from, quiet_until)
    member.notify_unread = notify_unread and member.is_told_of_messages
    member.single_keys = single_keys
    member.enter_sends = enter_sends
    member.is_available_for_chat = is_available_for_chat
    member.is_away = is_away


def _quiet(since: str, until: str) -> tuple[time, time] | tuple[None, None]:
    """Raises `Invalid`. They may go over midnight."""
    if not since.strip() and not until.strip():
        return None, None
    start, end = hours.minute_of(since), hours.minute_of(until)
    if start is None or end is None:
        field = "quiet_from" if start is None else "quiet_until"
        raise Invalid(**{field: "Fill in both times, such as 22:00 and 07:00, or none."})
    if start == end:
        raise Invalid(
            quiet_until="Choose two different times. For silence all day turn sound and pop-up off."
        )
    return time(*divmod(start, 60)), time(*divmod(end, 60))
