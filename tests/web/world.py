"""Two practices with one of everything in them, and everybody signed in: where the role matrix is tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain.conversations import delivery
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundState
from triage.domain.conversations.message import Message
from triage.domain.importing import starting
from triage.domain.inbox import merging, thread, transitions
from triage.domain.intake import ledger
from triage.domain.patients.patient import Contact, Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member, add_member, load_member
from triage.domain.practice.practice import Facility, PracticeNumber
from triage.domain.practice.privileges import Messages, Role
from triage.domain.practice.program import Program
from triage.domain.tables import metadata
from triage.kit import clock

Row = dict[str, Any]


@dataclass(frozen=True)
class Things:
    """A task and what hangs on it, and what its practice has; `canary` stands in the text and in the name."""

    canary: str
    task_id: UUID
    conversation_id: UUID
    newest_message_id: UUID
    inbound_message_id: UUID
    failed_message_id: UUID
    patient_id: UUID
    phone_id: UUID
    use_id: UUID
    facility_id: UUID
    number_id: UUID
    role_id: UUID
    program_id: UUID
    member_id: UUID
    colleague_id: UUID
    inbound_id: UUID
    passkey_id: UUID
    session_id: UUID
    import_id: UUID
    contact_id: UUID
    other_id: UUID
    merge_id: UUID


@dataclass(frozen=True)
class World:
    """`own` is by person; the others are the same for everybody of the first practice."""

    members: dict[str, Member]
    own: dict[str, Things]
    others: Things
    nobodys: Things
    far: Things

    def things(self, person: str, column: str) -> Things:
        """What this person means by the column; somebody of another practice sees the first from outside."""
        own = self.own.get(person, self.own["ana"])
        if column == "foreign":
            return self.nobodys if person == "dan" else self.own["dan"]
        if column in ("own", "any"):
            return own
        found: Things = getattr(self, column)
        return found

    def hidden_from(self, person: str) -> list[str]:
        """Words that must not stand in any answer to this person."""
        everything = [*self.own.values(), self.others, self.nobodys, self.far]
        seen = {
            "ana": lambda one: one is not self.own["dan"],
            "ben": lambda one: one is self.own["ben"],
            "wes": lambda one: one not in (self.own["dan"], self.far),
            "dan": lambda one: one is self.own["dan"],
        }
        seen["admin"] = seen["sue"] = seen["ana"]
        sees = seen.get(person)
        return [one.canary for one in everything if sees is None or not sees(one)]


@dataclass(frozen=True)
class _Place:
    """A practice as the things in it need it."""

    practice_id: UUID
    facility: Facility
    number: PracticeNumber
    role: Role
    program: Program
    member: Member
    colleague: Member
    mover: Member


def build(session: Session, cast_: Cast) -> World:
    """Everything is made by the product's own functions; ends the act."""
    sue = builders.a_member(session, cast=cast_, role=cast_.roles["Supervisor"], name="Sue Stone")
    wall = builders.a_role(
        session, cast=cast_, messages=Messages.ALL, patients=True, own_facilities_only=True
    )
    wes = builders.a_member(session, cast=cast_, role=wall, name="Wes Wall", facilities=[cast_.north])
    eve = builders.a_member(session, cast=cast_, role=cast_.roles["Care team"], name="Eve Ellis")
    for member in (sue, wes):
        _give_password(session, member)
    north = _place(session, cast_, cast_.north, cast_.north_number, eve)
    south = _place(session, cast_, cast_.south, cast_.south_number, eve)
    oak = _other_place(session, cast_)
    staff = {"ana": cast_.ana, "ben": cast_.ben, "admin": cast_.admin, "sue": sue, "wes": wes}
    own = {name: _things(session, cast_, north, f"{name}s", member) for name, member in staff.items()}
    own["dan"] = _things(session, cast_, oak, "elsewhere", cast_.dan)
    return World(
        members={**staff, "cleo": cast_.cleo, "dan": cast_.dan},
        own=own,
        others=_things(session, cast_, north, "others", eve),
        nobodys=_things(session, cast_, north, "nobodys", None),
        far=_things(session, cast_, south, "far", None),
    )


def _give_password(session: Session, member: Member) -> None:
    """The same as everybody of the cast has."""
    hashes = select(Member.password_hash).where(Member.login == "ana").scalar_subquery()
    session.execute(update(Member).where(Member.id == member.id).values(password_hash=hashes))


def _place(
    session: Session, cast_: Cast, facility: Facility, number: PracticeNumber, mover: Member
) -> _Place:
    role = builders.a_role(session, cast=cast_, messages=Messages.ALL)
    program = builders.a_program(session, cast=cast_)
    member = builders.a_member(session, cast=cast_, role=role, name=f"Mo {facility.name}")
    return _Place(cast_.practice_id, facility, number, role, program, member, mover, mover)


def _other_place(session: Session, cast_: Cast) -> _Place:
    """The practice next door, with a site and a member of its own."""
    practice_id = cast_.other_practice.id
    facility = Facility(practice_id=practice_id, name="Elsewhere")
    role = Role(practice_id=practice_id, name="Of its own", messages=Messages.ALL)
    program = Program(practice_id=practice_id, name="Elsewhere")
    session.add_all([facility, role, program])
    session.flush()
    member = add_member(
        session,
        practice_id,
        login="mo.elsewhere",
        name="Mo Elsewhere",
        role_id=role.id,
        password_hash=None,
        now=clock.now(session),
    )
    return _Place(practice_id, facility, cast_.other_number, role, program, member, cast_.dan, cast_.dan)


