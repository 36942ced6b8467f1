"""Small makers of what a test needs, by the product's own functions; everything but the session is by keyword."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import NORTH_NUMBER, PAT_NUMBER, Cast
from triage.domain.access.passkeys import Passkey
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying, scope, transitions
from triage.domain.inbox.task import State, Task, TaskMessage
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Inbound, Received, Via
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Contact, Patient, PatientContact, PatientKind, sort_key
from triage.domain.patients.phones import Phone, PhoneUse, phone_for
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, add_member, load_member, set_facilities
from triage.domain.practice.practice import Facility
from triage.domain.practice.privileges import Role
from triage.domain.practice.program import Program, ProgramRestriction
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock, secrets

_numbers = count(1)


def a_sid() -> str:
    """As the carrier names a text."""
    return f"SM{next(_numbers):032x}"


def a_number() -> str:
    """A mobile number that nobody else in this run has."""
    return f"+1202{5551000 + next(_numbers)}"


def a_text_from(
    number: str = PAT_NUMBER,
    body: str = "Can I come at nine?",
    *,
    to: str = NORTH_NUMBER,
    sid: str | None = None,
    media: Sequence[dict[str, str]] = (),
    opt_out_type: str | None = None,
) -> Received:
    """One text as the webhook reads it."""
    return Received(
        sid=sid or a_sid(),
        account="AC" + "1" * 32,
        from_number=number,
        to_number=to,
        body=body,
        media=list(media),
        opt_out_type=opt_out_type,
        params={},
    )


def received(
    session: Session, text: Received, *, practice_id: UUID, sent_at: datetime | None = None
) -> Inbound:
    """The text in the ledger, not filed yet; ends the act."""
    ledger.receive(session, practice_id, text, via=Via.WEBHOOK, sent_at=sent_at)
    session.commit()
    return session.scalars(
        select(Inbound).where(Inbound.provider_sid == text.sid).order_by(Inbound.id.desc()).limit(1)
    ).one()


def an_inbound(
    session: Session,
    *,
    cast: Cast,
    number: str = PAT_NUMBER,
    body: str = "Can I come at nine?",
    to: str = NORTH_NUMBER,
    sid: str | None = None,
    media: Sequence[dict[str, str]] = (),
    opt_out_type: str | None = None,
    sent_at: datetime | None = None,
    practice_id: UUID | None = None,
) -> Inbound:
    """A text that came and was filed; ends the act."""
    text = a_text_from(number, body, to=to, sid=sid, media=media, opt_out_type=opt_out_type)
    row = received(session, text, practice_id=practice_id or cast.practice_id, sent_at=sent_at)
    process.run_due()
    session.expire_all()
    return row


def task_of(session: Session, row: Inbound) -> Task | None:
    """The task that a filed text has, if it has one."""
    task_id = session.scalar(select(TaskMessage.task_id).where(TaskMessage.message_id == row.message_id))
    return scope.task_for_system(session, task_id) if task_id else None


def a_task(
    session: Session,
    *,
    cast: Cast,
    state: State = State.PENDING,
    assignees: Sequence[Member] = (),
    number: str | None = None,
    body: str = "Can I come at nine?",
    to: str = NORTH_NUMBER,
    sent_at: datetime | None = None,
) -> Task:
    """A task that a text from a new number opened, moved to `state` by Ana; ends the act.

    Assigned means to Ana where no `assignees` are named; a closed task was assigned before where they are.
    """
    row = an_inbound(session, cast=cast, number=number or a_number(), body=body, to=to, sent_at=sent_at)
    task = task_of(session, row)
    assert task is not None
    if state is State.ASSIGNED or assignees:
        transitions.assign(session, task, [one.id for one in assignees or [cast.ana]], by=cast.ana)
    if state is State.COMPLETED:
        transitions.complete(session, task, by=cast.ana)
    if state is State.DELETED:
        transitions.delete(session, task, by=cast.ana)
    session.commit()
    return task


def conversation_of(session: Session, task: Task) -> Conversation:
    return session.get_one(Conversation, task.conversation_id)


def a_reply(session: Session, *, by: Member, task: Task, body: str = "Yes, at nine.") -> Message:
    """A text to the patient behind this task, queued; ends the act."""
    message = replying.reply(session, conversation_of(session, task), body, by=by)
    session.commit()
    return message


def a_patient(
    session: Session,
    *,
    cast: Cast,
    first_name: str = "Robin",
    last_name: str = "Reed",
    number: str | None = None,
    facility: Facility | None = None,
    kind: PatientKind = PatientKind.PERSON,
    practice_id: UUID | None = None,
) -> Patient:
    """A patient, reached at `number` where one is given."""
    now = clock.now(session)
    patient = Patient(
        practice_id=practice_id or cast.practice_id,
        facility_id=facility.id if facility else None,
        kind=kind,
        first_name=first_name,
        last_name=last_name,
        name_key=sort_key(first_name, last_name),
        chart_number=f"T{next(_numbers)}",
        created_at=now,
    )
    session.add(patient)
    session.flush()
    if number:
        a_use(session, patient=patient, number=number)
    return patient


def a_use(session: Session, *, patient: Patient, number: str, contact: Contact | None = None) -> PhoneUse:
    """The patient, or a person on the record, is reached at this number."""
    phone = phone_for(session, patient.practice_id, number, now=clock.now(session))
    use = PhoneUse(
        practice_id=patient.practice_id,
        phone_id=phone.id,
        patient_id=patient.id,
        contact_id=contact.id if contact else None,
    )
    session.add(use)
    session.flush()
    return use


def a_contact(
    session: Session, *, of: Sequence[Patient], name: str = "Maria Moss", relation: str = "owner"
) -> Contact:
    """A person on the record of these patients."""
    contact = Contact(
        practice_id=of[0].practice_id, name=name, name_key=sort_key(name), created_at=clock.now(session)
    )
    session.add(contact)
    session.flush()
    session.add_all(
        PatientContact(
            practice_id=patient.practice_id, patient_id=patient.id, contact_id=contact.id, relation=relation
        )
        for patient in of
    )
    session.flush()
    return contact


def a_phone(session: Session, *, cast: Cast, number: str | None = None) -> Phone:
    return phone_for(session, cast.practice_id, number or a_number(), now=clock.now(session))


def a_role(session: Session, *, cast: Cast, **given: object) -> Role:
    """A role made for one test."""
    role = Role(practice_id=cast.practice_id, name=f"Role {next(_numbers)}", **given)
    session.add(role)
    session.flush()
    return role


def a_member(
    session: Session,
    *,
    cast: Cast,
    role: Role,
    name: str = "Eve Ellis",
    facilities: Sequence[Facility] = (),
    kept_out_of: Sequence[Program] = (),
) -> Member:
    """One more member, loaded in full and let go of, as the cast is; ends the act."""
    member = add_member(
        session,
        cast.practice_id,
        login=f"member{next(_numbers)}",
        name=name,
        role_id=role.id,
        password_hash=None,
        now=clock.now(session),
    )
    set_facilities(session, member, {facility.id for facility in facilities})
    session.add_all(
        ProgramRestriction(practice_id=cast.practice_id, member_id=member.id, program_id=program.id)
        for program in kept_out_of
    )
    session.commit()
    loaded = load_member(session, member.id)
    assert loaded is not None
    for thing in (*loaded.at_facilities, *loaded.kept_out_of, loaded.role, loaded.practice, loaded):
        session.expunge(thing)
    return loaded


def a_program(session: Session, *, cast: Cast) -> Program:
    program = Program(practice_id=cast.practice_id, name=f"Program {next(_numbers)}")
    session.add(program)
    session.flush()
    return program


def a_place_in_care_team(
    session: Session, *, patient: Patient, member: Member, is_primary: bool = False
) -> None:
    session.add(
        CareTeamMember(
            practice_id=patient.practice_id, patient_id=patient.id, member_id=member.id, is_primary=is_primary
        )
    )
    session.flush()


def a_passkey(session: Session, member: Member) -> Passkey:
    """As it lies in the table; no device answers for it, and it asks nobody for it at sign-in."""
    passkey = Passkey(
        practice_id=member.practice_id,
        member_id=member.id,
        name="Laptop",
        credential_id=f"credential {next(_numbers)}".encode(),
        public_key=b"a public key",
        sign_count=0,
        created_at=clock.now(session),
    )
    session.add(passkey)
    session.flush()
    return passkey


def a_session(session: Session, member: Member, *, browser: str = "Firefox/140 (Windows)") -> MemberSession:
    """Signed in on one more browser, whose token nobody has."""
    token = sign_in.start_session(session, member, browser=browser, now=clock.now(session))
    session.flush()
    return session.scalars(
        select(MemberSession).where(MemberSession.token_digest == secrets.digest(token))
    ).one()


def ago(session: Session, **by: float) -> datetime:
    """That long before this act: `ago(session, days=7)`."""
    return clock.now(session) - timedelta(**by)
