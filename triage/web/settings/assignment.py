"""Who gets a new message: the rules, in their order."""

from collections.abc import Mapping

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.practice import practice as practices
from triage.domain.practice.privileges import Privilege
from triage.kit.errors import Invalid
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import is_on, page, record, saved, settings, whole


@settings.get("/settings/auto-assignment")
@needs(Privilege.SETTINGS)
def auto_assignment() -> Response:
    practice = current_member().practice
    values = {
        "last_sender": practice.assign_last_sender,
        "last_sender_days": practice.last_sender_days,
        "care_team": practice.assign_care_team,
    }
    return _page(values, {})


@settings.post("/settings/auto-assignment")
@needs(Privilege.SETTINGS)
def change_auto_assignment() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        values = {
            "last_sender": is_on("last_sender"),
            "last_sender_days": request.form.get("last_sender_days", ""),
            "care_team": is_on("care_team"),
        }
        return _page(values, once.errors_of(refusal), 422)
    return saved(said, "settings.auto_assignment")


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    practices.change_assignment_rules(
        practice,
        last_sender=is_on("last_sender"),
        last_sender_days=whole("last_sender_days"),
        care_team=is_on("care_team"),
    )
    return (
        "Rules saved. They hold from the next text on."
        if record(session, practice)
        else "Nothing was different."
    )


def _page(values: Mapping[str, object], errors: Mapping[str, str], status: int = 200) -> Response:
    return page("settings/auto_assignment.html", "auto_assignment", status, values=values, errors=errors)
