"""Where the links of letters lead: an invitation that is accepted, a password that is chosen anew."""

from flask import Response, redirect, request, url_for

from triage import gateways
from triage.config import settings
from triage.domain.access import invitations, resets
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import How
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import render
from triage.web.auth import plain, public
from triage.web.entrance.door import auth, let_in, onwards, step_in


@auth.get("/invitations/<token>")
@public
def invitation(token: str) -> Response:
    """Looking uses nothing up: programs that check the links of letters come before the person does."""
    with db.reading() as session:
        member = invitations.invited(session, token, now=clock.now(session))
    return _invitation(member, {})


@auth.post("/invitations/<token>", endpoint="accept")
@public
def accept(token: str) -> Response:
    try:
        with db.transaction() as session:
            now = clock.now(session)
            member = invitations.accept(session, token, request.form.get("password", ""), now=now)
            signed_in = step_in(session, member, how=How.LETTER, now=now)
    except Invalid as refusal:
        with db.reading() as session:
            invited = invitations.invited(session, token, now=clock.now(session))
        return _invitation(invited, refusal.fields, 422)
    let_in(signed_in, member)
    render.flash_toast(render.Toast(f"Welcome to {member.practice.name}. Make your sign-in safer here."))
    return onwards(url_for("settings.security"))


def _invitation(member: Member, errors: dict[str, str], status: int = 200) -> Response:
    return render.page("auth/invitation.html", status, member=member, errors=errors)


@auth.get("/password-reset")
@public
def ask_reset_page() -> Response:
    return render.page("auth/ask_reset.html", is_asked=False, can_mail=settings().can_mail)


@auth.post("/password-reset", endpoint="ask_reset")
@public
def ask_reset() -> Response:
    """One answer, after the same work, whoever is meant."""
    if settings().can_mail:
        with db.transaction() as session:
            resets.ask(
                session,
                request.form.get("login", ""),
                request.remote_addr or "",
                vault=gateways.vault(),
                now=clock.now(session),
            )
    return render.page("auth/ask_reset.html", is_asked=True, can_mail=settings().can_mail)


@auth.get("/password-reset/<token>")
@public
def reset_page(token: str) -> Response:
    with db.reading() as session:
        member = resets.who_resets(session, token, now=clock.now(session))
    return _reset(member, {})


@auth.post("/password-reset/<token>", endpoint="reset")
@public
def reset(token: str) -> Response:
    try:
        with db.transaction() as session:
            password, now = request.form.get("password", ""), clock.now(session)
            resets.reset(session, token, password, vault=gateways.vault(), now=now)
    except Invalid as refusal:
        with db.reading() as session:
            member = resets.who_resets(session, token, now=clock.now(session))
        return _reset(member, refusal.fields, 422)
    return plain(redirect(url_for("auth.sign_in", done="password"), 303))


def _reset(member: Member, errors: dict[str, str], status: int = 200) -> Response:
    return render.page("auth/reset.html", status, member=member, errors=errors)
