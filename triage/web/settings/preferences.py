"""A member's own look, keys, notices and availability."""

from collections.abc import Mapping

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.practice import member as members
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.privileges import Privilege
from triage.kit.errors import Invalid
from triage.web import once
from triage.web.auth import current_member, needs
from triage.web.settings.pages import is_on, page, record, saved, settings

CHOICES = ("theme", "density", "notify_sound", "notify_popup", "notify_tune", "notify_verification")
QUIET = ("quiet_from", "quiet_until")
SWITCHES = ("notify_unread", "single_keys", "enter_sends", "is_away", "is_available_for_chat")


@settings.get("/preferences")
@needs(Privilege.SIGNED_IN)
def preferences() -> Response:
    return _page(_values_of(current_member()))


@settings.post("/preferences")
@needs(Privilege.SIGNED_IN)
def change_preferences() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        given = {choice: request.form.get(choice, "") for choice in (*CHOICES, *QUIET)}
        values = {**given, **{switch: is_on(switch) for switch in SWITCHES}}
        return _page(values, once.errors_of(refusal), status=422)
    return saved(said, "settings.preferences")


def _change(session: Session) -> str:
    member = _me(session)
    members.change_preferences(
        member,
        theme=request.form.get("theme", ""),
        density=request.form.get("density", ""),
        notify_sound=request.form.get("notify_sound", ""),
        notify_popup=request.form.get("notify_popup", ""),
        notify_tune=request.form.get("notify_tune", ""),
        notify_verification=request.form.get("notify_verification", member.notify_verification.value),
        quiet_from=request.form.get("quiet_from", ""),
        quiet_until=request.form.get("quiet_until", ""),
        notify_unread=is_on("notify_unread"),
        single_keys=is_on("single_keys"),
        enter_sends=is_on("enter_sends"),
        is_available_for_chat=is_on("is_available_for_chat"),
        is_away=is_on("is_away"),
    )
    is_changed = record(session, member, audit.Action.PREFERENCES_CHANGED)
    if is_on("notify_unread") and not member.notify_unread:
        return "Preferences saved, without the reminder: new patient messages are off."
    return "Preferences saved." if is_changed else "Nothing was different."


def _me(session: Session) -> Member:
    me = current_member()
    return find_member(session, me.practice_id, me.id, lock=True)


def _values_of(member: Member) -> dict[str, object]:
    quiet = {field: getattr(member, field) for field in QUIET}
    return {
        **{field: getattr(member, field) for field in (*CHOICES, *SWITCHES)},
        **{field: f"{at:%H:%M}" if at else "" for field, at in quiet.items()},
    }


def _page(
    values: Mapping[str, object],
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    return page(
        "settings/preferences.html",
        "preferences",
        status,
        values=values,
        errors=errors or {},
        time_zone=current_member().practice.time_zone.replace("_", " "),
    )
