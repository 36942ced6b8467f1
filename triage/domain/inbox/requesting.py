"""A member asks by text who reads a number: the question for a birth date, sent and sent again."""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain import wording
from triage.domain.conversations import asking_out, delivery
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying, scope, transitions
from triage.domain.patients import birth_dates, consent, phones, verification
from triage.domain.patients.consent import Purpose
from triage.domain.patients.patient import Patient, within_walls
from triage.domain.patients.phones import Identity, Phone, PhoneUse, Verification
from triage.domain.patients.verification import Shown
from triage.domain.practice import texts, throttle
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.kit import clock
from triage.kit.errors import NotAllowed, NotFound, NotPossible


def request_from_patient(session: Session, patient_id: UUID, use_id: UUID, *, by: Member) -> Message | None:
    """From a patient's page, in the conversation that a new message would open. As `request`."""
    phone_id = session.scalar(
        select(PhoneUse.phone_id).where(
            PhoneUse.practice_id == by.practice_id, PhoneUse.id == use_id, PhoneUse.patient_id == patient_id
        )
    )
    if phone_id is None:
        raise NotFound("The patient is not reached at this number.")
    conversation = replying.start(
        session, patient_id=patient_id, phone_id=phone_id, practice_number_id=None, by=by
    )
    return request(session, conversation, use_id, by=by)


def request(session: Session, conversation: Conversation, use_id: UUID, *, by: Member) -> Message | None:
    """Ask whoever is reached at this use for their birth date, or ask once more.

    None where nothing need be asked: the same person has confirmed it about another patient. Raises `NotAllowed`,
    `NotFound`, and `NotPossible` (the practice does not ask, it is confirmed, the number may not be texted, too
    often).
    """
    practice = session.get_one(Practice, by.practice_id)
    # The conversation first, as intake has it: two who lock the same rows in two orders would wait for ever.
    conversation = scope.find_conversation(session, by, conversation.id, lock=True)
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can do that.")
    if not practice.verification_on:
        raise NotPossible("The practice does not ask for birth dates. An admin can turn that on in Settings.")
    uses = _uses(session, by, conversation, use_id)
    phone = session.scalars(
        select(Phone).where(Phone.id == conversation.phone_id).with_for_update(key_share=True)
    ).one()
    now = clock.now(session)
    if verification.join_person(session, uses, by=by.id, now=now):
        _announce(session, conversation)
        return None
    _refuse(session, practice, phone, uses, by)
    is_new = verification.start(session, uses, by=by.id, now=now)
    body = _body(session, practice, phone, uses)
    verification.note_asked(session, _first(uses, use_id), wording=body, by=by.id, now=now, is_new=is_new)
    number = session.get_one(PracticeNumber, conversation.practice_number_id)
    message = delivery.queue(
        session,
        conversation,
        number,
        phone,
        body,
        by=None,
        now=now,
        is_automatic=True,
        purpose=Purpose.VERIFICATION,
    )
    _announce(session, conversation)
    return message


def _seen_by(session: Session, member: Member, patient_ids: Collection[UUID]) -> set[UUID]:
    return set(session.scalars(select(Patient.id).where(Patient.id.in_(patient_ids), *within_walls(member))))


def _uses(session: Session, by: Member, conversation: Conversation, use_id: UUID) -> list[PhoneUse]:
    """Raises `NotFound`, and `NotPossible` where it is confirmed already."""
    use = session.scalar(
        select(PhoneUse).where(
            PhoneUse.practice_id == conversation.practice_id,
            PhoneUse.id == use_id,
            PhoneUse.phone_id == conversation.phone_id,
            PhoneUse.ended_at.is_(None),
        )
    )
    if use is None or not _seen_by(session, by, [use.patient_id]):
        raise NotFound("The patient is not reached at this number.")
    uses = verification.uses_of_person(session, use)
    if any(one.id == use_id and one.verification is Verification.ENABLED for one in uses):
        raise NotPossible("This birth date has been confirmed already.")
    return uses


def _first(uses: Iterable[PhoneUse], use_id: UUID) -> PhoneUse:
    return next(use for use in uses if use.id == use_id)


def _refuse(session: Session, practice: Practice, phone: Phone, uses: list[PhoneUse], by: Member) -> None:
    """Raises `NotPossible`, with what must be put right first."""
    born_on = verification.born_on_by_use(session, [use.id for use in uses])
    reason = verification.why_not(phone, next(iter(born_on.values()), None))
    if reason:
        raise NotPossible(reason)
    identity = phones.identities(session, [phone.id])[phone.id]
    asking = asking_out.among(session, practice.id, [phone.id])
    facts = consent.gather(
        session, practice, phone, identity, wrote_first=False, may_have_opted_out=bool(asking)
    )
    answer = consent.may_text(facts, Purpose.VERIFICATION)
    if not answer.is_yes:
        raise NotPossible(replying.reason_for(answer, practice.time_zone))
    for limit in (verification.RESENDS, verification.REQUESTS):
        wait = throttle.wait_for(session, limit, str(phone.id), now=clock.now(session))
        if wait is not None:
            minutes = max(1, round(wait.total_seconds() / 60))
            raise NotPossible(f"It was asked just now. Wait {minutes} min before asking again.")


def _body(session: Session, practice: Practice, phone: Phone, uses: list[PhoneUse]) -> str:
    ids = {use.id for use in uses}
    people = phones.identities(session, [phone.id])[phone.id].people
    language = texts.language_for((one.language for one in people if one.use_id in ids), practice.languages)
    return wording.about_birth_date(
        wording.BIRTH_DATE_REQUEST,
        texts.bodies_of(session, practice.id),
        language,
        practice=practice.name,
        format=birth_dates.shown(birth_dates.order_of(practice.region), language),
    )


def _announce(session: Session, conversation: Conversation) -> None:
    session.flush()
    task = scope.open_task_of(session, conversation.id)
    if task is not None:
        transitions.announce(session, task, set(transitions.assignees_of(session, task)))


class Unverified(NamedTuple):
    """Somebody at a number who has not confirmed who they are: the name, about whom, and how far it has come."""

    name: str
    shown: Shown


def unverified(
    session: Session, member: Member, conversation: Conversation, identity: Identity
) -> list[Unverified]:
    """Whom a member can ask in this conversation, once for each person; nobody who is unknown, or behind a wall."""
    seen = _seen_by(session, member, [person.patient_id for person in identity.people])
    people = [person for person in identity.people if person.patient_id in seen]
    ids = [person.use_id for person in people if person.use_id]
    uses = {use.id: use for use in session.scalars(select(PhoneUse).where(PhoneUse.id.in_(ids)))}
    phone = session.get_one(Phone, conversation.phone_id)
    born_on = verification.born_on_by_use(session, ids)
    found: dict[UUID, Unverified] = {}
    for person in people:
        if person.use_id is None or conversation.patient_id not in (None, person.patient_id):
            continue
        said = verification.shown(uses[person.use_id], phone, born_on[person.use_id])
        found.setdefault(person.contact_id or person.patient_id, Unverified(person.texted_name, said))
    return list(found.values())
