"""Writing to a patient: may this member, may we text this number, and what a reply does to the task."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations import conversation as conversations
from triage.domain.conversations import delivery, drafts, notices
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.drafts import Draft
from triage.domain.conversations.message import LONGEST_TEXT, Direction, Message
from triage.domain.inbox import reach, scope, thread, transitions
from triage.domain.patients import consent, phones
from triage.domain.patients.consent import Leg, Purpose
from triage.domain.patients.naming import names_somebody
from triage.domain.patients.patient import Patient, PatientContact, find_patient
from triage.domain.patients.phones import Known, Phone, PhoneUse
from triage.domain.practice import texts
from triage.domain.practice.member import Member, briefs
from triage.domain.practice.practice import PracticeNumber
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import Invalid, NotAllowed, NotFound, NotPossible


class Composer(NamedTuple):
    """Whether this member can write here now. `leg` names what says no; `reason` says it to a person.

    `way_out` is a word for the page, as in `WAYS_OUT`, or None where only the patient can help. `draft` is what
    this member has begun to write; `signature` is what the practice adds to it; with `has_notice` a text says first how
    texts can be stopped.
    """

    is_enabled: bool
    reason: str
    leg: Leg | None
    way_out: str | None
    last_seen_message_id: UUID | None
    draft: Draft | None = None
    signature: str = ""
    has_notice: bool = False


# Each of them names a place where somebody of the practice can change it.
WAYS_OUT = {
    Leg.PRACTICE_OFF: "practice",
    Leg.NOT_A_MOBILE: "other_number",
    Leg.NUMBER_OFF: "turn_on",
    Leg.PATIENT_OFF: "patient_on",
    Leg.LANDLINE: "other_number",
    Leg.NOT_CURRENT: "other_number",
    Leg.NO_CONSENT: "record_consent",
    Leg.OPTED_OUT: "opt_in",
    Leg.CHOOSE_PATIENT: "who",
    Leg.NOT_VERIFIED: "ask_birth_date",
}


def composer(session: Session, member: Member, conversation: Conversation) -> Composer:
    """What the composer of this conversation shows."""
    newest = thread.newest_message_id(session, conversation)
    if not scope.may_write_in(session, member, conversation):
        return Composer(False, "Only somebody who has this task can reply.", None, None, newest)
    answer = _ask(session, member, conversation)
    if answer.is_yes:
        draft = drafts.draft_of(session, member, conversation.id)
        signature = texts.signature_of(session, member)
        has_notice = notices.is_due(session, member.practice, conversation.phone_id)
        return Composer(True, "", None, None, newest, draft, signature, has_notice)
    assert answer.leg is not None
    way_out = WAYS_OUT.get(answer.leg) if member.messages is Messages.ALL else None
    if answer.how in consent.HELD_BY_CARRIER:
        way_out = None
    return Composer(False, reason_for(answer, member.practice.time_zone), answer.leg, way_out, newest)


def reason_for(answer: consent.Answer, time_zone: str) -> str:
    """Why no text can be sent, and what would change it."""
    since = ""
    if answer.since is not None:
        local = answer.since.astimezone(ZoneInfo(time_zone))
        since = f" on {local.day} {local:%b}"
    return {
        Leg.PRACTICE_OFF: "Texting is switched off for this practice. An admin can turn it on in Settings.",
        Leg.NOT_A_MOBILE: "This sender is not a phone number, so it cannot be answered.",
        Leg.OPTED_OUT: f"The patient texted STOP{since}. They can text START to opt back in."
        if answer.how in consent.HELD_BY_CARRIER
        else f"The patient asked for no more texts{since}. They can be opted in again when they ask for it.",
        Leg.MAY_HAVE_OPTED_OUT: "The patient may have asked for no more texts. Say first what was meant.",
        Leg.NUMBER_OFF: "Texting to this number is turned off.",
        Leg.PATIENT_OFF: "Text notifications are switched off on the patient's record.",
        Leg.LANDLINE: "This number is a landline. Call instead.",
        Leg.NOT_CURRENT: "This number is no longer linked to the patient.",
        Leg.NOT_VERIFIED: "Nobody at this number has confirmed their birth date yet.",
        Leg.NO_CONSENT: "No consent to texts is recorded. Ask the patient, then record it here.",
        Leg.CHOOSE_PATIENT: "Your text names somebody, and several people share this number. Say who is writing first.",
    }[answer.leg or Leg.NO_CONSENT]


def _ask(
    session: Session, member: Member, conversation: Conversation, body: str = "", about: UUID | None = None
) -> consent.Answer:
    """`about` is the patient for whom the member opened the conversation: chosen, for this text."""
    phone = session.get_one(Phone, conversation.phone_id)
    identity = phones.identities(session, [phone.id])[phone.id]
    whose = phones.narrowed(identity, about or conversation.chosen_patient_id)
    facts = consent.gather(
        session,
        member.practice,
        phone,
        identity,
        wrote_first=conversation.last_inbound_at is not None,
        about=whose.patient_id,
    )
    facts = facts._replace(
        is_current=facts.is_current or conversation.is_nobody,
        is_chosen=identity.known is not Known.SHARED or whose.patient_id is not None,
        names_person=names_somebody(body, identity.people),
    )
    return consent.may_text(facts, Purpose.REPLY)


def reply(
    session: Session,
    conversation: Conversation,
    body: str,
    *,
    by: Member,
    last_seen_message_id: UUID | None = None,
    seen: tuple[UUID, int] | None = None,
    hold: timedelta = timedelta(0),
    about: UUID | None = None,
) -> Message:
    """Queue a text to the patient; a pending task becomes the sender's where the practice wants that.

    `seen` is the task beside the composer, in the version that the writer saw; `about` the patient, of several who
    share the number, for whom the page was opened. Raises `Invalid` (empty, too
    long), `NotAllowed`, `NotPossible` (may not be texted, or somebody wrote or closed the task since the page
    was made: the text stays with the writer).
    """
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can reply.")
    about = _reached_here(session, conversation, about)
    answer = _ask(session, by, conversation, body, about)
    if not answer.is_yes:
        raise NotPossible(reason_for(answer, by.practice.time_zone))
    body = _checked(session, body, by)
    _refuse_when_stale(session, conversation, last_seen_message_id, by)
    if seen is not None:
        transitions.refuse_when_closed_since(session, scope.find_task(session, by, seen[0]), seen[1], by=by)
    number = session.get_one(PracticeNumber, conversation.practice_number_id)
    phone = session.get_one(Phone, conversation.phone_id)
    now = clock.now(session)
    notice = _notice(session, conversation, number, phone, by=by, now=now, hold=hold)
    message = delivery.queue(session, conversation, number, phone, body, by=by.id, now=now, hold=hold)
    if notice is not None:
        notices.bind(session, notice, message, phone_id=phone.id, now=now)
    message.patient_id = about or message.patient_id
    drafts.drop(session, conversation.id, by=by)
    _touch_task(session, conversation, by)
    return message


def _notice(
    session: Session,
    conversation: Conversation,
    number: PracticeNumber,
    phone: Phone,
    *,
    by: Member,
    now: datetime,
    hold: timedelta,
) -> Message | None:
    """What goes before the first text to a number, and waits as long as it."""
    if not notices.is_due(session, by.practice, phone.id):
        return None
    body = notices.body_for(session, by.practice, phones.identities(session, [phone.id])[phone.id])
    return delivery.queue(
        session, conversation, number, phone, body, by=None, now=now, is_automatic=True, hold=hold
    )


def hold_of(member: Member) -> timedelta:
    """How long a text of this member's practice waits, and can be taken back."""
    return timedelta(seconds=member.practice.hold_seconds)


