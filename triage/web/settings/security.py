"""How I sign in: password, second factor, passkeys, recovery codes, and the devices I am signed in on."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec
from uuid import UUID

import segno
from flask import Response, redirect, request, url_for
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.orm import Session

from triage import gateways
from triage.domain.access import codes, devices, factors, locking, passkeys, tokens
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, render
from triage.web.auth import (
    Gate,
    current_member,
    current_session,
    is_for_a_part,
    needs,
    now_of_request,
    plain,
    to_page,
)
from triage.web.entrance.door import in_minutes, site
from triage.web.entrance.keys import keep_question, kept_question
from triage.web.settings.pages import page, saved, settings

P = ParamSpec("P")

FILE_NAME = "triage-recovery-codes.txt"
BEFORE_THE_FACTOR = (Gate.SECOND_FACTOR,)


def fresh(view: Callable[P, Response]) -> Callable[P, Response]:
    """Only for who has shown lately who they are: an unattended desk must not change how somebody signs in."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Response:
        if current_session().is_fresh(now_of_request()):
            return view(*args, **kwargs)
        if is_for_a_part():
            return plain(({"confirm": "/security/confirmation"}, 403))
        if request.method == "POST":
            came_from = render.back() if "back" in request.form else None
            return plain(redirect(url_for("settings.confirm_page", next=came_from), 303))
        return to_page("settings.confirm_page")

    return guarded


@settings.get("/security")
@needs(Privilege.SIGNED_IN)
def security() -> Response:
    return _page()


@settings.post("/security/password")
@needs(Privilege.SIGNED_IN)
def change_password() -> Response:
    with db.transaction() as session:
        wait = sign_in.wait_before_old_password(session, current_member(), now=clock.now(session))
    if wait is not None:
        sentence = f"Too many tries. Wait {in_minutes(wait)} and try again."
        return _page({"old_password": sentence}, 429)
    try:
        said = once.run(_change_password)
    except Invalid as refusal:
        return _page(once.errors_of(refusal), 422)
    return saved(said, "settings.security")


def _change_password(session: Session) -> str:
    member, now = _me(session), clock.now(session)
    sign_in.change_own_password(
        session,
        member,
        old=request.form.get("old_password", ""),
        new=request.form.get("password", ""),
        token=current_user.token,
        now=now,
    )
    tokens.end_all(session, member, now=now)
    factors.note(session, member, "password changed", by=member, now=now)
    return "Password changed. You are signed out on every other device."


# ---- who sits there, once more


@settings.get("/security/confirmation")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
def confirm_page() -> Response:
    return _confirmation(request.args.get("next", "/security"), {})


@settings.post("/security/confirmation")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
def confirm() -> Response:
    wanted, me = request.form.get("next", "/security"), current_member()
    with db.transaction() as session:
        wait = sign_in.wait_before_old_password(session, me, now=clock.now(session))
    if wait is not None:
        sentence = f"Too many tries. Wait {in_minutes(wait)} and try again."
        return _confirmation(wanted, {"password": sentence}, 429)
    with db.transaction() as session:
        if not sign_in.is_password_of(_me(session), request.form.get("password", "")):
            return _confirmation(wanted, {"password": "This is not your password."}, 422)
        sign_in.prove_again(session, me, current_session(), now=clock.now(session))
    return render.changed(back=wanted)


def _confirmation(wanted: str, errors: dict[str, str], status: int = 200) -> Response:
    return page("settings/confirmation.html", "security", status, values={"next": wanted}, errors=errors)


# ---- the app


@settings.get("/security/app")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
def second_factor() -> Response:
    return _app_page({})


@settings.post("/security/app")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
@fresh
def begin_app() -> Response:
    def begin(session: Session) -> str:
        codes.begin(session, _me(session), vault=gateways.vault(), now=clock.now(session))
        return "Scan the code with your app."

    once.run(begin)
    return render.changed(back="/security/app")


@settings.post("/security/app/confirmation")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
def confirm_app() -> Response:
    with db.transaction() as session:
        wait = codes.wait_before_code(session, current_member(), now=clock.now(session))
    if wait is not None:
        return _app_page({"code": f"Too many tries. Wait {in_minutes(wait)} and try again."}, 429)
    shown: list[str] = []

    def confirm(session: Session) -> str:
        given, now = request.form.get("code", ""), clock.now(session)
        shown.extend(factors.confirm_app(session, _me(session), given, vault=gateways.vault(), now=now))
        return "Your app is set up. From now on you are asked for a code when you sign in."

    try:
        said = once.run(confirm)
    except Invalid as refusal:
        return _app_page(once.errors_of(refusal), 422)
    return _show_codes(shown, said)


@settings.post("/security/app/removal")
@needs(Privilege.SIGNED_IN)
@fresh
def remove_app() -> Response:
    def remove(session: Session) -> str:
        factors.remove_app(session, _me(session), now=clock.now(session))
        return "The app is removed."

    return saved(once.run(remove), "settings.security")


def _app_page(errors: Mapping[str, str], status: int = 200) -> Response:
    me, vault = current_member(), gateways.vault()
    with db.reading() as session:
        secret = codes.secret_to_show(session, me, vault=vault)
        have = factors.factors_of(session, me)
    drawing = spelled = None
    if secret is not None:
        address = codes.address_for_app(secret, login=me.login, issuer=f"Triage {me.practice.name}")
        # It is made of our own signs alone, and attributes of SVG are no styles.
        drawing = Markup(segno.make(address, error="m").svg_inline(scale=4, border=4))
        spelled = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return page(
        "settings/app.html",
        "security",
        status,
        errors=errors,
        drawing=drawing,
        spelled=spelled,
        have=have,
        is_asked=me.must_add_second_factor,
        can_have_passkeys=site().can_have_passkeys,
    )


