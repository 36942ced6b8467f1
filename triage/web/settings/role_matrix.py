"""All roles side by side: what is ticked is shown as a list of what it means for whom, and then saved."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import staffing
from triage.domain.practice import member as members
from triage.domain.practice import privileges
from triage.domain.practice.privileges import Allowed, Change, Messages, Privilege, Role
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import an_id, page, saved, settings
from triage.web.settings.places import tasks_returned
from triage.web.settings.roles import LABELS, LIMITS, MESSAGES, PRIVILEGES

MESSAGES_WORDS = {value: label for value, label, _ in MESSAGES}
ROWS = (*PRIVILEGES, *LIMITS)


class Line(NamedTuple):
    """One change in words."""

    text: str
    is_gain: bool


class RoleChanges(NamedTuple):
    """What is about to change for the people of one role."""

    name: str
    people: list[str]
    lines: list[Line]


@settings.get("/settings/roles")
@needs(Privilege.MEMBERS)
def roles() -> Response:
    found = _roles()
    return _page(found, {role.id: privileges.allowed_by(role) for role in found}, {})


@settings.post("/settings/roles")
@needs(Privilege.MEMBERS)
def change_roles() -> Response:
    """First shows what would change; with the word that it is wanted, saves."""
    found = _roles()
    present = {role.id: privileges.allowed_by(role) for role in found}
    try:
        wanted = _wanted(present)
        if request.form.get("confirmed") != "yes":
            return _review(found, present, wanted)
        said = once.run(lambda session: _save(session, wanted))
    except Invalid as refusal:
        return _page(found, {**present, **_understood(present)}, once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        now = _roles()
        return _page(now, {**present, **wanted}, {}, 409, overtaken=refusal.changes)
    mine = wanted.get(current_member().role_id)
    keeps_the_page = mine is None or Privilege.MEMBERS.value in mine.switches
    return saved(said, "settings.roles" if keeps_the_page else "settings.home")


def _save(session: Session, wanted: Mapping[UUID, Allowed]) -> str:
    by = current_member()
    locked = [privileges.find_role(session, by.practice_id, id_, lock=True) for id_ in sorted(wanted)]
    seen.check(_as_shown(locked), _labels(locked))
    changed, returned = staffing.save_roles(session, wanted, by=by)
    return f"{changed} {'role' if changed == 1 else 'roles'} saved.{tasks_returned(returned)}"


def _review(found: list[Role], present: Mapping[UUID, Allowed], wanted: Mapping[UUID, Allowed]) -> Response:
    with db.reading() as session:
        people = members.names_by_role(session, current_member().practice_id)
    seen.check(_as_shown(found), _labels(found))
    changes = privileges.changes(present, wanted)
    if not changes:
        return saved("Nothing was different.", "settings.roles")
    active = {role_id: len(names) for role_id, names in people.items()}
    if not privileges.has_administrator({**present, **wanted}, active):
        raise Invalid(**{"": members.NOBODY_LEFT})
    return page(
        "settings/roles_review.html",
        "roles",
        changes=_in_words(found, changes, people),
        shown=request.form.get("seen", ""),
        wanted=wanted,
        rows=ROWS,
        back_url=url_for("settings.roles"),
    )


def _in_words(
    found: Iterable[Role], changes: Iterable[Change], people: Mapping[UUID, list[str]]
) -> list[RoleChanges]:
    names = {role.id: role.name for role in found}
    return [
        RoleChanges(names[role_id], people.get(role_id, []), [_line(change) for change in of_role])
        for role_id, of_role in groupby(changes, key=lambda change: change.role_id)
    ]


def _line(change: Change) -> Line:
    if change.switch is None:
        order = [Messages.NONE, Messages.ASSIGNED, Messages.ALL]
        is_more = order.index(Messages(str(change.after))) > order.index(Messages(str(change.before)))
        before, after = MESSAGES_WORDS[str(change.before)], MESSAGES_WORDS[str(change.after)]
        return Line(f"{after} instead of {before.lower()}", is_more)
    if change.switch == "own_facilities_only":
        text = "Messages of their own locations only" if change.after else "Messages of all locations"
        return Line(text, not change.after)
    if change.switch == "birth_dates_masked":
        return Line("Birth dates on request" if change.after else "Birth dates at once", not change.after)
    return Line(LABELS[change.switch], bool(change.after))


def _roles() -> list[Role]:
    with db.reading() as session:
        return privileges.roles_of(session, current_member().practice_id)


def _wanted(present: Mapping[UUID, Allowed]) -> dict[UUID, Allowed]:
    """What the form says of each role that it names. Raises `Invalid` for a role that is not there."""
    wanted = _understood(present)
    named = [one.partition(":") for one in request.form.getlist("messages")]
    if any(an_id(role_id) not in wanted for role_id, _, _ in named) or not _ticked() <= present.keys():
        raise Invalid(**{"": "One of these roles is gone. Look at the table again."})
    return wanted


def _understood(present: Mapping[UUID, Allowed]) -> dict[UUID, Allowed]:
    wanted = {}
    for one in request.form.getlist("messages"):
        role_id, _, messages = one.partition(":")
        if an_id(role_id) in present and messages in set(Messages):
            ticked = frozenset(name for name, _, _ in ROWS if role_id in request.form.getlist(name))
            wanted[an_id(role_id)] = Allowed(Messages(messages), ticked)
    return wanted


def _ticked() -> set[UUID]:
    return {an_id(given) for name, _, _ in ROWS for given in request.form.getlist(name)}


def _as_shown(roles: Iterable[Role]) -> dict[str, object]:
    values: dict[str, object] = {}
    for role in roles:
        values[f"messages {role.id}"] = MESSAGES_WORDS[role.messages.value]
        values |= {f"{switch} {role.id}": getattr(role, switch) for switch in privileges.SWITCHES}
    return values


def _labels(roles: Iterable[Role]) -> dict[str, str]:
    fields = ("messages", *privileges.SWITCHES)
    return {f"{field} {role.id}": f"{LABELS[field]} for {role.name}" for role in roles for field in fields}


def _page(
    found: list[Role],
    allowed: Mapping[UUID, Allowed],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        counts = members.count_by_role(session, current_member().practice_id)
    return page(
        "settings/roles.html",
        "roles",
        status,
        roles=[role for role in found if role.id in allowed],
        allowed=allowed,
        counts=counts,
        errors=errors,
        overtaken_by=overtaken or [],
        shown=seen.shown(_as_shown(found)),
        messages_options=MESSAGES,
        rows=ROWS,
        new_url=url_for("settings.new_role"),
    )
