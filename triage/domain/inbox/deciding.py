"""A member says whether a text asked for no more texts; every page that shows the question hears the answer."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.conversations import asking_out, delivery
from triage.domain.conversations.asking_out import Decision, PossibleOptOut
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import scope, transitions
from triage.domain.patients import consent, phones
from triage.domain.patients.consent import Purpose
from triage.domain.patients.phones import Phone
from triage.domain.practice import texts
from triage.domain.practice.member import Member
from triage.domain.practice.practice import PracticeNumber
from triage.kit import clock, db
from triage.kit.errors import NotAllowed, NotPossible


class Question(NamedTuple):
    """What is asked about a number: the words of the first text, `until` which text they are shown, and the last day.

    Of texts that this member may not read there are neither words nor `until`.
    """

    words: str
    until: UUID | None
    honour_by: date


def question(session: Session, member: Member, conversation: Conversation) -> Question | None:
    """What this member is asked about the number of a conversation, where they may answer in it."""
    if not scope.may_write_in(session, member, conversation):
        return None
    asked = asking_out.open_ones(session, member.practice_id, conversation.phone_id)
    if not asked:
        return None
    last_day = asking_out.honour_by(asked[0].noticed_at, member.practice.time_zone)
    readable = _readable(session, member, asked)
    if not readable:
        return Question("", None, last_day)
    return Question(readable[0].words, readable[-1].id, last_day)


def opt_out(session: Session, conversation: Conversation, *, by: Member) -> None:
    """The number gets no more texts, whether or not a text had asked for it. Safe to repeat. Raises `NotAllowed`."""
    phone = _phone(session, conversation, by)
    now = clock.now(session)
    asked = asking_out.open_ones(session, by.practice_id, phone.id)
    how = consent.OWN_WORDS if asked else consent.BY_STAFF
    is_new = consent.opt_out(session, phone, how=how, by=by.id, now=now)
    asking_out.decide(session, asked, Decision.OPTED_OUT, by=by, now=now)
    if is_new:
        _confirm(session, conversation, phone, by, now)
    _announce(session, conversation)


def opt_out_number(session: Session, phone: Phone, *, by: Member) -> None:
    """The same where somebody told a member so, and no conversation is open. Safe to repeat."""
    latest = (
        select(Conversation)
        .where(Conversation.practice_id == phone.practice_id, Conversation.phone_id == phone.id)
        .where(Conversation.last_message_at.is_not(None))
        .order_by(Conversation.last_message_at.desc())
        .limit(1)
    )
    conversation = session.scalars(db.locked(latest)).first()
    now = clock.now(session)
    is_new = consent.opt_out(session, phone, how=consent.BY_STAFF, by=by.id, now=now)
    if is_new and conversation is not None:
        _confirm(session, conversation, phone, by, now)


def _confirm(session: Session, conversation: Conversation, phone: Phone, by: Member, now: datetime) -> None:
    """One text says that there will be no more, to whoever was texted before (47 CFR 64.1200(a)(12))."""
    identity = phones.identities(session, [phone.id])[phone.id]
    wrote = conversation.last_inbound_at is not None
    facts = consent.gather(session, by.practice, phone, identity, wrote_first=wrote)
    if not consent.may_text(facts, Purpose.OPT_OUT_CONFIRMATION).is_yes:
        return
    language = texts.language_for((person.language for person in identity.people), by.practice.languages)
    body = texts.bodies_of(session, by.practice_id)[wording.OPT_OUT_CONFIRMED.name, language]
    delivery.queue(
        session,
        conversation,
        session.get_one(PracticeNumber, conversation.practice_number_id),
        phone,
        wording.filled(body, {"practice": by.practice.name}),
        by=None,
        now=now,
        purpose=Purpose.OPT_OUT_CONFIRMATION,
        is_automatic=True,
    )


def opt_in(session: Session, conversation: Conversation, *, by: Member) -> None:
    """The patient wants texts again, and told a member so. Raises `NotAllowed`, `NotPossible`. Safe to repeat."""
    phone = _phone(session, conversation, by)
    consent.opt_in(session, phone, how=consent.BY_STAFF, by=by.id, now=clock.now(session))
    _announce(session, conversation)


def dismiss(session: Session, conversation: Conversation, until: UUID | None, *, by: Member) -> None:
    """The texts up to `until`, which the page showed, meant something else.

    Raises `NotAllowed`, and `NotPossible` where somebody has decided meanwhile.
    """
    phone = _phone(session, conversation, by)
    asked = _readable(session, by, asking_out.open_ones(session, by.practice_id, phone.id))
    ids = [one.id for one in asked]
    if until not in ids:
        raise NotPossible("Somebody has decided this already, or the patient wrote again. Look once more.")
    meant = asked[: ids.index(until) + 1]
    asking_out.decide(session, meant, Decision.DISMISSED, by=by, now=clock.now(session))
    _announce(session, conversation)


def _phone(session: Session, conversation: Conversation, by: Member) -> Phone:
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can do that.")
    return session.scalars(select(Phone).where(Phone.id == conversation.phone_id).with_for_update()).one()


def _readable(session: Session, member: Member, asked: Sequence[PossibleOptOut]) -> list[PossibleOptOut]:
    """A number may have written to others of the practice's numbers, behind a wall."""
    ids = [one.message_id for one in asked]
    visible = scope.visible_messages(member).where(Message.id.in_(ids)).with_only_columns(Message.id)
    seen = set(session.scalars(visible)) if ids else set()
    return [one for one in asked if one.message_id in seen]


def _announce(session: Session, conversation: Conversation) -> None:
    session.flush()
    task = scope.open_task_of(session, conversation.id)
    if task is not None:
        transitions.announce(session, task, set(transitions.assignees_of(session, task)))
