"""One patient's page: who it is, how they are reached, who looks after them, and what was written."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox.folders import Slug, slugs_for
from triage.domain.inbox.scope import visible_conversations, visible_messages, visible_tasks
from triage.domain.inbox.task import OPEN, Task
from triage.domain.inbox.thread import CONSENT_SENTENCES
from triage.domain.patients import care_team, consent, troubles, verification
from triage.domain.patients.care_team import Place
from triage.domain.patients.consent import ConsentEvent, ConsentKind, Leg, Purpose
from triage.domain.patients.patient import (
    Contact,
    Enrolment,
    Patient,
    PatientContact,
    PatientKind,
    find_patient,
)
from triage.domain.patients.phones import Identity, Known, Phone, PhoneUse, identities, uses_by_patient
from triage.domain.patients.verification import Shown
from triage.domain.practice.member import Brief, Member, briefs
from triage.domain.practice.practice import Facility, Practice, PracticeNumber
from triage.domain.practice.program import Program
from triage.kit import clock
from triage.kit.errors import NotFound

MOST_CONVERSATIONS = 20
MOST_EVENTS = 20
SNIPPET = 140

# How a number's answer to "may we text it?" reads on the page, with its tone.
TEXTING: dict[Leg | None, tuple[str, str]] = {
    None: ("Enabled", "ok"),
    Leg.PRACTICE_OFF: ("Practice does not text", "warn"),
    Leg.NOT_A_MOBILE: ("Cannot be texted", "neutral"),
    Leg.OPTED_OUT: ("Opted out", "danger"),
    Leg.MAY_HAVE_OPTED_OUT: ("Opt-out to decide", "warn"),
    Leg.NUMBER_OFF: ("Turned off", "warn"),
    Leg.PATIENT_OFF: ("Turned off", "warn"),
    Leg.LANDLINE: ("Landline", "neutral"),
    Leg.NOT_CURRENT: ("No longer linked", "neutral"),
    # Where it counts, the number says how far it has come.
    Leg.NOT_VERIFIED: ("Not confirmed", "neutral"),
    Leg.NO_CONSENT: ("Not asked", "neutral"),
}


class Number(NamedTuple):
    """A number and whether it may be texted; `is_shared` when others are reached there too.

    `is_held_by_carrier`: the patient texted STOP, and only a START from that phone undoes it. `verification` is how
    far the person has confirmed who they are, where the practice asks for that.
    """

    use_id: UUID
    phone_id: UUID
    contact_id: UUID | None
    label: str
    number: str
    texting: str
    tone: str
    since: datetime | None
    is_shared: bool
    is_on: bool
    is_current: bool
    needs_consent: bool
    is_opted_out: bool
    is_held_by_carrier: bool
    trouble: troubles.Told | None
    verification: Shown | None


class Written(NamedTuple):
    """A conversation as far as the member may see it; `task_id` and `state` of its newest task.

    `is_past`: the number is not this patient's any more.
    """

    id: UUID
    number: str
    practice_number: str
    is_shared: bool
    last_at: datetime
    is_from_us: bool
    snippet: str
    task_id: UUID | None
    state: str | None
    is_past: bool


class Event(NamedTuple):
    """A step of the consent history; `by` is None for the patient and the carrier."""

    at: datetime
    number: str
    text: str
    by: Brief | None


class Record(NamedTuple):
    """`owner_name` is the person behind an animal; `folder` is where the member opens conversations."""

    patient: Patient
    owner_name: str | None
    alerts: tuple[str, ...]
    numbers: list[Number]
    clock: str
    facility: str | None
    programs: list[str]
    care_team: list[Place]
    conversations: list[Written]
    consent: list[Event]
    folder: str


def read_record(session: Session, member: Member, patient_id: UUID) -> Record:
    """Raises `NotFound` for a patient outside the member's directory."""
    patient = find_patient(session, member, patient_id)
    uses = uses_by_patient(session, member.practice_id, patient.id)
    phones = [phone for _, phone, _ in uses]
    return Record(
        patient=patient,
        owner_name=owner_name(session, patient),
        alerts=tuple(line for line in (patient.alerts or "").splitlines() if line.strip()),
        numbers=numbers_of(session, member, patient),
        clock=clock_of(patient, member.practice, clock.now(session)),
        facility=facility_name(session, patient),
        programs=programs_of(session, patient),
        care_team=care_team.team_of(session, member.practice_id, patient.id),
        conversations=_conversations(session, member, patient.id, [phone.id for phone in phones]),
        consent=_consent(session, member, [phone.id for phone in phones]),
        folder=(Slug.ALL if Slug.ALL in slugs_for(member) else Slug.MINE_ALL).value,
    )


