"""Signing in with login and password, and signing out."""

from datetime import timedelta
from typing import NamedTuple

from flask import Response, redirect, request, session, url_for
from flask_login import current_user, logout_user

from triage.config import settings
from triage.domain import audit
from triage.domain.access import set_up
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Privilege
from triage.domain.practice.sign_in import How
from triage.kit import clock, db, metrics
from triage.web import render
from triage.web.auth import Gate, current_member, needs, plain, public
from triage.web.entrance.door import auth, go_half_way, in_minutes, let_in, onwards, site, step_in

DEMO_SIGN_INS = [
    ("jo", "front desk, all messages"),
    ("dana", "nurse, all messages"),
    ("sato", "clinician, only assigned messages"),
    ("sam", "supervisor"),
    ("ada", "practice admin"),
    ("vera", "front desk of the veterinary practice"),
]
DEMO_PASSWORD = "triage-demo"
WRONG = "That login and password do not fit. Check both and try again."


class Tried(NamedTuple):
    """What came of a login and a password. `token`: signed in; without one a second factor is asked for."""

    member: Member | None = None
    token: str = ""
    wait: timedelta | None = None

    @property
    def sentence(self) -> str:
        """Why it did not work."""
        return f"Too many tries. Wait {in_minutes(self.wait)} and try again." if self.wait else WRONG

    @property
    def status(self) -> int:
        return 429 if self.wait else 422


def try_password(login: str, password: str, *, only: str = "") -> Tried:
    """Counted before it is looked at. `only`: the id of the one member who may come in here."""
    with db.transaction() as session_:
        now = clock.now(session_)
        wait = sign_in.wait_before_trying(session_, login, request.remote_addr or "", now=now)
    if wait is not None:
        metrics.SIGN_INS.labels("throttled").inc()
        return Tried(wait=wait)
    with db.transaction() as session_:
        member = sign_in.check_password(session_, login, password)
        now = clock.now(session_)
        if member is None or (only and str(member.id) != only):
            metrics.SIGN_INS.labels("refused").inc()
            return Tried()
        if member.second_factor_at is not None:
            go_half_way(member, now=now)
            return Tried(member)
        return Tried(member, step_in(session_, member, how=How.PASSWORD, now=now))


@auth.get("/sign-in")
@public
def sign_in_page() -> Response:
    if current_user.is_authenticated:
        return plain(redirect(url_for("inbox.home"), 303))
    with db.reading() as session_:
        if set_up.is_needed(session_):
            return plain(redirect(url_for("auth.set_up_page"), 303))
    return form_page({"next": request.args.get("next", "")}, {})


@auth.post("/sign-in", endpoint="sign_in")
@public
def sign_in_now() -> Response:
    login, wanted = request.form.get("login", ""), request.form.get("next", "")
    tried = try_password(login, request.form.get("password", ""))
    if tried.member is None:
        return form_page({"login": login, "next": wanted}, {"": tried.sentence}, tried.status)
    if not tried.token:
        return plain(redirect(url_for("auth.code_page", next=wanted or None), 303))
    let_in(tried.token, tried.member)
    return onwards(wanted)


@auth.post("/sign-out")
@needs(Privilege.SIGNED_IN, passes=tuple(Gate))
def sign_out() -> Response:
    member = current_member()
    with db.transaction() as session_:
        now = clock.now(session_)
        sign_in.end_session(session_, current_user.token, now=now)
        audit.record(session_, member.practice_id, audit.Action.SIGNED_OUT, by=member.id, at=now)
    logout_user()
    session.clear()
    response = plain(redirect(url_for("auth.sign_in"), 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def form_page(values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    is_demo = settings().environment == "demo"
    return render.page(
        "auth/sign_in.html",
        status,
        values=values,
        errors=errors,
        is_changed=request.args.get("done") == "password",
        can_have_passkeys=site().can_have_passkeys,
        demo_sign_ins=DEMO_SIGN_INS if is_demo else [],
        demo_password=DEMO_PASSWORD,
    )
