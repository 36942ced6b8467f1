"""What somebody hears who answered the question for a birth date: with the answer's own record, and once."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.conversations import asking_out
from triage.domain.intake import answering
from triage.domain.intake.answering import Answer
from triage.domain.intake.decide import Filed, Plan
from triage.domain.patients import birth_dates, consent, phones
from triage.domain.patients.consent import Purpose
from triage.domain.patients.phones import Identity
from triage.domain.patients.verification import Heard, Result
from triage.domain.practice import texts
from triage.domain.practice.practice import Practice
from triage.domain.practice.texts import Bodies

WORDS = {
    Result.VERIFIED: wording.BIRTH_DATE_CONFIRMED,
    Result.WRONG: wording.BIRTH_DATE_WRONG,
    Result.UNREADABLE: wording.BIRTH_DATE_UNREADABLE,
    Result.GIVEN_UP: wording.BIRTH_DATE_GIVEN_UP,
}


def acknowledge(session: Session, plan: Plan) -> None:
    """After the plan was written: what it says of opt-outs holds for these texts too."""
    heard = [(filed, filed.heard) for filed in plan.filed if filed.heard is not None]
    if not heard:
        return
    practice_ids = {filed.row.practice_id for filed, _ in heard}
    phone_ids = {filed.conversation.phone_id for filed, _ in heard}
    found = session.scalars(select(Practice).where(Practice.id.in_(practice_ids)))
    practices = {practice.id: practice for practice in found}
    bodies = texts.bodies_by_practice(session, practice_ids)
    identities = phones.identities(session, phone_ids)
    asking = {id_ for one in practice_ids for id_ in asking_out.among(session, one, phone_ids)}
    gates = consent.gather_for_writers(session, practices, identities, asking_out=asking)
    answers = [
        _answer(filed, answer, practices[filed.row.practice_id], bodies, identities, plan.now)
        for filed, answer in heard
        if consent.may_text(gates[filed.conversation.phone_id], Purpose.VERIFICATION).is_yes
    ]
    answering.write(session, answers)


def _answer(
    filed: Filed,
    heard: Heard,
    practice: Practice,
    bodies: Mapping[UUID, Bodies],
    identities: Mapping[UUID, Identity],
    now: datetime,
) -> Answer:
    people = identities[filed.conversation.phone_id].people
    counted = {one.use_id for one in heard.counted}
    spoken = (person.language for person in people if person.use_id in counted)
    language = texts.language_for(spoken, practice.languages)
    words = WORDS[heard.result]
    body = wording.about_birth_date(
        words,
        bodies[practice.id],
        language,
        practice=practice.name,
        format=birth_dates.shown(birth_dates.order_of(practice.region), language),
    )
    return Answer(filed, body, max(now, filed.row.sent_at), words.name, Purpose.VERIFICATION)
