"""What a patient hears by itself who writes while the practice is closed; with the task, or not at all."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from triage.domain import jobs, wording
from triage.domain.audit import Action
from triage.domain.conversations import answers, asking_out
from triage.domain.conversations.answers import AutomaticAnswer, Said
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState
from triage.domain.conversations.message import Direction, Message
from triage.domain.intake.decide import Filed, Plan
from triage.domain.patients import consent, phones
from triage.domain.patients.consent import Purpose
from triage.domain.patients.phones import Identity
from triage.domain.practice import hours, texts
from triage.domain.practice.hours import Hours
from triage.domain.practice.practice import Practice, hours_of
from triage.domain.practice.texts import Bodies
from triage.kit import db, later
from triage.kit.bulk import Addition, Rows

_TABLES = db.Base.metadata.tables
_MESSAGES = Addition(
    _TABLES["message"],
    (
        "id",
        "practice_id",
        "conversation_id",
        "patient_id",
        "direction",
        "body",
        "media",
        "is_automatic",
        "at",
    ),
)
_TEXTS = Addition(
    _TABLES["outbound_text"],
    (
        "message_id",
        "practice_id",
        "from_number",
        "to_number",
        "purpose",
        "state",
        "due_at",
        "queued_at",
        "attempts",
        "looks",
        "was_requeued",
        "carrier_rank",
        "is_failed",
        "changed_at",
    ),
)
_ANSWERS = Addition(
    _TABLES["automatic_answer"], ("message_id", "practice_id", "phone_id", "answers_id", "at")
)
_AUDITS = Addition(
    _TABLES["audit"], ("id", "practice_id", "action", "subject_id", "patient_id", "detail", "at")
)
_TALKED = Rows.of(_TABLES["conversation"], ("id", "last_message_at"))
_conversation = _TABLES["conversation"]
_WRITE = (
    update(_conversation)
    .where(_conversation.c.id == _TALKED.table.c.id)
    .values(last_message_at=func.greatest(_conversation.c.last_message_at, _TALKED.table.c.last_message_at))
    .add_cte(
        _MESSAGES.statement.cte("messages"),
        _TEXTS.statement.cte("texts"),
        _ANSWERS.statement.cte("answers"),
        _AUDITS.statement.cte("audits"),
    )
)


class House(NamedTuple):
    """A practice that is closed now: its name, hours, languages, and words by name and language."""

    id: UUID
    name: str
    hours: Hours
    languages: list[str]
    bodies: Bodies


class Facts(NamedTuple):
    """Everything `decide` needs; people and what they have heard are by number."""

    now: datetime
    houses: dict[UUID, House]
    gates: dict[UUID, consent.Facts]
    identities: dict[UUID, Identity]
    said: dict[UUID, Said]


class Answer(NamedTuple):
    """A text that is about to be answered, and the answer; `what` is the name of its words."""

    filed: Filed
    body: str
    at: datetime
    what: str = wording.CLOSED_REPLY.name
    purpose: Purpose = Purpose.NOTICE


def answer(session: Session, plan: Plan) -> None:
    """After the plan was written: what it says of opt-outs holds for the answers too."""
    asking = [filed for filed in plan.filed if _may_ask(filed, plan.now)]
    if not asking:
        return
    facts = gather(session, asking, plan.now)
    write(session, decide(facts, asking))


def _may_ask(filed: Filed, now: datetime) -> bool:
    """Pure. No command, also where it changed nothing, nor who wants no texts; and not what was found hours later."""
    row = filed.row
    return (
        filed.conversation.number.answers_when_closed
        and now - row.sent_at <= answers.FRESH
        and filed.asks_out is None
        and filed.heard is None
        and consent.keyword_of(row.body, row.opt_out_type) is None
    )


# ---- gather ----


def gather(session: Session, asking: Iterable[Filed], now: datetime) -> Facts:
    """Numbers of open practices are left out, and nothing is asked about them."""
    practices = _closed(session, {filed.row.practice_id for filed in asking}, now)
    houses = _houses(session, practices)
    phone_ids = {filed.conversation.phone_id for filed in asking if filed.row.practice_id in houses}
    if not phone_ids:
        return Facts(now, houses, {}, {}, {})
    identities = phones.identities(session, phone_ids)
    asking_now = {id_ for one in practices for id_ in asking_out.among(session, one, phone_ids)}
    gates = consent.gather_for_writers(session, practices, identities, asking_out=asking_now)
    # With the numbers locked: another worker may just have answered one, on another of the practice's numbers.
    return Facts(now, houses, gates, identities, _said(session, houses, phone_ids, now))


def _closed(session: Session, practice_ids: Collection[UUID], now: datetime) -> dict[UUID, Practice]:
    found = session.scalars(select(Practice).where(Practice.id.in_(practice_ids)))
    return {practice.id: practice for practice in found if not hours.is_open(hours_of(practice), now)}


def _houses(session: Session, closed: Mapping[UUID, Practice]) -> dict[UUID, House]:
    bodies = texts.bodies_by_practice(session, closed) if closed else {}
    return {
        practice.id: House(
            practice.id,
            practice.name,
            hours_of(practice),
            practice.languages,
            bodies[practice.id],
        )
        for practice in closed.values()
    }


def _said(
    session: Session, practice_ids: Collection[UUID], phone_ids: Collection[UUID], now: datetime
) -> dict[UUID, Said]:
    automatic = session.execute(
        select(AutomaticAnswer.phone_id, func.count(), func.max(AutomaticAnswer.at))
        .where(AutomaticAnswer.phone_id.in_(phone_ids), AutomaticAnswer.at > now - answers.DAY)
        .group_by(AutomaticAnswer.phone_id)
    )
    by_people = session.execute(
        select(Conversation.phone_id, func.max(Message.at))
        .join(Message, Message.conversation_id == Conversation.id)
        .where(
            Conversation.practice_id.in_(practice_ids),
            Conversation.phone_id.in_(phone_ids),
            Message.sent_by_id.is_not(None),
            ~Message.is_automatic,
            Message.at > now - answers.PAUSE,
        )
        .group_by(Conversation.phone_id)
    )
    person_at = {row[0]: row[1] for row in by_people}
    heard = {row[0]: Said(row[1], row[2], None) for row in automatic}
    return {
        phone_id: heard.get(phone_id, Said(0, None, None))._replace(person_at=person_at.get(phone_id))
        for phone_id in phone_ids
    }


# ---- decide ----


def decide(facts: Facts, asking: Iterable[Filed]) -> list[Answer]:
    """Pure. The texts in their order; who was answered is not answered again."""
    found: list[Answer] = []
    said = dict(facts.said)
    for filed in asking:
        phone_id, house = filed.conversation.phone_id, facts.houses.get(filed.row.practice_id)
        if house is None or hours.is_open(house.hours, filed.row.sent_at):
            continue
        gate = facts.gates.get(phone_id)
        if gate is None or not consent.may_text(gate, Purpose.NOTICE).is_yes:
            continue
        if not answers.may_follow(said[phone_id], facts.now):
            continue
        # Never before the text that it answers.
        at = max(facts.now, filed.row.sent_at)
        identity = facts.identities[phone_id]
        found.append(Answer(filed, _body(house, identity, filed.conversation.patient_id, facts.now), at))
        said[phone_id] = said[phone_id]._replace(times=said[phone_id].times + 1, last_at=facts.now)
    return found


def _body(house: House, identity: Identity, patient_id: UUID | None, now: datetime) -> str:
    """In the language of whom the text concerns; while that is open, in one that all who share the number have."""
    zone = ZoneInfo(house.hours.time_zone)
    people = [one for one in identity.people if patient_id in (None, one.patient_id)]
    language = texts.language_for((person.language for person in people), house.languages)
    opens = hours.next_opening(house.hours, now)
    phrase = wording.opening_phrase(language, opens and opens.astimezone(zone), now.astimezone(zone))
    return wording.closed_reply(house.bodies, language, practice=house.name, opens=phrase)


# ---- write ----


def write(session: Session, found: list[Answer]) -> None:
    """In one statement, as the texts were; a worker is asked to send them after the commit."""
    if not found:
        return
    ids = {answer.filed.message_id: db.new_id() for answer in found}
    named = [(ids[answer.filed.message_id], answer) for answer in found]
    session.execute(
        _WRITE,
        {
            **_TALKED.given((answer.filed.conversation.id, answer.at) for answer in found),
            **_MESSAGES.given(_message(id_, answer) for id_, answer in named),
            **_TEXTS.given(_text(id_, answer) for id_, answer in named),
            **_ANSWERS.given(_answer(id_, answer) for id_, answer in named),
            **_AUDITS.given(_audit(id_, answer) for id_, answer in named),
        },
    )
    later.run(session, jobs.DELIVER_TEXTS)


def _message(id_: UUID, answer: Answer) -> dict[str, Any]:
    conversation = answer.filed.conversation
    return {
        "id": id_,
        "practice_id": conversation.practice_id,
        "conversation_id": conversation.id,
        "patient_id": conversation.patient_id,
        "direction": Direction.OUT,
        "body": answer.body,
        "media": [],
        "is_automatic": True,
        "at": answer.at,
    }


def _text(id_: UUID, answer: Answer) -> dict[str, Any]:
    return {
        "message_id": id_,
        "practice_id": answer.filed.row.practice_id,
        "from_number": answer.filed.row.to_number,
        "to_number": answer.filed.row.from_number,
        "purpose": answer.purpose,
        "state": OutboundState.QUEUED,
        "due_at": answer.at,
        "queued_at": answer.at,
        "attempts": 0,
        "looks": 0,
        "was_requeued": False,
        "carrier_rank": 0,
        "is_failed": False,
        "changed_at": answer.at,
    }


def _answer(id_: UUID, answer: Answer) -> dict[str, Any]:
    return {
        "message_id": id_,
        "practice_id": answer.filed.row.practice_id,
        "phone_id": answer.filed.conversation.phone_id,
        "answers_id": answer.filed.message_id,
        "at": answer.at,
    }


def _audit(id_: UUID, answer: Answer) -> dict[str, Any]:
    return {
        "id": db.new_id(),
        "practice_id": answer.filed.row.practice_id,
        "action": Action.TEXT_QUEUED,
        "subject_id": id_,
        "patient_id": answer.filed.conversation.patient_id,
        "detail": {"what": answer.what},
        "at": answer.at,
    }
