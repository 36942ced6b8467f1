"""What all settings pages share: the list at the left, how a form is read, and how a change is recorded."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.intake import ledger
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.web import render
from triage.web.auth import current_member, needs
from triage.web.render import NavLink, Toast

settings = Blueprint("settings", __name__)

SECTIONS = [
    ("practice", "Practice", "building-2", Privilege.SETTINGS),
    ("opening_hours", "Opening hours", "clock", Privilege.SETTINGS),
    ("numbers", "Numbers", "phone", Privilege.SETTINGS),
    ("texts_of_patients", "Automatic texts", "message-square", Privilege.SETTINGS),
    ("auto_assignment", "Auto-assignment", "waypoints", Privilege.SETTINGS),
    ("policy", "Security", "shield", Privilege.SETTINGS),
    ("quarantine", "Quarantine", "shield-alert", Privilege.SETTINGS),
    ("roles", "Roles", "key-round", Privilege.MEMBERS),
    ("members", "Members", "users", Privilege.MEMBERS),
    ("preferences", "Preferences", "user-round", Privilege.SIGNED_IN),
    ("security", "My sign-in", "shield-check", Privilege.SIGNED_IN),
]


@settings.get("/settings")
@needs(Privilege.SIGNED_IN)
def home() -> Response:
    """The first page that the member's role opens."""
    return redirect(links(current_member())[0].url, 303)  # type: ignore[return-value]  # werkzeug's response


def links(member: Member) -> list[NavLink]:
    return [
        NavLink(slug, name, icon, url_for(f"settings.{slug}"))
        for slug, name, icon, privilege in SECTIONS
        if member.may(privilege)
    ]


def page(template: str, section: str, status: int = 200, **context: Any) -> Response:
    """A settings page; `section` is the entry of the list that it belongs to."""
    member = current_member()
    return render.page(
        template, status, settings_links=links(member), section=section, held=_held(member), **context
    )


def _held(member: Member) -> int:
    """How many texts wait in quarantine, for who may decide."""
    if not member.may(Privilege.SETTINGS):
        return 0
    with db.reading() as session:
        return ledger.count_for_staff(session, member.practice_id)


def saved(sentence: str, endpoint: str, **values: Any) -> Response:
    """Back to a page, which says what was done."""
    return render.changed(toast=Toast(sentence), back=url_for(endpoint, **values))


def record(
    session: Session, subject: Practice | Any, action: audit.Action = audit.Action.SETTINGS_CHANGED
) -> bool:
    """Note which fields of `subject` this form changed, by name; False where it changed none."""
    state = inspect(subject)
    fields = [attribute.key for attribute in state.attrs if attribute.history.has_changes()]
    if fields:
        member = current_member()
        session.flush()
        audit.record(
            session,
            member.practice_id,
            action,
            by=member.id,
            at=clock.now(session),
            subject_id=subject.id,
            what=subject.__tablename__,
            fields=", ".join(fields),
        )
    return bool(fields)


def is_on(name: str) -> bool:
    """Whether a box was ticked."""
    return name in request.form


def whole(name: str) -> int:
    """The number in a field; -1, which no field allows, for anything else."""
    given = request.form.get(name, "").strip()
    return int(given) if given.isdecimal() and len(given) < 9 else -1


def ids(name: str) -> frozenset[UUID]:
    """The ids that were ticked; what is no id is nobody's, and is refused as such."""
    return frozenset(an_id(given) for given in request.form.getlist(name))


def an_id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        return UUID(int=0)
