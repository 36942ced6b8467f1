"""Who gets a new message: the rules, in their order, and what they would do now."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.inbox.assignment import Settings
from triage.domain.intake import trying
from triage.domain.intake.trying import Trial
from triage.domain.patients import directory, phones
from triage.domain.patients.patient import find_patient
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound
from triage.kit.phone import as_e164
from triage.web import once, seen
from triage.web.auth import current_member, needs
from triage.web.settings.pages import an_id, is_on, page, record, saved, settings, whole

LONGEST_SEARCH = 100
LABELS = {"last_sender": "Last sender", "last_sender_days": "Days", "care_team": "Care team"}


class Choice(NamedTuple):
    """Somebody who could be meant, and the number that they would text from."""

    name: str
    number: str
    label: str


class Tried(NamedTuple):
    """A trial as the page shows it: found out, or still to be chosen among several."""

    words: str
    to_number_id: str
    trial: Trial | None = None
    choices: tuple[Choice, ...] = ()


@settings.get("/settings/auto-assignment")
@needs(Privilege.SETTINGS)
def auto_assignment() -> Response:
    return _page(_values_of(current_member().practice), {})


@settings.post("/settings/auto-assignment")
@needs(Privilege.SETTINGS)
def change_auto_assignment() -> Response:
    try:
        said = once.run(_change)
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422)
    except seen.Overtaken as refusal:
        return _page(_given(), {}, 409, overtaken=refusal.changes)
    return saved(said, "settings.auto_assignment")


@settings.post("/settings/auto-assignment/trial")
@needs(Privilege.SETTINGS)
def try_auto_assignment() -> Response:
    """Nothing is assigned. The words travel in the form, as those of a search do."""
    words = request.form.get("who", "").strip()[:LONGEST_SEARCH]
    number_id = request.form.get("practice_number_id", "")
    try:
        with db.transaction() as session:
            tried = _try(session, words, number_id, _rules())
    except Invalid as refusal:
        return _page(_given(), once.errors_of(refusal), 422, tried=Tried(words, number_id))
    return _page(_given(), {}, tried=tried)


def _change(session: Session) -> str:
    practice = practices.find_practice(session, current_member().practice_id, lock=True)
    seen.check(_values_of(practice), LABELS)
    practices.change_assignment_rules(
        practice,
        last_sender=is_on("last_sender"),
        last_sender_days=whole("last_sender_days"),
        care_team=is_on("care_team"),
    )
    return (
        "Rules saved. They hold from the next text on."
        if record(session, practice)
        else "Nothing was different."
    )


def _rules() -> Settings:
    """As the form has them, saved or not. Raises `Invalid`."""
    days = practices.checked_window(whole("last_sender_days"))
    return Settings(is_on("last_sender"), timedelta(days=days), is_on("care_team"))


def _try(session: Session, words: str, number_id: str, rules: Settings) -> Tried:
    """Raises `Invalid`."""
    member = current_member()
    if not words:
        return Tried(words, number_id)
    if not _searches():
        raise Invalid(who="Trying the rules shows who writes to whom: your role may not look patients up.")
    now = clock.now(session)
    if directory.wait_before_searching(session, member, now=now) is not None:
        raise Invalid(who="Too many searches. Wait some minutes.")
    audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    number = as_e164(words, member.practice.region)
    choices = () if number else _choices(session, words)
    if not number and len(choices) != 1:
        if not choices:
            raise Invalid(
                who="Nobody you may find is called that, or has a number. Type a whole number instead."
            )
        return Tried(words, number_id, choices=choices)
    try:
        to_number = practices.find_number(session, member.practice_id, an_id(number_id)).number
        trial = trying.try_text(
            session,
            member.practice_id,
            from_number=number or choices[0].number,
            to_number=to_number,
            now=now,
            rules=rules,
        )
        for patient_id in trial.patient_ids:
            find_patient(session, member, patient_id)
    except NotFound:
        raise Invalid(who="Choose one of the practice's numbers, and somebody you may find.") from None
    return Tried(words, number_id, trial)


def _choices(session: Session, words: str) -> tuple[Choice, ...]:
    member = current_member()
    found = directory.search(session, member, words)
    return tuple(
        Choice(one.patient.name, phone.number, label)
        for one in found
        for use, phone, label in phones.uses_by_patient(session, member.practice_id, one.patient.id)
        if use.ended_at is None
    )


def _searches() -> bool:
    member = current_member()
    return member.messages is Messages.ALL or member.may(Privilege.PATIENTS)


def _values_of(practice: Practice) -> dict[str, object]:
    return {
        "last_sender": practice.assign_last_sender,
        "last_sender_days": practice.last_sender_days,
        "care_team": practice.assign_care_team,
    }


def _given() -> dict[str, object]:
    return {
        "last_sender": is_on("last_sender"),
        "last_sender_days": request.form.get("last_sender_days", ""),
        "care_team": is_on("care_team"),
    }


def _page(
    values: Mapping[str, object],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    tried: Tried | None = None,
    overtaken: list[seen.Overtaking] | None = None,
) -> Response:
    member = current_member()
    with db.reading() as session:
        numbers = practices.numbers_of(session, member.practice_id)
        now = _values_of(practices.find_practice(session, member.practice_id))
    context: dict[str, Any] = {
        "values": values,
        "errors": errors,
        "overtaken_by": overtaken or [],
        "shown": seen.shown(now),
        "is_unsaved": {name: str(value) for name, value in values.items()}
        != {name: str(value) for name, value in now.items()},
        "tried": tried,
        "may_search": _searches(),
        "number_options": [(str(number.id), number.label) for number in numbers],
    }
    return page("settings/auto_assignment.html", "auto_assignment", status, **context)
