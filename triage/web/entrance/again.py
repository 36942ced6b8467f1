"""Signing in again over an open page whose session has ended: the same person, and nothing typed is lost."""

from flask import Response, request
from flask_login import current_user

from triage.domain.access import factors
from triage.domain.practice.member import Member
from triage.kit import db
from triage.web import render
from triage.web.auth import public
from triage.web.entrance.code import try_code
from triage.web.entrance.door import auth, let_in
from triage.web.entrance.password import try_password

WRONG = "That is not the password of the person whose page this is."


@auth.get("/sign-in/again")
@public
def again() -> Response:
    """The form, with a token for forms of its own: the page's belongs to a session that has ended."""
    if current_user.is_authenticated:
        return _inside(current_user.member)
    return _form("password")


@auth.post("/sign-in/again", endpoint="again_now")
@public
def again_now() -> Response:
    """`member_id` is of the page: nobody else comes in under it."""
    member_id = request.form.get("member_id", "")
    tried = try_password(
        request.form.get("login", ""), request.form.get("password", ""), only=member_id or "-"
    )
    if tried.member is None:
        return _form("password", {"password": tried.sentence if tried.wait else WRONG}, tried.status)
    if not tried.token:
        return _form("code", member=tried.member)
    let_in(tried.token, tried.member)
    return _inside(tried.member)


@auth.post("/sign-in/again/code", endpoint="again_code")
@public
def again_code() -> Response:
    """Another tab may have begun to sign in somebody else."""
    tried = try_code(request.form.get("code", ""), only=request.form.get("member_id", "") or "-")
    if tried.member is None:
        return _form("password")
    if not tried.token:
        return _form("code", {"code": tried.sentence}, tried.status, member=tried.member)
    let_in(tried.token, tried.member)
    return _inside(tried.member)


def _form(
    step: str, errors: dict[str, str] | None = None, status: int = 200, *, member: Member | None = None
) -> Response:
    have = None
    if member is not None:
        with db.reading() as session:
            have = factors.factors_of(session, member)
    return render.fragment("auth/_again.html", status, step=step, errors=errors or {}, have=have)


def _inside(member: Member) -> Response:
    return render.fragment("auth/_inside.html", member_id=member.id)
