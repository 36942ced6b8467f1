"""Locking a page of a shared desk, and opening it again with a PIN, the password or a passkey."""

from flask import Response, redirect, request, session, url_for
from flask_login import current_user, logout_user

from triage.domain.access import locking, passkeys
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import render
from triage.web.auth import Gate, current_member, current_session, is_locked, needs, plain, to_page
from triage.web.entrance.door import auth, onwards, site
from triage.web.entrance.keys import keep_question, kept_question

GATES = tuple(Gate)
WRONG = "That is not it. After five wrong tries you are signed out."


@auth.post("/lock")
@needs(Privilege.SIGNED_IN, is_activity=False, passes=GATES)
def lock() -> Response:
    with db.transaction() as session_:
        locking.lock(session_, current_session(), now=clock.now(session_))
    if render.is_partial():
        return _cover({})
    wanted = render.local_path(request.form.get("back", "/"))
    return plain(redirect(url_for("auth.locked", next=wanted), 303))


@auth.get("/locked")
@needs(Privilege.SIGNED_IN, is_activity=False, passes=GATES)
def locked() -> Response:
    """As a page, for who has no scripts or loads a page anew; as a part, for the page that hides itself."""
    if render.is_partial():
        return (
            _cover({}) if is_locked() else render.fragment("auth/_inside.html", member_id=current_member().id)
        )
    return _page({}) if is_locked() else onwards(request.args.get("next", ""))


@auth.post("/unlock")
@needs(Privilege.SIGNED_IN, is_activity=False, passes=GATES)
def unlock() -> Response:
    me, signed_in = current_member(), current_session()
    with db.transaction() as session_:
        has_tries = locking.has_tries_left(session_, me, signed_in, now=clock.now(session_))
    if not has_tries:
        return _out()
    with db.transaction() as session_:
        if locking.is_key(me, request.form.get("secret", "")):
            locking.unlock(session_, signed_in, now=clock.now(session_))
            return _in()
    return _again(WRONG)


@auth.post("/unlock/passkey/question", endpoint="unlock_question")
@needs(Privilege.SIGNED_IN, is_activity=False, passes=GATES)
def unlock_question() -> Response:
    with db.reading() as session_:
        return keep_question(passkeys.ask_to_sign_in(session_, site(), member=current_member()))


@auth.post("/unlock/passkey", endpoint="unlock_by_passkey")
@needs(Privilege.SIGNED_IN, is_activity=False, passes=GATES)
def unlock_by_passkey() -> Response:
    try:
        with db.transaction() as session_:
            now = clock.now(session_)
            answer = request.form.get("answer", "")
            member = passkeys.check(session_, site(), answer=answer, challenge=kept_question(), now=now)
            if member.id != current_member().id:
                raise Invalid("That passkey is of somebody else.")
            locking.unlock(session_, current_session(), now=now)
    except Invalid as refusal:
        return _again(refusal.sentence)
    return _in()


@auth.post("/session/renewal", endpoint="renew")
@needs(Privilege.SIGNED_IN)
def renew() -> Response:
    """Somebody types or reads: the page says so, because nothing else asks the server for a while."""
    return plain(("", 204))


def _in() -> Response:
    if render.is_partial():
        return render.fragment("auth/_inside.html", member_id=current_member().id)
    return onwards(request.form.get("next", ""))


def _again(sentence: str) -> Response:
    errors = {"secret": sentence}
    return _cover(errors, 422) if render.is_partial() else _page(errors, 422)


def _out() -> Response:
    logout_user()
    session.clear()
    if render.is_partial():
        return render.fragment("auth/_again.html", step="password", errors={}, have=None)
    return to_page("auth.sign_in")


def _cover(errors: dict[str, str], status: int = 200) -> Response:
    return render.fragment("auth/_locked.html", status, errors=errors, **_ways())


def _page(errors: dict[str, str], status: int = 200) -> Response:
    wanted = request.form.get("next") or request.args.get("next", "")
    return render.page(
        "auth/locked.html", status, member=current_member(), errors=errors, wanted=wanted, **_ways()
    )


def _ways() -> dict[str, bool]:
    """How this member may unlock."""
    me = current_user.member
    with db.reading() as session_:
        has_passkeys = site().can_have_passkeys and passkeys.count_passkeys(session_, me) > 0
    return {"has_pin": me.pin_hash is not None, "has_passkeys": has_passkeys}
