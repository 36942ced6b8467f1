"""The texts that patients get by themselves: what they say, how long they are, and a practice's own words."""

from collections.abc import Mapping
from typing import NamedTuple

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import audit, wording
from triage.domain.conversations import segments
from triage.domain.conversations.segments import Size
from triage.domain.patients import consent
from triage.domain.practice import practice as practices
from triage.domain.practice import texts
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import Text
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, render
from triage.web.auth import current_member, needs
from triage.web.settings import seen
from triage.web.settings.pages import page, saved, settings

# What a colleague may have written above a signature.
SAMPLE = "See you at nine."


class Shown(NamedTuple):
    """One text as the page has it: the words in the form, and what somebody would get."""

    text: Text
    body: str
    is_own: bool
    preview: str
    size: Size


@settings.get("/settings/texts")
@needs(Privilege.SETTINGS)
def texts_of_patients() -> Response:
    return _page({}, {})


@settings.post("/settings/texts")
@needs(Privilege.SETTINGS)
def change_text() -> Response:
    def change(session: Session) -> str:
        text = texts.find_text(request.form.get("text", ""))
        return _save(session, text, request.form.get("body", ""))

    try:
        said = once.run(change)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _page(_given(), {}, 409, overtaken=refusal.changes)
    return saved(said, "settings.texts_of_patients")


@settings.post("/settings/texts/default")
@needs(Privilege.SETTINGS)
def restore_text() -> Response:
    def restore(session: Session) -> str:
        text = texts.find_text(request.form.get("text", ""))
        return _save(session, text, text.body)

    return saved(once.run(restore), "settings.texts_of_patients")


@settings.post("/settings/texts/preview")
@needs(Privilege.SETTINGS)
def preview_text() -> Response:
    """What somebody would get, of words that are not saved."""
    try:
        text = texts.find_text(request.form.get("text", ""))
        body = texts.checked(text, request.form.get("body", ""))
    except Invalid as refusal:
        if not render.is_partial():
            return _page(_given(), once.errors_of(refusal), 422)
        return render.fragment("settings/_text_preview.html", shown=None, problem=refusal.sentence)
    if not render.is_partial():
        return _page(_given(), {})
    return render.fragment("settings/_text_preview.html", shown=_shown(text, body), problem="")


def _save(session: Session, text: Text, body: str) -> str:
    member = current_member()
    now = clock.now(session)
    practices.find_practice(session, member.practice_id, lock=True)
    before = texts.bodies_of(session, member.practice_id)[text.name]
    seen.check({text.name: before}, {text.name: text.title})
    if not texts.save(session, member.practice_id, text, body, now=now):
        return "Nothing was different."
    audit.record(
        session,
        member.practice_id,
        audit.Action.SETTINGS_CHANGED,
        by=member.id,
        at=now,
        subject_id=member.practice_id,
        what="practice_text",
        fields=text.name,
    )
    return f"{text.title} saved. It holds from the next text on."


def _given() -> dict[str, str]:
    return {request.form.get("text", ""): request.form.get("body", "")}


def _shown(text: Text, body: str) -> Shown:
    member = current_member()
    values = {"practice": member.practice.name, "first_name": member.first_name}
    preview = f"{SAMPLE}\n{texts.example(text, body, values)}"
    return Shown(text, body, body != text.body, preview, segments.size_of(preview))


def _page(
    given: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.reading() as session:
        bodies = texts.bodies_of(session, member.practice_id)
    return page(
        "settings/texts.html",
        "texts_of_patients",
        status,
        texts=[_shown(text, given.get(name, bodies[name])) for name, text in wording.TEXTS.items()],
        unsaved={name for name, body in given.items() if body != bodies.get(name)},
        errors=errors,
        overtaken_by=overtaken or [],
        shown={name: seen.shown({name: body}) for name, body in bodies.items()},
        is_signed=member.practice.sign_texts,
        words={
            "STOP": sorted(consent.STOP_WORDS),
            "START": sorted(consent.START_WORDS),
            "HELP": sorted(consent.HELP_WORDS),
        },
    )
