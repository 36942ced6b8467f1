"""Roles and the table of who may do what."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import UniqueConstraint, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.kit import db
from triage.kit.errors import Invalid, NotFound, NotPossible


class Messages(StrEnum):
    """What a role sees of patients' messages (CharmHealth's "View/Compose Text Messages", A41)."""

    ALL = "all"
    ASSIGNED = "assigned"
    NONE = "none"


class Privilege(StrEnum):
    """What a route or an action asks for. All but three are columns of a role."""

    MESSAGES = "messages"
    ALL_MESSAGES = "all_messages"
    DASHBOARD = "dashboard"
    SETTINGS = "settings"
    MEMBERS = "members"
    PATIENTS = "patients"
    EXPORT = "export"
    PURGE = "purge"
    AUDIT = "audit"
    SIGNED_IN = "signed_in"


class Role(db.OfPractice, db.Base):
    """A named set of privileges. `own_facilities_only` turns the facility filter into a wall.

    With `birth_dates_masked` a birth date is shown only when it is asked for, and the look is noted.
    """

    __tablename__ = "role"
    __table_args__ = (db.referable(), UniqueConstraint("practice_id", "name"))

    name: Mapped[str]
    messages: Mapped[Messages] = mapped_column(db.choice(Messages, "messages"))
    dashboard: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[bool] = mapped_column(default=False)
    members: Mapped[bool] = mapped_column(default=False)
    patients: Mapped[bool] = mapped_column(default=False)
    export: Mapped[bool] = mapped_column(default=False)
    purge: Mapped[bool] = mapped_column(default=False)
    audit: Mapped[bool] = mapped_column(default=False, server_default=false())
    own_facilities_only: Mapped[bool] = mapped_column(default=False)
    birth_dates_masked: Mapped[bool] = mapped_column(default=False, server_default=false())

    @property
    def is_built_in(self) -> bool:
        """It came with the product: its name stays, what it allows is the practice's choice."""
        return self.name in BUILT_IN

    def may(self, privilege: Privilege) -> bool:
        match privilege:
            case Privilege.SIGNED_IN:
                return True
            case Privilege.MESSAGES:
                return self.messages is not Messages.NONE
            case Privilege.ALL_MESSAGES:
                return self.messages is Messages.ALL
            case _:
                return bool(getattr(self, privilege.value))


SWITCHES = (
    "dashboard",
    "settings",
    "members",
    "patients",
    "export",
    "purge",
    "audit",
    "own_facilities_only",
    "birth_dates_masked",
)

BUILT_IN: dict[str, dict[str, object]] = {
    "Practice admin": {
        "messages": Messages.ALL,
        "dashboard": True,
        "settings": True,
        "members": True,
        "patients": True,
        "export": True,
        "purge": True,
        "audit": True,
    },
    "Supervisor": {"messages": Messages.ALL, "dashboard": True, "patients": True, "export": True},
    "Care team": {"messages": Messages.ALL, "patients": True},
    "Assigned only": {"messages": Messages.ASSIGNED, "birth_dates_masked": True},
}


def add_built_in_roles(session: Session, practice_id: UUID) -> dict[str, Role]:
    """The roles that every practice starts with, by name."""
    roles = {name: Role(practice_id=practice_id, name=name, **given) for name, given in BUILT_IN.items()}
    session.add_all(roles.values())
    session.flush()
    return roles


def roles_of(session: Session, practice_id: UUID) -> list[Role]:
    return list(session.scalars(select(Role).where(Role.practice_id == practice_id).order_by(Role.id)))


def role_by_name(session: Session, practice_id: UUID, name: str) -> Role:
    """Upper and lower case are one. Raises `Invalid`, naming the roles that there are."""
    roles = roles_of(session, practice_id)
    role = next((role for role in roles if role.name.lower() == name.strip().lower()), None)
    if role is None:
        known = ", ".join(role.name for role in roles)
        raise Invalid(role=f"There is no role {name}. There are: {known}.")
    return role


def find_role(session: Session, practice_id: UUID, role_id: UUID, *, lock: bool = False) -> Role:
    """Raises `NotFound`."""
    query = select(Role).where(Role.practice_id == practice_id, Role.id == role_id)
    role = session.scalar(db.locked(query) if lock else query)
    if role is None:
        raise NotFound("There is no such role.")
    return role


def save_role(
    session: Session, practice_id: UUID, role: Role | None, *, name: str, messages: str, switches: set[str]
) -> Role:
    """Change a role, or make one where `role` is None. Raises `Invalid`."""
    name = " ".join(name.split())
    if not name:
        raise Invalid(name="Give the role a name.")
    if role is not None and role.is_built_in and name != role.name:
        raise Invalid(name="The name of a role that came with the product stays.")
    if messages not in set(Messages):
        raise Invalid(messages="Choose what the role may see.")
    if not switches <= set(SWITCHES):
        raise Invalid(privileges="Choose among the offered privileges.")
    same_name = select(Role).where(Role.practice_id == practice_id, Role.name == name)
    taken = session.scalar(same_name)
    if taken is not None and taken is not role:
        raise Invalid(name="Another role has this name.")
    if role is None:
        role = Role(practice_id=practice_id)
        session.add(role)
    role.name = name
    role.messages = Messages(messages)
    for switch in SWITCHES:
        setattr(role, switch, switch in switches)
    session.flush()
    return role


class Allowed(NamedTuple):
    """What a role allows, without its name."""

    messages: Messages
    switches: frozenset[str]


class Change(NamedTuple):
    """One difference between a role and what is wanted of it: `switch` is None where messages differ."""

    role_id: UUID
    switch: str | None
    before: Messages | bool
    after: Messages | bool


def allowed_by(role: Role) -> Allowed:
    return Allowed(role.messages, frozenset(switch for switch in SWITCHES if getattr(role, switch)))


def changes(present: Mapping[UUID, Allowed], wanted: Mapping[UUID, Allowed]) -> list[Change]:
    """Pure. What is different, role by role; roles that nobody wants anything of stay as they are."""
    found = []
    for role_id, new in wanted.items():
        old = present[role_id]
        if old.messages is not new.messages:
            found.append(Change(role_id, None, old.messages, new.messages))
        for switch in SWITCHES:
            had, has = switch in old.switches, switch in new.switches
            if had != has:
                found.append(Change(role_id, switch, had, has))
    return found


def has_administrator(allowed: Mapping[UUID, Allowed], active: Mapping[UUID, int]) -> bool:
    """Pure. Whether somebody active has a role that may administer members; `active` counts people by role."""
    return any("members" in one.switches and active.get(role_id, 0) for role_id, one in allowed.items())


def name_of_copy(names: Iterable[str], name: str) -> str:
    """A name for a copy that no role has yet."""
    taken, wanted, number = set(names), f"Copy of {name}", 1
    while wanted in taken:
        number += 1
        wanted = f"Copy {number} of {name}"
    return wanted


def remove_role(session: Session, role: Role, *, held_by: int) -> None:
    """A role that nobody has. Raises `NotPossible`."""
    if role.is_built_in:
        raise NotPossible("A role that came with the product stays.")
    if held_by:
        people = "One person has" if held_by == 1 else f"{held_by} people have"
        raise NotPossible(f"{people} this role. Give them another one first.")
    session.delete(role)
    session.flush()
