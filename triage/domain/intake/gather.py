"""Gather: every fact that a batch of texts needs, with a few queries for all of them, each built once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, String, Uuid, bindparam, exists, func, literal, select, true, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation, facility_for
from triage.domain.conversations.message import Message
from triage.domain.inbox import assignment, rows
from triage.domain.inbox.assignment import Candidate
from triage.domain.inbox.task import Task, TaskEvent, is_open
from triage.domain.intake.facts import (
    ConversationFacts,
    Facts,
    LastSent,
    MemberFacts,
    NumberFacts,
    PhoneFacts,
    TaskFacts,
)
from triage.domain.intake.ledger import Leased
from triage.domain.patients import care_team, phones, told, verification
from triage.domain.patients.patient import Enrolment
from triage.domain.patients.phones import Identity, Phone
from triage.domain.practice.member import Member, MemberFacility
from triage.domain.practice.practice import Practice, PracticeNumber
from triage.domain.practice.privileges import Messages, Role
from triage.domain.practice.program import ProgramRestriction
from triage.kit import clock, db
from triage.kit.bulk import Addition, Rows
from triage.kit.errors import NotFound

LONGEST_WINDOW = timedelta(days=90)
# Who has this many open tasks has many; a count must not grow with the practice.
MOST_COUNTED = 1000
NOT_SET_UP = "Not set up yet"


def gather(session: Session, texts: Sequence[Leased]) -> Facts:
    """Also makes the numbers and conversations that these texts are the first of."""
    now = clock.now(session)
    numbers = _numbers(session, texts)
    phones_by_key = _phones(session, texts, now)
    conversation_of, identities = _conversations(session, texts, numbers, phones_by_key, now)
    conversations = {conversation.id: conversation for conversation in conversation_of.values()}
    open_tasks = _open_tasks(session, conversations)
    last_sent = _last_sent(session, conversations.values(), now)
    teams = _care_teams(session, conversations.values())
    members = _members(session, last_sent.values(), teams.values())
    return Facts(
        now=now,
        rows=texts,
        conversation_of=conversation_of,
        phones={phone.id: phone for phone in phones_by_key.values()},
        open_tasks=open_tasks,
        assignees=rows.open_assignees(session, {task.id for task in open_tasks.values() if task.owner_id}),
        last_sent=last_sent,
        care_teams=teams,
        members=members,
        open_counts=_open_counts(session, teams.values()),
        programs=_programs(session, conversations.values(), members.values()),
        listeners=told.listeners(
            session, [one for one in conversations.values() if one.number.has_listeners]
        ),
        asked=verification.lock_pending(session, verification.pending_of(identities.values())),
    )


def look_ahead(session: Session, text: Leased, rules: assignment.Settings | None = None) -> Facts:
    """The facts for a text that has not come, under other rules where they are given. Nothing is made or locked.

    Raises `NotFound` where the practice has no such number.
    """
    number = _numbers_at(session, [(text.practice_id, text.to_number)]).get(
        (text.practice_id, text.to_number)
    )
    if number is None:
        raise NotFound("There is no such number.")
    if rules is not None:
        number = number._replace(
            assign_last_sender=rules.last_sender,
            last_sender_days=rules.last_sender_within.days,
            assign_care_team=rules.care_team,
        )
    nobody = PhoneFacts(db.new_id(), text.practice_id, text.from_number, None, None, None)
    key = (text.practice_id, text.from_number)
    phone = _phones_at(session, [key]).get(key, nobody)
    conversation = _conversation_ahead(session, text.practice_id, number, phone)
    of_text = {conversation.id: conversation}
    open_tasks = {row.conversation_id: TaskFacts._make(row) for row in session.execute(_OPEN, _ids(of_text))}
    last_sent = _last_sent(session, [conversation], text.sent_at)
    teams = _care_teams(session, [conversation])
    members = _members(session, last_sent.values(), teams.values())
    return Facts(
        now=text.sent_at,
        rows=[text],
        conversation_of={text.id: conversation},
        phones={phone.id: phone},
        open_tasks=open_tasks,
        assignees=rows.open_assignees(session, {task.id for task in open_tasks.values() if task.owner_id}),
        last_sent=last_sent,
        care_teams=teams,
        members=members,
        open_counts=_open_counts(session, teams.values()),
        programs=_programs(session, [conversation], members.values()),
        listeners={},
        asked={},
    )


def _conversation_ahead(
    session: Session, practice_id: UUID, number: NumberFacts, phone: PhoneFacts
) -> ConversationFacts:
    """The conversation between these two, or the one that the text would be the first of."""
    identity = phones.identities(session, [phone.id]).get(phone.id) or phones.identify(())
    known = session.execute(
        select(Conversation.id, Conversation.chosen_patient_id).where(
            Conversation.practice_number_id == number.id, Conversation.phone_id == phone.id
        )
    ).first()
    identity = phones.narrowed(identity, known.chosen_patient_id if known else None)
    return ConversationFacts(
        id=known.id if known else db.new_id(),
        practice_id=practice_id,
        number=number,
        phone_id=phone.id,
        patient_id=identity.patient_id,
        facility_id=facility_for(number.facility_id, identity),
        last_inbound_at=None,
        last_message_at=None,
        unread_since=None,
    )


# ---- both ends: the practice's number and the patient's ----

_KEYS = Rows("key", {"practice_id": Uuid(), "number": String()})
_key = _KEYS.table.c

_NUMBERS = (
    select(
        PracticeNumber.id,
        PracticeNumber.practice_id,
        PracticeNumber.number,
        PracticeNumber.facility_id,
        Practice.task_per_message,
        Practice.assign_last_sender,
        Practice.last_sender_days,
        Practice.assign_care_team,
        Practice.closed_reply_on,
        told.has_listeners(Practice.id.expression).label("has_listeners"),
        Practice.verification_on,
        Practice.region,
    )
    .join(
        _KEYS.table,
        (PracticeNumber.number == _key.number) & (PracticeNumber.practice_id == _key.practice_id),
    )
    .join(Practice, Practice.id == PracticeNumber.practice_id)
)
_PHONES = select(
    Phone.id, Phone.practice_id, Phone.number, Phone.opted_out_at, Phone.opted_out_how, Phone.trouble_at
).join(_KEYS.table, (Phone.practice_id == _key.practice_id) & (Phone.number == _key.number))


_NEW_PHONES = Addition(
    db.Base.metadata.tables["phone"],
    ("id", "practice_id", "number", "texting_on", "is_landline", "created_at"),
    unless_there=True,
)


def _numbers(session: Session, texts: Sequence[Leased]) -> dict[tuple[UUID, str], NumberFacts]:
    """The practice numbers that were texted. One that nobody set up yet is added, so that its texts are seen."""
    keys = {(text.practice_id, text.to_number) for text in texts}
    known = _numbers_at(session, keys)
    missing = sorted(keys - known.keys())
    for practice_id, to_number in missing:
        session.execute(
            insert(PracticeNumber).values(
                id=db.new_id(), practice_id=practice_id, number=to_number, label=NOT_SET_UP
            )
        )
    return {**known, **_numbers_at(session, missing)} if missing else known


def _numbers_at(session: Session, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], NumberFacts]:
    found = (NumberFacts._make(row) for row in session.execute(_NUMBERS, _KEYS.given(keys)))
    return {(number.practice_id, number.number): number for number in found}


def _phones(session: Session, texts: Sequence[Leased], now: datetime) -> dict[tuple[UUID, str], PhoneFacts]:
    keys = {(text.practice_id, text.from_number) for text in texts}
    known = _phones_at(session, keys)
    missing = sorted(keys - known.keys())
    if missing:
        new = [
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
        session.execute(_NEW_PHONES.statement, _NEW_PHONES.given(new))
    return {**known, **_phones_at(session, missing)} if missing else known


def _phones_at(session: Session, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], PhoneFacts]:
    found = (PhoneFacts._make(row) for row in session.execute(_PHONES, _KEYS.given(keys)))
    return {(phone.practice_id, phone.number): phone for phone in found}


# ---- the conversation between them ----

_ENDS = Rows("ends", {"practice_number_id": Uuid(), "phone_id": Uuid()})
_ends = _ENDS.table.c

_CONVERSATIONS = (
    select(
        Conversation.id,
        Conversation.practice_number_id,
        Conversation.phone_id,
        Conversation.chosen_patient_id,
        Conversation.last_inbound_at,
        Conversation.last_message_at,
        Conversation.unread_since,
    )
    .join(
        _ENDS.table,
        (Conversation.practice_number_id == _ends.practice_number_id)
        & (Conversation.phone_id == _ends.phone_id),
    )
    .order_by(Conversation.id)
    .with_for_update(of=Conversation, key_share=True)
)


_NEW_CONVERSATIONS = Addition(
    db.Base.metadata.tables["conversation"],
    (
        "id",
        "practice_id",
        "practice_number_id",
        "phone_id",
        "is_nobody",
        "created_at",
    ),
    unless_there=True,
)


def _conversations(
    session: Session,
    texts: Sequence[Leased],
    numbers: dict[tuple[UUID, str], NumberFacts],
    phones_by_key: dict[tuple[UUID, str], PhoneFacts],
    now: datetime,
) -> tuple[dict[UUID, ConversationFacts], dict[UUID, Identity]]:
    """The conversation of each text, by the ledger row's id, and whose numbers they are; all are locked, in a steady order.

    Whose numbers these are is asked with the conversations locked: whoever merges two records locks them too, so
    that no text is filed with a record that has just gone.
    """
    ends = {
        text.id: (
            numbers[text.practice_id, text.to_number],
            phones_by_key[text.practice_id, text.from_number],
        )
        for text in texts
    }
    by_ends = {(number.id, phone.id): (number, phone) for number, phone in ends.values()}
    rows = _locked(session, by_ends)
    missing = {key: by_ends[key] for key in sorted(by_ends.keys() - rows.keys())}
    if missing:
        new = [
            {
                "id": db.new_id(),
                "practice_id": number.practice_id,
                "practice_number_id": number.id,
                "phone_id": phone.id,
                "is_nobody": False,
                "created_at": now,
            }
            for number, phone in missing.values()
        ]
        session.execute(_NEW_CONVERSATIONS.statement, _NEW_CONVERSATIONS.given(new))
        rows |= _locked(session, missing)
    # Whose numbers they are is asked once they are locked: a member may just have said who this is.
    identities = phones.identities(session, {phone.id for _, phone in by_ends.values()})
    known = _known(rows, by_ends, identities)
    return {text_id: known[number.id, phone.id] for text_id, (number, phone) in ends.items()}, identities


def _locked(session: Session, keys: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Any]:
    found = session.execute(_CONVERSATIONS, _ENDS.given(keys))
    return {(row.practice_number_id, row.phone_id): row for row in found}


def _known(
    rows: Mapping[tuple[UUID, UUID], Any],
    by_ends: Mapping[tuple[UUID, UUID], tuple[NumberFacts, PhoneFacts]],
    identities: Mapping[UUID, Identity],
) -> dict[tuple[UUID, UUID], ConversationFacts]:
    known = {}
    for key, row in rows.items():
        number, phone = by_ends[key]
        identity = phones.narrowed(identities[phone.id], row.chosen_patient_id)
        known[key] = ConversationFacts(
            id=row.id,
            practice_id=number.practice_id,
            number=number,
            phone_id=phone.id,
            patient_id=identity.patient_id,
            facility_id=facility_for(number.facility_id, identity),
            last_inbound_at=row.last_inbound_at,
            last_message_at=row.last_message_at,
            unread_since=row.unread_since,
        )
    return known


# ---- what is open in it ----

_OPEN = (
    select(
        Task.id,
        Task.conversation_id,
        Task.state,
        Task.version,
        Task.owner_id,
        Task.waiting_since,
        Task.answered_at,
        Task.last_message_id,
        Task.opened_at,
        exists().where(TaskEvent.task_id == Task.id, TaskEvent.member_id.is_not(None)).label("is_touched"),
    )
    .where(
        Task.conversation_id == func.any(bindparam("conversation_ids", type_=ARRAY(Uuid))),
        is_open(),
        Task.gathers,
    )
    .order_by(Task.id)
)
_OPEN_TASKS = _OPEN.with_for_update(of=Task, key_share=True)


def _ids(conversation_ids: Iterable[UUID]) -> dict[str, list[UUID]]:
    return {"conversation_ids": list(conversation_ids)}


def _open_tasks(session: Session, conversation_ids: Iterable[UUID]) -> dict[UUID, TaskFacts]:
    found = session.execute(_OPEN_TASKS, _ids(conversation_ids))
    return {row.conversation_id: TaskFacts._make(row) for row in found}


# ---- who could have it ----

_WANTED = Rows("wanted", {"conversation_id": Uuid(), "practice_id": Uuid(), "patient_id": Uuid()})
_wanted = _WANTED.table.c

# With a patient every conversation of the patient counts, on whichever number.
_RELATED = union_all(
    select(_wanted.conversation_id.label("asked_for"), _wanted.conversation_id),
    select(_wanted.conversation_id.label("asked_for"), Conversation.id).join(
        Conversation,
        (Conversation.practice_id == _wanted.practice_id) & (Conversation.patient_id == _wanted.patient_id),
    ),
).subquery("related")
_NEWEST = (
    select(Message.sent_by_id, Message.at)
    .where(
        Message.conversation_id == _RELATED.c.conversation_id,
        Message.sent_by_id.is_not(None),
        ~Message.is_automatic,
        Message.at >= bindparam("since"),
    )
    .order_by(Message.at.desc())
    .limit(1)
    .lateral("newest")
)
_LAST_SENT = select(_RELATED.c.asked_for, _NEWEST.c.sent_by_id, _NEWEST.c.at).join(_NEWEST, true())

_MEMBERS = (
    select(
        Member.id,
        Member.name,
        Member.is_active,
        Member.is_away,
        Member.is_available_for_chat,
        Role.messages,
        Role.own_facilities_only,
        select(func.array_agg(MemberFacility.facility_id))
        .where(MemberFacility.member_id == Member.id)
        .scalar_subquery()
        .label("facilities"),
        select(func.array_agg(ProgramRestriction.program_id))
        .where(ProgramRestriction.member_id == Member.id)
        .scalar_subquery()
        .label("kept_out_of"),
    )
    .join(Role, Role.id == Member.role_id)
    .where(Member.id == func.any(bindparam("member_ids", type_=ARRAY(Uuid))))
)

_OPEN_OF_MEMBER = (
    select(literal(1).label("one"))
    .where(Task.practice_id == Member.practice_id, Task.owner_id == Member.id, is_open())
    .limit(MOST_COUNTED)
    .correlate(Member)
    .subquery()
)
_OPEN_COUNTS = select(
    Member.id, select(func.count()).select_from(_OPEN_OF_MEMBER).scalar_subquery().label("open_tasks")
).where(Member.id == func.any(bindparam("member_ids", type_=ARRAY(Uuid))))

_PROGRAMS = select(Enrolment.patient_id, Enrolment.program_id).where(
    Enrolment.patient_id == func.any(bindparam("patient_ids", type_=ARRAY(Uuid)))
)


def _last_sent(
    session: Session, conversations: Iterable[ConversationFacts], now: datetime
) -> dict[UUID, LastSent]:
    """By conversation: the member who last wrote a message of their own to the patient, on any number."""
    wanted = [
        (one.id, one.practice_id, one.patient_id) for one in conversations if one.number.assign_last_sender
    ]
    if not wanted:
        return {}
    newest: dict[UUID, LastSent] = {}
    for row in session.execute(_LAST_SENT, {**_WANTED.given(wanted), "since": now - LONGEST_WINDOW}):
        if row.asked_for not in newest or row.at > newest[row.asked_for].at:
            newest[row.asked_for] = LastSent(row.sent_by_id, row.at)
    return newest


def _care_teams(
    session: Session, conversations: Iterable[ConversationFacts]
) -> dict[UUID, list[tuple[UUID, bool]]]:
    patients = {one.patient_id for one in conversations if one.patient_id and one.number.assign_care_team}
    return care_team.member_ids_by_patient(session, patients) if patients else {}


def _members(
    session: Session, last_sent: Iterable[LastSent], teams: Iterable[list[tuple[UUID, bool]]]
) -> dict[UUID, MemberFacts]:
    ids = {one.member_id for one in last_sent} | {id_ for team in teams for id_, _ in team}
    if not ids:
        return {}
    found = session.execute(_MEMBERS, {"member_ids": list(ids)})
    return {
        row.id: MemberFacts._make(
            (*row[:-2], frozenset(row.facilities or ()), frozenset(row.kept_out_of or ()))
        )
        for row in found
    }


def _open_counts(session: Session, teams: Iterable[list[tuple[UUID, bool]]]) -> dict[UUID, int]:
    """How much each has to do; it matters only where several could have the task."""
    ids = {id_ for team in teams if len(team) > 1 for id_, _ in team}
    if not ids:
        return {}
    return {row.id: row.open_tasks for row in session.execute(_OPEN_COUNTS, {"member_ids": list(ids)})}


def _programs(
    session: Session, conversations: Iterable[ConversationFacts], members: Iterable[MemberFacts]
) -> dict[UUID, set[UUID]]:
    """The programs of the patients; they matter only where a member is kept out of some."""
    patients = {one.patient_id for one in conversations if one.patient_id}
    if not patients or not any(member.kept_out_of for member in members):
        return {}
    programs: dict[UUID, set[UUID]] = {}
    for row in session.execute(_PROGRAMS, {"patient_ids": list(patients)}):
        programs.setdefault(row.patient_id, set()).add(row.program_id)
    return programs


# ---- as the rules see it ----


def rule_facts(facts: Facts, conversation: ConversationFacts, at: datetime) -> assignment.Facts:
    """What the assignment rules need for a text of this conversation that came at `at`."""
    number = conversation.number
    sent = facts.last_sent.get(conversation.id)
    team = facts.care_teams.get(conversation.patient_id, []) if conversation.patient_id else []
    wanted = {id_ for id_, _ in team} | ({sent.member_id} if sent else set())
    return assignment.Facts(
        now=at,
        settings=assignment.Settings(
            last_sender=number.assign_last_sender,
            last_sender_within=timedelta(days=number.last_sender_days),
            care_team=number.assign_care_team,
        ),
        last_sender_id=sent.member_id if sent else None,
        last_sent_at=sent.at if sent else None,
        care_team=team,
        members={
            id_: _candidate(facts, facts.members[id_], conversation) for id_ in wanted & facts.members.keys()
        },
    )


def _candidate(facts: Facts, member: MemberFacts, conversation: ConversationFacts) -> Candidate:
    """A member as the rules see one for this conversation."""
    programs = facts.programs.get(conversation.patient_id, set()) if conversation.patient_id else set()
    return Candidate(
        id=member.id,
        name=member.name,
        is_active=member.is_active,
        may_read=member.messages is not Messages.NONE,
        is_at_facility=(
            not member.own_facilities_only
            or conversation.facility_id is None
            or conversation.facility_id in member.facilities
        ),
        is_in_program=not programs or bool(programs - member.kept_out_of),
        is_away=member.is_away,
        is_available=member.is_available_for_chat,
        open_tasks=facts.open_counts.get(member.id, 0),
    )
