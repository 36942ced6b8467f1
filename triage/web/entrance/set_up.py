"""The first page of a fresh installation; once there is a practice, there is nothing here."""

from zoneinfo import available_timezones

from flask import Response, request, url_for

from triage.config import settings
from triage.domain.access import set_up as setting_up
from triage.domain.access.set_up import Wanted
from triage.domain.practice.practice import SecondFactor
from triage.domain.practice.sign_in import How
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound
from triage.web import render
from triage.web.auth import public
from triage.web.entrance.door import auth, in_minutes, let_in, onwards, step_in

AT_FIRST = {"kind": "human", "time_zone": "America/New_York", "region": "US"}


@auth.get("/set-up")
@public
def set_up_page() -> Response:
    _refuse_when_done()
    return _page(AT_FIRST, {})


@auth.post("/set-up", endpoint="set_up")
@public
def set_up_now() -> Response:
    _refuse_when_done()
    given = {name: request.form.get(name, "") for name in ("code", *Wanted._fields)}
    with db.transaction() as session:
        wait = setting_up.wait_before_code(session, request.remote_addr or "", now=clock.now(session))
    if wait is not None:
        return _page(given, {"code": f"Too many tries. Wait {in_minutes(wait)} and try again."}, 429)
    wanted = Wanted(*(given[name] for name in Wanted._fields))
    policy = SecondFactor.EVERYBODY if settings().is_production else SecondFactor.OFFERED
    try:
        with db.transaction() as session:
            now = clock.now(session)
            member = setting_up.set_up(session, given["code"], wanted, second_factor=policy, now=now)
            token = step_in(session, member, how=How.PASSWORD, now=now)
    except Invalid as refusal:
        return _page(given, refusal.fields or {"": refusal.sentence}, 422)
    let_in(token, member)
    render.flash_toast(render.Toast(f"{member.practice.name} is there. Next: its number, and its people."))
    return onwards(url_for("settings.practice"))


def _refuse_when_done() -> None:
    with db.reading() as session:
        if not setting_up.is_needed(session):
            raise NotFound


def _page(values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    zones = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return render.page(
        "auth/set_up.html",
        status,
        values={name: value for name, value in values.items() if name != "password"},
        errors=errors,
        time_zones=[(name, name.replace("_", " ")) for name in ["UTC", *zones]],
    )