# ---- recovery codes


@settings.post("/security/recovery-codes")
@needs(Privilege.SIGNED_IN)
@fresh
def renew_recovery_codes() -> Response:
    shown: list[str] = []

    def renew(session: Session) -> str:
        shown.extend(factors.renew_recovery_codes(session, _me(session), now=clock.now(session)))
        return "New recovery codes. The former ones are void."

    return _show_codes(shown, once.run(renew))


@settings.post("/security/recovery-codes/file")
@needs(Privilege.SIGNED_IN)
def recovery_codes_file() -> Response:
    """The codes that the page shows, given back as a file: they are stored nowhere."""
    shown, me = request.form.getlist("codes"), current_member()
    with db.reading() as session:
        if not codes.are_all_mine(session, me, shown):
            raise Invalid("These codes were used or replaced meanwhile. Make new ones.")
    lines = ["Triage recovery codes", f"{me.login}, {me.practice.name}", "Each works once.", "", *shown, ""]
    response = plain("\r\n".join(lines))
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return response


def _show_codes(shown: list[str], said: str) -> Response:
    """This once. Where there is nothing to show, back to the overview."""
    if not shown:
        return saved(said, "settings.security")
    return page("settings/recovery_codes.html", "security", shown=shown, said=said)


# ---- passkeys


@settings.post("/security/passkeys/question")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
@fresh
def ask_for_passkey() -> Response:
    with db.reading() as session:
        question = passkeys.ask_to_add(session, current_member(), site())
    return keep_question(question)


@settings.post("/security/passkeys")
@needs(Privilege.SIGNED_IN, passes=BEFORE_THE_FACTOR)
@fresh
def add_passkey() -> Response:
    shown: list[str] = []

    def add(session: Session) -> str:
        member = _me(session)
        shown.extend(
            factors.add_passkey(
                session,
                member,
                site(),
                answer=request.form.get("answer", ""),
                challenge=kept_question(),
                name=request.form.get("name", ""),
                now=clock.now(session),
            )
        )
        return "Passkey added. You can sign in with it."

    try:
        said = once.run(add)
    except Invalid as refusal:
        return _page(once.errors_of(refusal), 422)
    return _show_codes(shown, said)


@settings.post("/security/passkeys/<uuid:passkey_id>")
@needs(Privilege.SIGNED_IN)
def rename_passkey(passkey_id: UUID) -> Response:
    def rename(session: Session) -> str:
        passkeys.rename(
            passkeys.find_passkey(session, current_member(), passkey_id), request.form.get("name", "")
        )
        return "Passkey renamed."

    try:
        said = once.run(rename)
    except Invalid as refusal:
        return _page({f"name-{passkey_id}": refusal.sentence}, 422)
    return saved(said, "settings.security")


@settings.post("/security/passkeys/<uuid:passkey_id>/removal")
@needs(Privilege.SIGNED_IN)
@fresh
def remove_passkey(passkey_id: UUID) -> Response:
    def remove(session: Session) -> str:
        member = _me(session)
        passkey = passkeys.find_passkey(session, member, passkey_id)
        factors.remove_passkey(session, member, passkey, now=clock.now(session))
        return "Passkey removed. It no longer signs you in; you can delete it on your device too."

    return saved(once.run(remove), "settings.security")


# ---- the PIN of the lock screen


@settings.post("/security/pin")
@needs(Privilege.SIGNED_IN)
@fresh
def set_pin() -> Response:
    def change(session: Session) -> str:
        pin, now = request.form.get("pin_password", ""), clock.now(session)
        if not pin:
            locking.remove_pin(session, _me(session), now=now)
            return "The PIN is removed."
        locking.set_pin(session, _me(session), pin, now=now)
        return "The PIN is set. It opens pages that you have locked."

    try:
        said = once.run(change)
    except Invalid as refusal:
        return _page({"pin_password": refusal.sentence}, 422)
    return saved(said, "settings.security")


# ---- devices


@settings.post("/security/devices/<uuid:session_id>/end")
@needs(Privilege.SIGNED_IN)
def end_device(session_id: UUID) -> Response:
    def end(session: Session) -> str:
        devices.sign_out_one(session, current_member(), session_id, now=clock.now(session))
        return "That device is signed out."

    return saved(once.run(end), "settings.security")


@settings.post("/security/devices/end")
@needs(Privilege.SIGNED_IN)
def end_other_devices() -> Response:
    def end(session: Session) -> str:
        devices.sign_out_elsewhere(session, current_member(), current_user.token, now=clock.now(session))
        return "You are signed out on every other device."

    return saved(once.run(end), "settings.security")


def _me(session: Session) -> Member:
    me = current_member()
    return find_member(session, me.practice_id, me.id, lock=True)


def _page(errors: Mapping[str, str] | None = None, status: int = 200) -> Response:
    me = current_member()
    with db.reading() as session:
        now = clock.now(session)
        have = factors.factors_of(session, me)
        keys = passkeys.passkeys_of(session, me)
        mine = devices.devices_of(session, me, here=current_session().id, now=now)
    return page(
        "settings/security.html",
        "security",
        status,
        errors=errors or {},
        have=have,
        has_pin=me.pin_hash is not None,
        passkeys=keys,
        devices=mine,
        can_have_passkeys=site().can_have_passkeys,
    )