def _checked(session: Session, body: str, by: Member) -> str:
    body = body.replace("\r\n", "\n").replace("\x00", "").strip()
    if not body:
        raise Invalid(body="Write something first.")
    body += texts.signature_of(session, by)
    if len(body) > LONGEST_TEXT:
        raise Invalid(body=f"This is {len(body)} characters long; a text can have {LONGEST_TEXT}.")
    return body


def _refuse_when_stale(
    session: Session, conversation: Conversation, last_seen_message_id: UUID | None, by: Member
) -> None:
    if last_seen_message_id is None:
        return
    newest = thread.newest_message_id(session, conversation)
    if newest is None or newest == last_seen_message_id:
        return
    message = session.get_one(Message, newest)
    if message.sent_by_id == by.id:
        return
    who = "The patient"
    if message.direction is Direction.OUT and message.sent_by_id:
        who = briefs(session, by.practice_id, {message.sent_by_id})[message.sent_by_id].name
    raise NotPossible(f"{who} wrote in the meantime. Your text was not sent: read the new one first.")


def _touch_task(session: Session, conversation: Conversation, by: Member) -> None:
    """The patient has an answer; whoever answers a waiting task has it."""
    task = scope.open_task_of(session, conversation.id, lock=True)
    if task is None:
        return
    task.answered_at = clock.now(session)
    if by.practice.reply_assigns and transitions.take_by_reply(session, task, by=by) is not None:
        return
    transitions.announce(session, task, set(transitions.assignees_of(session, task)))


