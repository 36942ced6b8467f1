"""The texts that patients get by themselves: what they say, how long they are, and a practice's own words."""

from collections.abc import Mapping
from typing import NamedTuple

from flask import Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit, wording
from triage.domain.conversations import segments
from triage.domain.conversations.segments import Size
from triage.domain.patients import birth_dates, consent
from triage.domain.practice import practice as practices
from triage.domain.practice import texts
from triage.domain.practice.privileges import Privilege
from triage.domain.wording import Text
from triage.kit import clock, db
from triage.kit.errors import Invalid
from triage.web import once, render, seen
from triage.web.auth import current_member, needs
from triage.web.settings import replies
from triage.web.settings.pages import SECTIONS, page, saved, settings

# What a colleague may have written above a signature.
SAMPLE = "See you at nine."
# What says whether a text is in use, and the page where that is switched.
SWITCHES = {
    wording.SIGNATURE.name: ("sign_texts", "practice"),
    wording.CLOSED_REPLY.name: ("closed_reply_on", "opening_hours"),
    wording.EMERGENCY.name: ("closed_reply_on", "opening_hours"),
    wording.OPT_IN_NOTICE.name: ("opt_in_notice_on", "practice"),
    wording.OPT_OUT_CONFIRMED.name: ("texting_on", "practice"),
    **{text.name: ("verification_on", "practice") for text in wording.OF_VERIFICATION},
}
TITLES = {slug: name for slug, name, _, _ in SECTIONS}


class Shown(NamedTuple):
    """One text as the page has it: the words in the form, and what somebody would get.

    `key` names it in forms; `language_name` is empty where the practice has words in one language alone.
    `switched_in` is the page where it is switched on, by title and address.
    """

    text: Text
    language: str
    key: str
    language_name: str
    body: str
    is_own: bool
    is_used: bool
    switched_in: tuple[str, str]
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
        text, language = _asked()
        return _save(session, text, language, request.form.get("body", ""))

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
        text, language = _asked()
        return _save(session, text, language, text.bodies[language])

    return saved(once.run(restore), "settings.texts_of_patients")


@settings.post("/settings/texts/preview")
@needs(Privilege.SETTINGS)
def preview_text() -> Response:
    """What somebody would get, of words that are not saved."""
    try:
        text, language = _asked()
        body = texts.checked(text, request.form.get("body", ""), language)
    except Invalid as refusal:
        if not render.is_partial():
            return _page(_given(), once.errors_of(refusal), 422)
        return _preview(None, refusal.sentence)
    if not render.is_partial():
        return _page(_given(), {})
    with db.reading() as session:
        words = _Words(session)
    return _preview(words.shown(text, language, body), "")


def _preview(shown: Shown | None, problem: str) -> Response:
    return render.fragment("settings/_text_preview.html", key=_key(), shown=shown, problem=problem)


def _asked() -> tuple[Text, str]:
    """Raises `Invalid`."""
    language = request.form.get("language", "")
    return texts.find_text(request.form.get("text", ""), language), language


def _key() -> str:
    try:
        return texts.key_of(*_asked())
    except Invalid:
        return "none"


def _save(session: Session, text: Text, language: str, body: str) -> str:
    member = current_member()
    now = clock.now(session)
    practices.find_practice(session, member.practice_id, lock=True)
    before = texts.bodies_of(session, member.practice_id)[text.name, language]
    key = texts.key_of(text, language)
    seen.check({key: before}, {key: text.title})
    if not texts.save(session, member.practice_id, text, body, language=language, now=now):
        return "Nothing was different."
    audit.record(
        session,
        member.practice_id,
        audit.Action.SETTINGS_CHANGED,
        by=member.id,
        at=now,
        subject_id=member.practice_id,
        what="practice_text",
        fields=key,
    )
    return f"{text.title} saved. It holds from the next text on."


def _given() -> dict[str, str]:
    return {_key(): request.form.get("body", "")}


class _Words:
    """The practice's texts, and how each of them would look to somebody."""

    def __init__(self, session: Session) -> None:
        self._member = current_member()
        self._now = clock.now(session)
        self.practice = practices.find_practice(session, self._member.practice_id)
        self.bodies = texts.bodies_of(session, self.practice.id)

    def all(self, given: Mapping[str, str]) -> list[Shown]:
        """Each text in each language of the practice; `given` are words that stand in for saved ones."""
        return [
            self.shown(text, one, given.get(texts.key_of(text, one), self.bodies[text.name, one]))
            for text in wording.TEXTS.values()
            for one in text.languages_among(self.practice.languages)
        ]

    def shown(self, text: Text, language: str, body: str) -> Shown:
        preview = self._preview(text, language, body)
        switch, place = SWITCHES[text.name]
        several = len(self.practice.languages) > 1
        return Shown(
            text=text,
            language=language,
            key=texts.key_of(text, language),
            language_name=wording.LANGUAGES.get(language, "") if several else "",
            body=body,
            is_own=body != text.bodies[language],
            is_used=getattr(self.practice, switch),
            switched_in=(TITLES[place], url_for(f"settings.{place}")),
            preview=preview,
            size=segments.size_of(preview),
        )

    def _preview(self, text: Text, language: str, body: str) -> str:
        if text is wording.CLOSED_REPLY:
            bodies = {**self.bodies, (text.name, language): body}
            return replies.of_bodies(self.practice, bodies, language, self._now)
        if text in wording.OF_VERIFICATION:
            return wording.about_birth_date(
                text,
                {(text.name, language): body},
                language,
                practice=self.practice.name,
                format=birth_dates.shown(birth_dates.order_of(self.practice.region), language),
            )
        values = {"practice": self.practice.name, "first_name": self._member.first_name}
        example = texts.example(text, body, values)
        return f"{SAMPLE}\n{example}" if text is wording.SIGNATURE else example


def _page(
    given: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    with db.reading() as session:
        words = _Words(session)
    saved_words = {
        texts.key_of(text, one): words.bodies[text.name, one]
        for text in wording.TEXTS.values()
        for one in text.bodies
    }
    return page(
        "settings/texts.html",
        "texts_of_patients",
        status,
        texts=words.all(given),
        unsaved={key for key, body in given.items() if body != saved_words.get(key)},
        errors=errors,
        overtaken_by=overtaken or [],
        shown={key: seen.shown({key: body}) for key, body in saved_words.items()},
        words={
            "STOP": sorted(consent.STOP_WORDS),
            "START": sorted(consent.START_WORDS),
            "HELP": sorted(consent.HELP_WORDS),
        },
    )
