"""Roles: which messages their members see, and what they may do."""

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
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import is_on, page, saved, settings
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
]


@settings.get("/settings/roles")
@needs(Privilege.MEMBERS)
def roles() -> Response:
    with db.reading() as session:
        found = privileges.roles_of(session, current_member().practice_id)
        counts = members.count_by_role(session, current_member().practice_id)
    return page(
        "settings/roles.html",
        "roles",
        roles=found,
        counts=counts,
        messages_words={"all": "All", "assigned": "Only assigned", "none": "None"},
        privilege_options=PRIVILEGES,
        new_url=url_for("settings.new_role"),
    )


@settings.get("/settings/roles/new")
@needs(Privilege.MEMBERS)
def new_role() -> Response:
    return _page({"name": "", "messages": "all", "privileges": []}, {}, None)


@settings.post("/settings/roles/new")
@needs(Privilege.MEMBERS)
def add_role() -> Response:
    return _save(None)


@settings.get("/settings/roles/<uuid:role_id>")
@needs(Privilege.MEMBERS)
def role(role_id: UUID) -> Response:
    found = _find(role_id)
    values = {
        "name": found.name,
        "messages": found.messages.value,
        "privileges": [name for name, _, _ in PRIVILEGES if getattr(found, name)],
        "own_facilities_only": found.own_facilities_only,
    }
    return _page(values, {}, found)


@settings.post("/settings/roles/<uuid:role_id>")
@needs(Privilege.MEMBERS)
def change_role(role_id: UUID) -> Response:
    return _save(_find(role_id))


def _find(role_id: UUID) -> Role:
    with db.reading() as session:
        return privileges.find_role(session, current_member().practice_id, role_id)


def _save(shown: Role | None) -> Response:
    def save(session: Session) -> str:
        by = current_member()
        role = privileges.find_role(session, by.practice_id, shown.id, lock=True) if shown else None
        own = {"own_facilities_only"} if is_on("own_facilities_only") else set()
        _, returned = staffing.save_role(
            session,
            role,
            name=request.form.get("name", ""),
            messages=request.form.get("messages", ""),
            switches=set(request.form.getlist("privileges")) | own,
            by=by,
        )
        return ("Role saved." if shown else "Role added.") + tasks_returned(returned)

    try:
        said = once.run(save)
    except Invalid as refusal:
        values = {
            "name": request.form.get("name", ""),
            "messages": request.form.get("messages", ""),
            "privileges": request.form.getlist("privileges"),
            "own_facilities_only": is_on("own_facilities_only"),
        }
        return _page(values, once.errors_of(refusal), shown, 422)
    is_mine = shown is not None and shown.id == current_member().role_id
    return saved(said, "settings.home" if is_mine else "settings.roles")


def _page(
    values: Mapping[str, object], errors: Mapping[str, str], role: Role | None, status: int = 200
) -> Response:
    return page(
        "settings/role.html",
        "roles",
        status,
        values=values,
        errors=errors,
        heading_text=role.name if role else "New role",
        is_new=role is None,
        is_built_in=role is not None and role.is_built_in,
        messages_options=MESSAGES,
        privilege_options=PRIVILEGES,
        back_url=url_for("settings.roles"),
    )