def _things(session: Session, cast_: Cast, place: _Place, word: str, assignee: Member | None) -> Things:
    canary = f"canary{word}"
    number = builders.a_number()
    patient = builders.a_patient(
        session,
        cast=cast_,
        first_name="Canary",
        last_name=canary.title(),
        number=number,
        facility=place.facility,
        practice_id=place.practice_id,
    )
    builders.a_place_in_care_team(session, patient=patient, member=place.member)
    row = builders.an_inbound(
        session,
        cast=cast_,
        number=number,
        body=f"This is {canary}",
        to=place.number.number,
        practice_id=place.practice_id,
    )
    task = builders.task_of(session, row)
    assert task is not None
    if assignee is not None:
        transitions.assign(session, task, [assignee.id], by=place.mover)
    conversation = session.get_one(Conversation, task.conversation_id)
    failed = _a_failed_text(session, conversation, place, by=place.mover)
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == patient.id)).one()
    newest = thread.newest_message_id(session, conversation)
    assert newest is not None
    assert row.message_id is not None
    held = _a_held_text(session, place, f"Held {canary}")
    owner = assignee or place.member
    passkey = builders.a_passkey(session, owner)
    signed_in = builders.a_session(session, owner)
    session.commit()
    return Things(
        canary=canary,
        task_id=task.id,
        conversation_id=conversation.id,
        newest_message_id=newest,
        inbound_message_id=row.message_id,
        failed_message_id=failed.id,
        patient_id=patient.id,
        phone_id=use.phone_id,
        use_id=use.id,
        facility_id=place.facility.id,
        number_id=place.number.id,
        role_id=place.role.id,
        program_id=place.program.id,
        member_id=place.member.id,
        colleague_id=place.colleague.id,
        inbound_id=held,
        passkey_id=passkey.id,
        session_id=signed_in.id,
        import_id=_an_import(session, place, canary),
        contact_id=_a_contact(session, patient).id,
        other_id=_a_second_record(session, cast_, place, canary).id,
        merge_id=_a_merge(session, cast_, place, patient, canary),
    )


def _a_contact(session: Session, patient: Patient) -> Contact:
    """Nothing was written with them yet."""
    contact = builders.a_contact(session, of=[patient], name="Mother Canary", relation="mother")
    contact.born_on = date(1955, 5, 17)
    session.commit()
    return contact


def _a_second_record(session: Session, cast_: Cast, place: _Place, canary: str) -> Patient:
    second = builders.a_patient(
        session,
        cast=cast_,
        first_name="Canary",
        last_name=canary.title(),
        facility=place.facility,
        practice_id=place.practice_id,
    )
    session.commit()
    return second


def _a_merge(session: Session, cast_: Cast, place: _Place, patient: Patient, canary: str) -> UUID:
    """A third record that became a part of the first."""
    third = _a_second_record(session, cast_, place, canary)
    mover = load_member(session, place.mover.id)
    assert mover is not None
    made = merging.merge(session, patient, third, take={}, by=mover)
    session.commit()
    return made.id


def _an_import(session: Session, place: _Place, canary: str) -> UUID:
    """A file whose columns are to be chosen."""
    content = f"Chart,First name,Last name\n9{len(canary)},Canary,{canary}\n".encode()
    return starting.bring(session, place.practice_id, [content], by=place.mover.id, now=clock.now(session)).id


def _a_failed_text(session: Session, conversation: Conversation, place: _Place, *, by: Member) -> Message:
    phone = session.get_one(Phone, conversation.phone_id)
    number = session.get_one(PracticeNumber, conversation.practice_number_id)
    message = delivery.queue(
        session, conversation, number, phone, "Not delivered", by=by.id, now=clock.now(session)
    )
    outbound = delivery.outbound_of(session, message.id)
    assert outbound is not None
    outbound.state, outbound.is_failed, outbound.error_code = OutboundState.FAILED, True, 30007
    session.flush()
    return message


def _a_held_text(session: Session, place: _Place, body: str) -> UUID:
    """A call that could not be verified and waits for an admin."""
    received = builders.a_text_from(builders.a_number(), body, to=place.number.number)
    ledger.quarantine(session, place.practice_id, received, reason="signature does not match")
    session.flush()
    return session.scalars(select(ledger.Inbound.id).where(ledger.Inbound.provider_sid == received.sid)).one()


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """What happens inside is taken back, whatever was committed."""
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


def fingerprints(connection: Connection) -> dict[str, str]:
    """A hash of each table's rows."""
    one = "select '{0}', coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from \"{0}\" t"
    everything = " union all ".join(one.format(name) for name in metadata.tables)
    return dict(connection.execute(text(everything)).tuples().all())


def contents(connection: Connection) -> dict[tuple[str, str], Row]:
    """Every row of every table, by its primary key."""
    rows = {}
    for name, table in metadata.tables.items():
        for row in connection.execute(select(table)).mappings():
            key = ",".join(str(row[column.name]) for column in table.primary_key)
            rows[name, key] = dict(row)
    return rows


def writes(connection: Connection) -> int:
    """How many rows were written in this transaction so far, also those that were taken back."""
    count = "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_xact_user_tables"
    return int(connection.execute(text(count)).scalar_one() or 0)
