"""Signing in with a passkey: the question for the browser, and its answer."""

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from triage.config import settings
from triage.domain.access import passkeys
from triage.domain.access.passkeys import CHALLENGE_HOLDS, Question
from triage.domain.practice.sign_in import How
from triage.kit import clock, db, metrics
from triage.kit.errors import Invalid
from triage.web import render
from triage.web.auth import public
from triage.web.entrance.door import auth, let_in, onwards, site, step_in, who_is_half_way
from triage.web.entrance.password import form_page


def keep_question(question: Question) -> Response:
    """The challenge waits in a signed cookie of its own: the page asks by itself, also while somebody signs in
    with a password, and its answer must not bring back the session as it was before."""
    response = Response(question.options, content_type="application/json")
    response.set_cookie(
        _cookie(),
        _signer().dumps(question.challenge),
        max_age=CHALLENGE_HOLDS,
        secure=settings().is_https,
        httponly=True,
        samesite="Strict",
    )
    return response


def kept_question() -> str:
    """The challenge of a few minutes ago; empty where there is none, which fits no answer."""
    try:
        challenge: str = _signer().loads(
            request.cookies.get(_cookie(), ""), max_age=int(CHALLENGE_HOLDS.total_seconds())
        )
    except BadData:
        return ""
    return challenge


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-passkey"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_keys[::-1], salt="passkey question")


@auth.post("/sign-in/passkey/question", endpoint="passkey_question")
@public
def question() -> Response:
    """For anybody's passkey; after the password for one of that member."""
    with db.reading() as session_:
        member = who_is_half_way(session_, now=clock.now(session_))
        return keep_question(passkeys.ask_to_sign_in(session_, site(), member=member))


@auth.post("/sign-in/passkey", endpoint="passkey")
@public
def sign_in_with_passkey() -> Response:
    """A form like any other; a page that signs in again (`member_id`) gets a part instead of a redirect."""
    only = request.form.get("member_id", "")
    try:
        with db.transaction() as session_:
            now = clock.now(session_)
            answer = request.form.get("answer", "")
            member = passkeys.check(session_, site(), answer=answer, challenge=kept_question(), now=now)
            if only and str(member.id) != only:
                raise Invalid("That passkey is of another person than this page.")
            token = step_in(session_, member, how=How.PASSKEY, now=now)
    except Invalid as refusal:
        metrics.SIGN_INS.labels("refused").inc()
        return _refused(refusal, is_again=bool(only))
    let_in(token, member)
    if only:
        return render.fragment("auth/_inside.html", member_id=member.id)
    return onwards(request.form.get("next", ""))


def _refused(refusal: Invalid, *, is_again: bool) -> Response:
    errors = {"": refusal.sentence}
    if is_again:
        return render.fragment("auth/_again.html", 422, step="password", errors=errors, have=None)
    return form_page({"next": request.form.get("next", "")}, errors, 422)
