"""What all ways in share: the blueprint, the half-finished sign-in, and stepping in."""

from datetime import datetime, timedelta

from flask import Blueprint, Response, g, redirect, request, session
from flask_login import login_user
from sqlalchemy.orm import Session

from triage.config import settings
from triage.domain.access import entering
from triage.domain.access.passkeys import Site
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import How
from triage.kit import metrics
from triage.web import render
from triage.web.auth import SignedIn, plain

auth = Blueprint("auth", __name__)

# Time to find the phone.
HALF_WAY_HOLDS = timedelta(minutes=10)


def site() -> Site:
    """Where passkeys work."""
    return Site(settings().public_url)


def go_half_way(member: Member, *, now: datetime) -> None:
    """The password was right; the signed cookie remembers it for a few minutes."""
    session["half_way"] = [str(member.id), entering.mark_of(member), now.timestamp()]


def who_is_half_way(session_: Session, *, now: datetime) -> Member | None:
    """Who gave the right password in this browser a few minutes ago."""
    member_id, mark, at = session.get("half_way") or ("", "", 0.0)
    if now.timestamp() > at + HALF_WAY_HOLDS.total_seconds():
        return None
    return entering.half_way(session_, member_id, mark)


def step_in(session_: Session, member: Member, *, how: How, now: datetime) -> str:
    """A session in the database; give its token to `let_in` once it is committed."""
    browser = request.headers.get("User-Agent", "")
    return entering.enter(session_, member, how=how, browser=browser, now=now)


def let_in(token: str, member: Member) -> None:
    """This browser is signed in; whatever its cookie held before is gone."""
    metrics.SIGN_INS.labels("accepted").inc()
    session.clear()
    # The token for forms that was made for this request belongs to the cookie that was thrown away.
    for name in ("csrf_token", "csrf_valid"):
        g.pop(name, None)
    login_user(SignedIn(token, member))


def onwards(wanted: str) -> Response:
    return plain(redirect(render.local_path(wanted or "/"), 303))


def in_minutes(wait: timedelta) -> str:
    """As a sentence goes on: "Wait 5 minutes"."""
    seconds = wait.total_seconds()
    if seconds < 60:
        return f"{max(1, round(seconds))} seconds"
    minutes = round(seconds / 60)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
