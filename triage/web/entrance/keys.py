"""Signing in with a passkey: the question for the browser, and its answer."""

from datetime import datetime

from flask import Response, request, session

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
    """The challenge waits in the signed cookie; whoever has that cannot use it twice."""
    with db.reading() as session_:
        session["passkey"] = [question.challenge, clock.now(session_).timestamp()]
    return Response(question.options, content_type="application/json")


def kept_question(now: datetime) -> str:
    """The challenge of a few minutes ago; empty where there is none, which fits no answer."""
    challenge, at = session.pop("passkey", None) or ("", 0.0)
    return challenge if now.timestamp() <= at + CHALLENGE_HOLDS.total_seconds() else ""


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
            member = passkeys.check(session_, site(), answer=answer, challenge=kept_question(now), now=now)
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