def find_use(
    session: Session, member: Member, patient_id: UUID, use_id: UUID, *, is_ended: bool = False
) -> tuple[PhoneUse, Phone]:
    """A number of a patient in the member's directory, or one that was theirs, locked. Raises `NotFound`."""
    patient = find_patient(session, member, patient_id)
    found = session.execute(
        select(PhoneUse, Phone)
        .join(Phone, Phone.id == PhoneUse.phone_id)
        .where(
            PhoneUse.practice_id == member.practice_id,
            PhoneUse.patient_id == patient.id,
            PhoneUse.id == use_id,
            PhoneUse.ended_at.is_not(None) if is_ended else PhoneUse.ended_at.is_(None),
        )
        .with_for_update()
    ).first()
    if found is None:
        was = "linked to the patient already" if is_ended else "no longer linked to the patient"
        raise NotFound(f"This number is {was}.")
    use, phone = found
    return use, phone


def owner_name(session: Session, patient: Patient) -> str | None:
    """The person behind an animal."""
    contacts = _contacts(session, patient) if patient.kind is PatientKind.ANIMAL else ()
    return next((contact.name for contact in contacts), None)


def _contacts(session: Session, patient: Patient) -> Sequence[Contact]:
    """People on the record, an owner first."""
    query = (
        select(Contact)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(PatientContact.patient_id == patient.id, PatientContact.archived_at.is_(None))
        .order_by(PatientContact.relation != "owner", Contact.name_key)
    )
    return session.scalars(query).all()


def _archived_contacts(session: Session, patient: Patient) -> set[UUID]:
    query = select(PatientContact.contact_id)
    return set(
        session.scalars(
            query.where(PatientContact.patient_id == patient.id, PatientContact.archived_at.is_not(None))
        )
    )


def numbers_of(session: Session, member: Member, patient: Patient) -> list[Number]:
    """Every number of the patient, with the gate's answer to whether it may be texted."""
    uses = uses_by_patient(session, member.practice_id, patient.id)
    known = identities(session, [phone.id for _, phone, _ in uses])
    wrote = _who_wrote(session, member, [phone.id for _, phone, _ in uses])
    asks = member.practice.verification_on
    born_on = verification.born_on_by_use(session, [use.id for use, _, _ in uses]) if asks else {}
    archived = _archived_contacts(session, patient)
    numbers = []
    for use, phone, label in uses:
        identity = known[phone.id]
        is_current = use.ended_at is None and use.contact_id not in archived
        facts = consent.gather(
            session, member.practice, phone, identity, wrote_first=phone.id in wrote, about=patient.id
        )
        answer = consent.may_text(facts, Purpose.REPLY)
        leg = answer.leg if is_current else Leg.NOT_CURRENT
        asked = verification.shown(use, phone, born_on[use.id]) if asks and is_current else None
        word, tone = (asked.word, asked.tone) if asked and leg is Leg.NOT_VERIFIED else TEXTING[leg]
        numbers.append(
            Number(
                use_id=use.id,
                phone_id=phone.id,
                contact_id=use.contact_id,
                label=label,
                number=phone.number,
                texting=word,
                tone=tone,
                since=answer.since or use.ended_at,
                is_shared=identity.known is Known.SHARED,
                is_on=phone.texting_on,
                is_current=is_current,
                needs_consent=leg is Leg.NO_CONSENT,
                is_opted_out=phone.opted_out_at is not None,
                is_held_by_carrier=phone.opted_out_how in consent.HELD_BY_CARRIER,
                trouble=troubles.told(phone),
                verification=asked,
            )
        )
    return numbers


def _who_wrote(session: Session, member: Member, phone_ids: list[UUID]) -> set[UUID]:
    """Numbers that have texted the practice: a reply to them counts as asked for."""
    return set(
        session.scalars(
            select(Conversation.phone_id).where(
                Conversation.practice_id == member.practice_id,
                Conversation.phone_id.in_(phone_ids),
                Conversation.last_inbound_at.is_not(None),
            )
        )
    )


def clock_of(patient: Patient, practice: Practice, now: datetime) -> str:
    """What time it is where the patient is, where that is another time than the practice's."""
    if patient.time_zone is None:
        return ""
    there = now.astimezone(ZoneInfo(patient.time_zone))
    is_same = there.utcoffset() == now.astimezone(ZoneInfo(practice.time_zone)).utcoffset()
    return "" if is_same else f"{there:%H:%M} in {patient.time_zone.rpartition('/')[2].replace('_', ' ')}"


def facility_name(session: Session, patient: Patient) -> str | None:
    return name_of_facility(session, patient.facility_id) if patient.facility_id else None


def name_of_facility(session: Session, facility_id: UUID) -> str | None:
    return session.scalar(select(Facility.name).where(Facility.id == facility_id))


