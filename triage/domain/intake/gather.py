"""Gather: every fact that a batch of texts needs, with a few queries for all of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload, selectinload

from triage.domain.conversations.conversation import Conversation, facility_for
from triage.domain.conversations.message import Message
from triage.domain.inbox import assignment, rows
from triage.domain.inbox.assignment import Candidate
from triage.domain.inbox.task import OPEN, State, Task, TaskEvent
from triage.domain.intake.ledger import Inbound
from triage.domain.patients import care_team, phones
from triage.domain.patients.patient import Enrolment
from triage.domain.patients.phones import Identity, Phone
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db

LONGEST_WINDOW = timedelta(days=90)


class LastSent(NamedTuple):
    member_id: UUID
    at: datetime


class Facts(NamedTuple):
    """Everything `decide` needs. Conversations exist and are locked, and so are their open tasks."""

    now: datetime
    rows: Sequence[Inbound]
    practices: dict[UUID, Practice]
    conversation_of: dict[UUID, Conversation]
    phones: dict[UUID, Phone]
    identities: dict[UUID, Identity]
    open_tasks: dict[UUID, Task]
    touched: set[UUID]
    assignees: dict[UUID, list[UUID]]
    last_sent: dict[UUID, LastSent]
    care_teams: dict[UUID, list[tuple[UUID, bool]]]
    members: dict[UUID, Member]
    open_counts: dict[UUID, int]
    programs: dict[UUID, set[UUID]]


def gather(session: Session, rows_: Sequence[Inbound]) -> Facts:
    """Also makes the numbers and conversations that these texts are the first of."""
    now = clock.now(session)
    practices = _practices(session, rows_)
    numbers = _numbers(session, rows_)
    phones_by_key = _phones(session, rows_, now)
    phone_ids = {phone.id for phone in phones_by_key.values()}
    identities = phones.identities(session, phone_ids)
    conversation_of = _conversations(session, rows_, numbers, phones_by_key, identities, now)
    conversations = {conversation.id: conversation for conversation in conversation_of.values()}
    open_tasks = _open_tasks(session, conversations)
    patients = {c.patient_id for c in conversations.values() if c.patient_id}
    last_sent = _last_sent(session, conversations.values(), now)
    teams = _care_teams(session, practices.values(), patients)
    wanted = {one.member_id for one in last_sent.values()} | {
        id_ for team in teams.values() for id_, _ in team
    }
    return Facts(
        now=now,
        rows=rows_,
        practices=practices,
        conversation_of=conversation_of,
        phones={phone.id: phone for phone in phones_by_key.values()},
        identities=identities,
        open_tasks=open_tasks,
        touched=_touched(session, open_tasks.values()),
        assignees=rows.open_assignees(session, {task.id for task in open_tasks.values()}),
        last_sent=last_sent,
        care_teams=teams,
        members=_members(session, wanted),
        open_counts=_open_counts(session, practices, {id_ for team in teams.values() for id_, _ in team}),
        programs=_programs(session, patients),
    )


def _practices(session: Session, rows_: Iterable[Inbound]) -> dict[UUID, Practice]:
    found = session.scalars(select(Practice).where(Practice.id.in_({row.practice_id for row in rows_})))
    return {practice.id: practice for practice in found}


def _numbers(session: Session, rows_: Sequence[Inbound]) -> dict[tuple[UUID, str], PracticeNumber]:
    """The practice numbers that were texted. One that nobody set up yet is added, so that its texts are seen."""
    keys = {(row.practice_id, row.to_number) for row in rows_}
    query = select(PracticeNumber).where(tuple_(PracticeNumber.practice_id, PracticeNumber.number).in_(keys))
    known = {(number.practice_id, number.number): number for number in session.scalars(query)}
    for practice_id, to_number in keys - known.keys():
        session.execute(
            insert(PracticeNumber).values(
                id=db.new_id(), practice_id=practice_id, number=to_number, label="Not set up yet"
            )
        )
    if keys - known.keys():
        known = {(number.practice_id, number.number): number for number in session.scalars(query)}
    return known


def _phones(session: Session, rows_: Sequence[Inbound], now: datetime) -> dict[tuple[UUID, str], Phone]:
    keys = {(row.practice_id, row.from_number) for row in rows_}
    query = select(Phone).where(tuple_(Phone.practice_id, Phone.number).in_(keys))
    known = {(phone.practice_id, phone.number): phone for phone in session.scalars(query)}
    missing = sorted(keys - known.keys())
    if missing:
        session.execute(
            insert(Phone)
            .values(
                [
                    {
                        "id": db.new_id(),
                        "practice_id": practice_id,
                        "number": number,
                        "texting_on": True,
                        "is_landline": False,
                        "created_at": now,
                    }
                    for practice_id, number in missing
                ]
            )
            .on_conflict_do_nothing()
        )
        known = {(phone.practice_id, phone.number): phone for phone in session.scalars(query)}
    return known


def _conversations(
    session: Session,
    rows_: Sequence[Inbound],
    numbers: dict[tuple[UUID, str], PracticeNumber],
    phones_by_key: dict[tuple[UUID, str], Phone],
    identities: dict[UUID, Identity],
    now: datetime,
) -> dict[UUID, Conversation]:
    """The conversation of each row, by the row's id; all are locked, in a steady order."""
    ends = {
        row.id: (numbers[row.practice_id, row.to_number], phones_by_key[row.practice_id, row.from_number])
        for row in rows_
    }
    keys = {(number.id, phone.id) for number, phone in ends.values()}
    query = (
        select(Conversation)
        .where(tuple_(Conversation.practice_number_id, Conversation.phone_id).in_(keys))
        .order_by(Conversation.id)
        .with_for_update()
    )
    known = {(one.practice_number_id, one.phone_id): one for one in session.scalars(query)}
    missing = {
        (number.id, phone.id): (number, phone)
        for number, phone in ends.values()
        if (number.id, phone.id) not in known
    }
    if missing:
        session.execute(
            insert(Conversation)
            .values(
                [
                    {
                        "id": db.new_id(),
                        "practice_id": number.practice_id,
                        "practice_number_id": number.id,
                        "phone_id": phone.id,
                        "patient_id": identities[phone.id].patient_id,
                        "facility_id": facility_for(number, identities[phone.id]),
                        "created_at": now,
                    }
                    for number, phone in missing.values()
                ]
            )
            .on_conflict_do_nothing()
        )
        known = {(one.practice_number_id, one.phone_id): one for one in session.scalars(query)}
    by_row = {row_id: known[number.id, phone.id] for row_id, (number, phone) in ends.items()}
    for number, phone in ends.values():
        conversation = known[number.id, phone.id]
        conversation.patient_id = identities[phone.id].patient_id
        conversation.facility_id = facility_for(number, identities[phone.id])
    return by_row


