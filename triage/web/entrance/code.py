"""The second step of signing in: a code of the app, or one from paper."""

from datetime import timedelta
from typing import NamedTuple

from flask import Response, request

from triage import gateways
from triage.domain.access import codes, entering, factors
from triage.domain.access.factors import Factors
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import How
from triage.kit import clock, db, metrics
from triage.web import render
from triage.web.auth import ask_to_sign_in, public
from triage.web.entrance.door import auth, in_minutes, let_in, onwards, step_in, who_is_half_way

WRONG = "This code is not right, or was used before. Take the one that the app shows now."


class Tried(NamedTuple):
    """What came of a code. No `member`: the first step is too long ago."""

    member: Member | None = None
    token: str = ""
    how: How | None = None
    wait: timedelta | None = None

    @property
    def sentence(self) -> str:
        return f"Too many tries. Wait {in_minutes(self.wait)} and try again." if self.wait else WRONG

    @property
    def status(self) -> int:
        return 429 if self.wait else 422


def try_code(given: str, *, only: str = "") -> Tried:
    """Counted before it is looked at. `only`: the id of the one member who may come in here."""
    with db.transaction() as session:
        now = clock.now(session)
        member = who_is_half_way(session, now=now)
        wait = codes.wait_before_code(session, member, now=now) if member else None
    if member is None or (only and str(member.id) != only):
        return Tried()
    if wait is not None:
        metrics.SIGN_INS.labels("throttled").inc()
        return Tried(member, wait=wait)
    with db.transaction() as session:
        now = clock.now(session)
        how = codes.check(session, member, given, vault=gateways.vault(), now=now)
        if how is None:
            entering.refuse(session, member, now=now, why="second factor")
            metrics.SIGN_INS.labels("refused").inc()
            return Tried(member)
        return Tried(member, step_in(session, member, how=how, now=now), how)


@auth.get("/sign-in/code")
@public
def code_page() -> Response:
    with db.reading() as session:
        member = who_is_half_way(session, now=clock.now(session))
        have = factors.factors_of(session, member) if member else None
    if have is None:
        return ask_to_sign_in()
    return _page(have, request.args.get("next", ""), {})


@auth.post("/sign-in/code", endpoint="code")
@public
def code_now() -> Response:
    wanted = request.form.get("next", "")
    tried = try_code(request.form.get("code", ""))
    if tried.member is None:
        return ask_to_sign_in()
    if not tried.token:
        with db.reading() as session:
            have = factors.factors_of(session, tried.member)
        return _page(have, wanted, {"code": tried.sentence}, tried.status)
    let_in(tried.token, tried.member)
    if tried.how is How.RECOVERY_CODE:
        render.flash_toast(render.Toast("Signed in with a recovery code, which is used up now."))
    return onwards(wanted)


def _page(have: Factors, wanted: str, errors: dict[str, str], status: int = 200) -> Response:
    return render.page("auth/code.html", status, have=have, values={"next": wanted}, errors=errors)