def start(
    session: Session, *, patient_id: UUID, phone_id: UUID, practice_number_id: UUID | None, by: Member
) -> Conversation:
    """Open the conversation with a patient's number, making it when there was none (A14, B63, D103)."""
    if by.messages is not Messages.ALL:
        raise NotAllowed("Your role does not let you start conversations.")
    patient = find_patient(session, by, patient_id)
    use = session.scalar(
        select(PhoneUse).where(
            PhoneUse.practice_id == by.practice_id,
            PhoneUse.patient_id == patient.id,
            PhoneUse.phone_id == phone_id,
            PhoneUse.ended_at.is_(None),
            ~exists().where(consent.OF_LINK, PatientContact.archived_at.is_not(None)),
        )
    )
    if use is None:
        raise NotFound("The patient is not reached at this number.")
    number = _number_for(session, by, patient, practice_number_id)
    phone = session.get_one(Phone, phone_id)
    identity = phones.identities(session, [phone.id])[phone.id]
    now = clock.now(session)
    conversation = conversations.conversation_for(session, number, phone, identity, now=now)
    if conversation.last_message_at is None:
        audit.record(
            session,
            by.practice_id,
            audit.Action.CONVERSATION_STARTED,
            by=by.id,
            at=now,
            subject_id=conversation.id,
            patient_id=patient.id,
        )
    return conversation


def _number_for(
    session: Session, by: Member, patient: Patient, practice_number_id: UUID | None
) -> PracticeNumber:
    numbers = reach.numbers_for(session, by)
    if not numbers:
        raise NotPossible("There is no number to write from. An admin can add one in Settings.")
    if practice_number_id is not None:
        chosen = next((number for number in numbers if number.id == practice_number_id), None)
        if chosen is None:
            raise NotFound("There is no such number.")
        return chosen
    same_site = [number for number in numbers if number.facility_id == patient.facility_id]
    return (same_site or numbers)[0]


def resend(session: Session, message: Message, *, by: Member) -> Message:
    """Send the words of a failed text again, as a new message. Raises `NotPossible` where it did not fail."""
    text = delivery.outbound_of(session, message.id, lock=True)
    if text is None or not _has_failed(text):
        raise NotPossible("Only a text that failed can be sent again.")
    if text.dismissed_at is not None:
        raise NotPossible("This text has already been dealt with.")
    conversation = scope.find_conversation(session, by, message.conversation_id, lock=True)
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can reply.")
    about = _reached_here(session, conversation, message.patient_id)
    if message.patient_id is not None and about is None:
        raise NotPossible("Whom this text was for is not reached at this number any more. Write a new text.")
    answer = _ask(session, by, conversation, message.body, about)
    if not answer.is_yes:
        raise NotPossible(reason_for(answer, by.practice.time_zone))
    now = clock.now(session)
    number = session.get_one(PracticeNumber, conversation.practice_number_id)
    phone = session.get_one(Phone, conversation.phone_id)
    again = delivery.queue(
        session, conversation, number, phone, message.body, by=by.id, now=now, resend_of_id=message.id
    )
    again.patient_id = about or again.patient_id
    delivery.dismiss(session, text, by=by.id, now=now)
    audit.record(
        session,
        by.practice_id,
        audit.Action.TEXT_RESENT,
        by=by.id,
        at=now,
        subject_id=again.id,
        of=message.id,
    )
    _touch_task(session, conversation, by)
    return again


def _reached_here(session: Session, conversation: Conversation, patient_id: UUID | None) -> UUID | None:
    """The patient for whom a text is, while they are reached at the number."""
    if patient_id is None:
        return None
    people = phones.identities(session, [conversation.phone_id])[conversation.phone_id].people
    return patient_id if patient_id in {person.patient_id for person in people} else None


def _has_failed(text: delivery.OutboundText) -> bool:
    return text.is_failed or text.state is delivery.OutboundState.NEEDS_PERSON


def dismiss(session: Session, message: Message, *, by: Member) -> None:
    """Take a failed text off the list of failures without sending it again. Safe to repeat.

    Raises `NotAllowed`, `NotPossible` (it did not fail: what fails later must be seen).
    """
    text = delivery.outbound_of(session, message.id, lock=True)
    if text is None or not _has_failed(text):
        raise NotPossible("Only a text that failed can be taken off the list.")
    conversation = scope.find_conversation(session, by, message.conversation_id)
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can do that.")
    delivery.dismiss(session, text, by=by.id, now=clock.now(session))
