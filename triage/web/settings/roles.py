"""One role at a time: which messages its members see, and what they may do."""

from collections.abc import Mapping
from uuid import UUID

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import staffing
from triage.domain.practice import member as members
from triage.domain.practice import privileges
from triage.domain.practice.privileges import Privilege, Role
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import an_id, is_on, page, saved, settings
from triage.web.settings.places import tasks_returned

MESSAGES = [
    ("all", "All messages", "Every message of the practice; assigns, deletes and reopens."),
    ("assigned", "Only assigned messages", "What is or was assigned to the member; replies and completes."),
    ("none", "No messages", "For people who only administer."),
]
PRIVILEGES = [
    ("dashboard", "Dashboard", "Figures of the whole practice"),
    ("settings", "Settings", "Practice, numbers, auto-assignment, quarantine"),
    ("members", "Members and roles", "Add people, change what they may do"),
    ("patients", "Patients", "Find patients and open their pages"),
    ("export", "Export", "Take messages out as files"),
    ("purge", "Remove for good", "Messages and files; a mark stays"),
    ("audit", "Access trail", "Who looked at a patient's record, and who changed it"),
]
OWN_FACILITIES = ("own_facilities_only", "Own locations only", "Other locations do not exist for this role")
MASKED = ("birth_dates_masked", "Birth dates on request", "Hidden until asked for; each look is noted")
LIMITS = (OWN_FACILITIES, MASKED)
LABELS = {"messages": "Sees and writes", "name": "Name"} | {
    name: label for name, label, _ in (*PRIVILEGES, *LIMITS)
}


@settings.get("/settings/roles/new")
@needs(Privilege.MEMBERS)
def new_role() -> Response:
    """Empty, or as a copy of another role."""
    start = request.args.get("from", "")
    if not start:
        return _page({"name": "", "messages": "all", "privileges": []}, {}, None)
    model = _find(an_id(start))
    with db.reading() as session:
        names = [role.name for role in privileges.roles_of(session, model.practice_id)]
    return _page({**_values_of(model), "name": privileges.name_of_copy(names, model.name)}, {}, None)


@settings.post("/settings/roles/new")
@needs(Privilege.MEMBERS)
def add_role() -> Response:
    return _save(None)


@settings.get("/settings/roles/<uuid:role_id>")
@needs(Privilege.MEMBERS)
def role(role_id: UUID) -> Response:
    found = _find(role_id)
    return _page(_values_of(found), {}, found)


@settings.post("/settings/roles/<uuid:role_id>")
@needs(Privilege.MEMBERS)
def change_role(role_id: UUID) -> Response:
    return _save(_find(role_id))


@settings.post("/settings/roles/<uuid:role_id>/removal")
@needs(Privilege.MEMBERS)
def remove_role(role_id: UUID) -> Response:
    def remove(session: Session) -> str:
        by = current_member()
        role = privileges.find_role(session, by.practice_id, role_id, lock=True)
        staffing.remove_role(session, role, by=by)
        return f"{role.name} is removed."

    return saved(once.run(remove), "settings.roles")


def _find(role_id: UUID) -> Role:
    with db.reading() as session:
        return privileges.find_role(session, current_member().practice_id, role_id)


def _values_of(role: Role) -> dict[str, object]:
    return {
        "name": role.name,
        "messages": role.messages.value,
        "privileges": [name for name, _, _ in PRIVILEGES if getattr(role, name)],
        **{name: getattr(role, name) for name, _, _ in LIMITS},
    }


def _as_shown(role: Role) -> dict[str, object]:
    switches = {switch: getattr(role, switch) for switch in privileges.SWITCHES}
    return {"name": role.name, "messages": role.messages.value, **switches}


def _given() -> dict[str, object]:
    return {
        "name": request.form.get("name", ""),
        "messages": request.form.get("messages", ""),
        "privileges": request.form.getlist("privileges"),
        **{name: is_on(name) for name, _, _ in LIMITS},
    }


def _save(opened: Role | None) -> Response:
    def save(session: Session) -> str:
        by = current_member()
        role = privileges.find_role(session, by.practice_id, opened.id, lock=True) if opened else None
        if role is not None:
            seen.check(_as_shown(role), LABELS)
        limits = {name for name, _, _ in LIMITS if is_on(name)}
        _, returned = staffing.save_role(
            session,
            role,
            name=request.form.get("name", ""),
            messages=request.form.get("messages", ""),
            switches=set(request.form.getlist("privileges")) | limits,
            by=by,
        )
        return ("Role saved." if opened else "Role added.") + tasks_returned(returned)

    try:
        said = once.run(save)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), opened, 422)
    except seen.Overtaken as refusal:
        assert opened is not None
        return _page(_given(), {}, _find(opened.id), 409, overtaken=refusal.changes)
    is_mine = opened is not None and opened.id == current_member().role_id
    return saved(said, "settings.home" if is_mine else "settings.roles")


def _page(
    values: Mapping[str, object],
    errors: Mapping[str, str],
    role: Role | None,
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        held_by = members.count_with_role(session, role) if role else 0
    return page(
        "settings/role.html",
        "roles",
        status,
        values=values,
        errors=errors,
        overtaken_by=overtaken or [],
        shown=seen.shown(_as_shown(role)) if role else None,
        heading_text=role.name if role else "New role",
        role=role,
        held_by=held_by,
        messages_options=MESSAGES,
        privilege_options=PRIVILEGES,
        back_url=url_for("settings.roles"),
    )