def programs_of(session: Session, patient: Patient) -> list[str]:
    query = (
        select(Program.name)
        .join(Enrolment, Enrolment.program_id == Program.id)
        .where(Enrolment.patient_id == patient.id)
        .order_by(Program.name)
    )
    return list(session.scalars(query))


def _conversations(
    session: Session, member: Member, patient_id: UUID, phone_ids: list[UUID]
) -> list[Written]:
    """The conversations with numbers that the patient has or had, the latest first, as far as the member may see
    them, and as far as they are not another patient's."""
    query = (
        visible_conversations(member)
        .where(Conversation.phone_id.in_(phone_ids), Conversation.last_message_at.is_not(None))
        .join(Phone, Phone.id == Conversation.phone_id)
        .join(PracticeNumber, PracticeNumber.id == Conversation.practice_number_id)
        .order_by(Conversation.last_message_at.desc(), Conversation.id)
        .limit(MOST_CONVERSATIONS)
        .with_only_columns(Conversation, Phone.number, PracticeNumber.label)
    )
    found = session.execute(query).all()
    ids = [row[0].id for row in found]
    known = identities(session, {row[0].phone_id for row in found})
    # Texts that are nobody's yet can be this patient's only where they are reached now.
    open_ones = [
        row[0].id for row in found if patient_id in {one.patient_id for one in known[row[0].phone_id].people}
    ]
    messages = _newest_messages(session, member, ids, patient_id, open_ones)
    tasks = _newest_tasks(session, member, ids, patient_id, open_ones)
    return [
        _written(
            conversation,
            number,
            label,
            messages[conversation.id],
            tasks.get(conversation.id),
            known[conversation.phone_id],
            is_past=conversation.id not in open_ones,
        )
        for conversation, number, label in found
        if conversation.id in messages
    ]


def _written(
    conversation: Conversation,
    number: str,
    label: str,
    message: Message,
    task: Task | None,
    identity: Identity,
    *,
    is_past: bool,
) -> Written:
    snippet = message.body if len(message.body) <= SNIPPET else message.body[:SNIPPET].rstrip() + "…"
    return Written(
        id=conversation.id,
        number=number,
        practice_number=label,
        is_shared=identity.known is Known.SHARED,
        last_at=message.at,
        is_from_us=message.direction is Direction.OUT,
        snippet=snippet,
        task_id=task.id if task else None,
        state=task.state.value if task else None,
        is_past=is_past,
    )


def _newest_messages(
    session: Session, member: Member, ids: list[UUID], patient_id: UUID, open_ones: list[UUID]
) -> dict[UUID, Message]:
    """What people wrote goes before what was sent by itself."""
    query = (
        visible_messages(member)
        .where(Message.conversation_id.in_(ids))
        .where(
            or_(
                Message.patient_id == patient_id,
                and_(Message.patient_id.is_(None), Message.conversation_id.in_(open_ones)),
            )
        )
        .ext(distinct_on(Message.conversation_id))
        .order_by(Message.conversation_id, Message.is_automatic, Message.at.desc(), Message.id.desc())
    )
    return {message.conversation_id: message for message in session.scalars(query)}


def _newest_tasks(
    session: Session, member: Member, ids: list[UUID], patient_id: UUID, open_ones: list[UUID]
) -> dict[UUID, Task]:
    query = (
        visible_tasks(member)
        .where(Task.conversation_id.in_(ids))
        .where(
            or_(
                Task.patient_id == patient_id,
                and_(Task.patient_id.is_(None), Task.conversation_id.in_(open_ones)),
            )
        )
        .ext(distinct_on(Task.conversation_id))
        .order_by(Task.conversation_id, Task.state.in_(OPEN).desc(), Task.opened_at.desc(), Task.id.desc())
    )
    return {task.conversation_id: task for task in session.scalars(query)}


def _consent(session: Session, member: Member, phone_ids: list[UUID]) -> list[Event]:
    """What changed whether these numbers may be texted, the latest first."""
    query = (
        select(ConsentEvent, Phone.number)
        .join(Phone, Phone.id == ConsentEvent.phone_id)
        .where(ConsentEvent.practice_id == member.practice_id, ConsentEvent.phone_id.in_(phone_ids))
        .where(ConsentEvent.kind.in_(CONSENT_SENTENCES), ConsentEvent.kind != ConsentKind.HELP)
        .order_by(ConsentEvent.at.desc(), ConsentEvent.id.desc())
        .limit(MOST_EVENTS)
    )
    found = session.execute(query).all()
    people = briefs(session, member.practice_id, {row[0].member_id for row in found if row[0].member_id})
    return [
        Event(
            event.at,
            number,
            CONSENT_SENTENCES[event.kind],
            people.get(event.member_id) if event.member_id else None,
        )
        for event, number in found
    ]