def _open_tasks(session: Session, conversations: dict[UUID, Conversation]) -> dict[UUID, Task]:
    tasks = session.scalars(
        select(Task)
        .where(Task.conversation_id.in_(conversations), Task.state.in_(OPEN), Task.gathers)
        .order_by(Task.id)
        .with_for_update()
    )
    return {task.conversation_id: task for task in tasks}


def _touched(session: Session, tasks: Iterable[Task]) -> set[UUID]:
    """Tasks that a person has moved: rules leave them alone."""
    pending = {task.id for task in tasks if task.state is State.PENDING}
    if not pending:
        return set()
    return set(
        session.scalars(
            select(TaskEvent.task_id).where(TaskEvent.task_id.in_(pending), TaskEvent.member_id.is_not(None))
        )
    )


def _last_sent(
    session: Session, conversations: Iterable[Conversation], now: datetime
) -> dict[UUID, LastSent]:
    """By conversation: the member who last wrote a message of their own to the patient, on any number."""
    conversations = list(conversations)
    of_patient = {c.patient_id for c in conversations if c.patient_id}
    related = (
        list(
            session.execute(
                select(Conversation.id, Conversation.patient_id).where(
                    Conversation.patient_id.in_(of_patient)
                )
            )
        )
        if of_patient
        else []
    )
    ids = {c.id for c in conversations} | {row.id for row in related}
    wanted = select(func.unnest(list(ids)).label("conversation_id")).subquery()
    newest = (
        select(Message.sent_by_id, Message.at)
        .where(
            Message.conversation_id == wanted.c.conversation_id,
            Message.sent_by_id.is_not(None),
            ~Message.is_automatic,
            Message.at >= now - LONGEST_WINDOW,
        )
        .order_by(Message.at.desc())
        .limit(1)
        .lateral()
    )
    rows_ = session.execute(
        select(wanted.c.conversation_id, newest.c.sent_by_id, newest.c.at).join(newest, true())
    )
    by_conversation = {row.conversation_id: LastSent(row.sent_by_id, row.at) for row in rows_}
    by_patient: dict[UUID, LastSent] = {}
    for row in related:
        sent = by_conversation.get(row.id)
        if sent and (row.patient_id not in by_patient or sent.at > by_patient[row.patient_id].at):
            by_patient[row.patient_id] = sent
    found = {
        c.id: by_patient.get(c.patient_id) if c.patient_id else by_conversation.get(c.id)
        for c in conversations
    }
    return {id_: sent for id_, sent in found.items() if sent is not None}


