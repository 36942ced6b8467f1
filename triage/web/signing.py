"""The consent form on a device that a member has handed over: nothing of the practice but the form is open to it."""

from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, Response, request
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from triage.config import settings
from triage.domain.patients import consent, consent_form
from triage.domain.patients.consent import Agreement
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import submission
from triage.domain.practice.member import Member, load_member
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound
from triage.kit.phone import for_people
from triage.web import render
from triage.web.auth import public

signing = Blueprint("signing", __name__)

HOLDS_SECONDS = 30 * 60
OVER = "This form is over. Please hand the device back."


class Handed(NamedTuple):
    """Who handed the device over, for which number, in which language; `form_id` names this one form."""

    member: Member
    use: PhoneUse
    phone: Phone
    language: str
    form_id: UUID


def token_for(member: Member, use_id: UUID, language: str) -> str:
    """What opens the form for half an hour, until it is signed."""
    return _signer().dumps([str(member.id), str(use_id), language, str(db.new_id())])


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().secret_keys[::-1], salt="consent form")


def _handed(session: Session, token: str, *, lock: bool = False) -> Handed:
    """Raises `NotFound` for what is over, was signed, or never was."""
    try:
        member_id, use_id, language, form_id = _signer().loads(token, max_age=HOLDS_SECONDS)
    except (BadData, ValueError):
        raise NotFound(OVER) from None
    member = load_member(session, UUID(member_id))
    use = session.get(PhoneUse, UUID(use_id), with_for_update=lock or None)
    if member is None or not member.is_active or use is None or use.ended_at is not None:
        raise NotFound(OVER)
    return Handed(member, use, session.get_one(Phone, use.phone_id), language, UUID(form_id))


@signing.get("/consent-form/<token>")
@public
def form(token: str) -> Response:
    with db.reading() as session:
        handed = _handed(session, token)
        if submission.is_known(session, handed.member, handed.form_id):
            raise NotFound(OVER)
    return _page(token, handed, {})


@signing.post("/consent-form/<token>")
@public
def sign(token: str) -> Response:
    """Kept once, however often it is sent."""
    with db.transaction() as session:
        handed = _handed(session, token, lock=True)
        _, words = consent_form.words_in(handed.language)
        try:
            name = consent_form.name_of(request.form.get("name", ""), words)
        except Invalid as refusal:
            return _page(token, handed, refusal.fields, 422)
        now = clock.now(session)
        first = submission.first_result(session, handed.member, handed.form_id, {"signs": token}, now=now)
        if first is None:
            agreed = Agreement(
                how=consent_form.SIGNED,
                categories=consent_form.categories_of(request.form.getlist("covers")),
                wording=_wording(handed),
                signed_by=name,
                signature=consent_form.strokes(request.form.get("signature", "")),
            )
            consent.record_consent(session, handed.phone, handed.use, agreed, by=handed.member.id, now=now)
    return render.page("signing/thanks.html", words=words, language=handed.language)


def _wording(handed: Handed) -> str:
    practice = handed.member.practice
    _, words = consent_form.words_in(handed.language)
    number = for_people(handed.phone.number, practice.region)
    return consent_form.wording(words, practice=practice.name, number=number)


def _page(token: str, handed: Handed, errors: dict[str, str], status: int = 200) -> Response:
    language, words = consent_form.words_in(handed.language)
    return render.page(
        "signing/form.html",
        status,
        token=token,
        practice=handed.member.practice.name,
        number=handed.phone.number,
        words=words,
        wording=_wording(handed),
        language=language,
        width=consent_form.WIDTH,
        height=consent_form.HEIGHT,
        longest_name=consent_form.LONGEST_NAME,
        errors=errors,
        values=request.form,
    )
