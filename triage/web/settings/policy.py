"""What the practice asks of everybody who signs in."""

from collections.abc import Mapping

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.practice import member as members
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import page, record, saved, settings, whole

FIELDS = ("second_factor", "lock_minutes")


@settings.get("/settings/security")
@needs(Privilege.SETTINGS)
def policy() -> Response:
    return _page(_values_of(current_member().practice), {})


@settings.post("/settings/security")
@needs(Privilege.SETTINGS)
def change_policy() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        given = {field: request.form.get(field, "") for field in FIELDS}
        return _page(given, once.errors_of(refusal), 422)
    return saved(said, "settings.policy")


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    practices.change_security(
        practice, second_factor=request.form.get("second_factor", ""), lock_minutes=whole("lock_minutes")
    )
    return "Security saved." if record(session, practice) else "Nothing was different."


def _values_of(practice: Practice) -> dict[str, object]:
    return {field: getattr(practice, field) for field in FIELDS}


def _page(values: Mapping[str, object], errors: Mapping[str, str], status: int = 200) -> Response:
    with db.reading() as session:
        people = [one for one in members.members_of(session, current_member().practice_id) if one.is_active]
    without = [one for one in people if one.second_factor_at is None]
    return page(
        "settings/policy.html",
        "policy",
        status,
        values=values,
        errors=errors,
        people=len(people),
        without=without,
    )