def _care_teams(
    session: Session, practices: Iterable[Practice], patients: set[UUID]
) -> dict[UUID, list[tuple[UUID, bool]]]:
    if not patients or not any(practice.assign_care_team for practice in practices):
        return {}
    return care_team.member_ids_by_patient(session, patients)


def _members(session: Session, ids: set[UUID]) -> dict[UUID, Member]:
    if not ids:
        return {}
    members = session.scalars(
        select(Member)
        .where(Member.id.in_(ids))
        .options(
            joinedload(Member.role, innerjoin=True),
            selectinload(Member.at_facilities),
            selectinload(Member.kept_out_of),
        )
    )
    return {member.id: member for member in members}


def _open_counts(session: Session, practices: Iterable[UUID], members: set[UUID]) -> dict[UUID, int]:
    if not members:
        return {}
    rows_ = session.execute(
        select(Task.owner_id, func.count())
        .where(Task.practice_id.in_(list(practices)), Task.owner_id.in_(members), Task.state.in_(OPEN))
        .group_by(Task.owner_id)
    )
    return {owner_id: count for owner_id, count in rows_ if owner_id is not None}


def _programs(session: Session, patients: set[UUID]) -> dict[UUID, set[UUID]]:
    programs: dict[UUID, set[UUID]] = {}
    if patients:
        for row in session.execute(
            select(Enrolment.patient_id, Enrolment.program_id).where(Enrolment.patient_id.in_(patients))
        ):
            programs.setdefault(row.patient_id, set()).add(row.program_id)
    return programs


def candidate(facts: Facts, member: Member, conversation: Conversation) -> Candidate:
    """A member as the rules see one for this conversation."""
    programs = facts.programs.get(conversation.patient_id, set()) if conversation.patient_id else set()
    kept_out = {restriction.program_id for restriction in member.kept_out_of}
    own = {place.facility_id for place in member.at_facilities}
    return Candidate(
        id=member.id,
        name=member.name,
        is_active=member.is_active,
        may_read=member.messages is not Messages.NONE,
        is_at_facility=(
            not member.role.own_facilities_only
            or conversation.facility_id is None
            or conversation.facility_id in own
        ),
        is_in_program=not programs or bool(programs - kept_out),
        is_away=member.is_away,
        is_available=member.is_available_for_chat,
        open_tasks=facts.open_counts.get(member.id, 0),
    )


def rule_facts(facts: Facts, conversation: Conversation, at: datetime) -> assignment.Facts:
    """What the assignment rules need for a text of this conversation that came at `at`."""
    practice = facts.practices[conversation.practice_id]
    sent = facts.last_sent.get(conversation.id)
    team = facts.care_teams.get(conversation.patient_id, []) if conversation.patient_id else []
    wanted = {id_ for id_, _ in team} | ({sent.member_id} if sent else set())
    return assignment.Facts(
        now=at,
        settings=assignment.Settings(
            last_sender=practice.assign_last_sender,
            last_sender_within=timedelta(days=practice.last_sender_days),
            care_team=practice.assign_care_team,
        ),
        last_sender_id=sent.member_id if sent else None,
        last_sent_at=sent.at if sent else None,
        care_team=team,
        members={
            id_: candidate(facts, facts.members[id_], conversation) for id_ in wanted & facts.members.keys()
        },
    )
