"""The people of every test: Ana sees all messages, Ben only assigned ones, Cleo none, Dan works elsewhere.

They are real rows, and the same in every test. Pat is a patient who texts; her number is known.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from uuid import UUID

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from triage.domain.patients.patient import Patient, PatientKind, sort_key
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, add_member, load_member
from triage.domain.practice.practice import Facility, Kind, Practice, PracticeNumber
from triage.domain.practice.privileges import Messages, Role, add_built_in_roles
from triage.kit import clock
from triage.kit.secrets import Vault

SECRET_KEY = "a-key-that-only-tests-use-and-nothing-real"
PASSWORD = "a long enough password"
ACCOUNT, OTHER_ACCOUNT = "AC" + "1" * 32, "AC" + "2" * 32
CARRIER_TOKEN = "token-of-the-first-practice"
OTHER_CARRIER_TOKEN = "token-of-the-other-practice"
NORTH_NUMBER, SOUTH_NUMBER, OTHER_NUMBER = "+12025550101", "+12025550102", "+12025550103"
PAT_NUMBER = "+12025550150"


@dataclass(frozen=True)
class Cast:
    """Everybody as they were loaded: to be read, not changed. `admin` may change settings and members."""

    practice: Practice
    north: Facility
    south: Facility
    north_number: PracticeNumber
    south_number: PracticeNumber
    ana: Member
    ben: Member
    cleo: Member
    admin: Member
    pat: Patient
    pat_phone: Phone
    other_practice: Practice
    other_number: PracticeNumber
    dan: Member
    roles: dict[str, Role]

    @property
    def practice_id(self) -> UUID:
        return self.practice.id


@contextmanager
def populated(url: str) -> Iterator[None]:
    """Write the cast into a database, for good."""
    engine = create_engine(url)
    with Session(engine) as session, session.begin():
        populate(session)
    engine.dispose()
    yield


@cache
def _password_hash() -> str:
    return sign_in.hash_password(PASSWORD)


def populate(session: Session) -> None:
    """Two practices, their numbers and members, and one patient."""
    first = _practice(session, "Elm Street Clinic", ACCOUNT, CARRIER_TOKEN)
    roles = add_built_in_roles(session, first.id)
    roles["No messages"] = Role(practice_id=first.id, name="No messages", messages=Messages.NONE)
    session.add(roles["No messages"])
    session.flush()
    north, south = Facility(practice_id=first.id, name="North"), Facility(practice_id=first.id, name="South")
    session.add_all([north, south])
    session.flush()
    _number(session, first, NORTH_NUMBER, north)
    _number(session, first, SOUTH_NUMBER, south)
    _member(session, first, "ana", "Ana Alvarez", roles["Care team"])
    _member(session, first, "ben", "Ben Brook", roles["Assigned only"])
    _member(session, first, "cleo", "Cleo Carter", roles["No messages"])
    _member(session, first, "admin", "Ada Admin", roles["Practice admin"])
    _pat(session, first, north)
    other = _practice(session, "Oak Street Clinic", OTHER_ACCOUNT, OTHER_CARRIER_TOKEN)
    _number(session, other, OTHER_NUMBER, None)
    _member(session, other, "dan", "Dan Drew", add_built_in_roles(session, other.id)["Practice admin"])


def _practice(session: Session, name: str, account: str, token: str) -> Practice:
    practice = Practice(
        name=name,
        kind=Kind.HUMAN,
        carrier_account=account,
        carrier_token_sealed=Vault([SECRET_KEY]).seal(token),
        # Most stories end with a text that has left; those of taking back ask for a longer hold.
        hold_seconds=0,
        # Stories of the notice switch it on.
        opt_in_notice_on=False,
        created_at=clock.now(session),
    )
    session.add(practice)
    session.flush()
    return practice


def _number(session: Session, practice: Practice, number: str, facility: Facility | None) -> None:
    session.add(
        PracticeNumber(
            practice_id=practice.id,
            number=number,
            label=facility.name if facility else "Front desk",
            facility_id=facility.id if facility else None,
        )
    )
    session.flush()


def _member(session: Session, practice: Practice, login: str, name: str, role: Role) -> None:
    add_member(
        session,
        practice.id,
        login=login,
        name=name,
        role_id=role.id,
        password_hash=_password_hash(),
        now=clock.now(session),
    )


def _pat(session: Session, practice: Practice, facility: Facility) -> None:
    now = clock.now(session)
    pat = Patient(
        practice_id=practice.id,
        facility_id=facility.id,
        kind=PatientKind.PERSON,
        first_name="Pat",
        last_name="Porter",
        name_key=sort_key("Pat", "Porter"),
        chart_number="1001",
        born_on=date(1980, 5, 17),
        created_at=now,
    )
    phone = Phone(practice_id=practice.id, number=PAT_NUMBER, created_at=now)
    session.add_all([pat, phone])
    session.flush()
    session.add(PhoneUse(practice_id=practice.id, phone_id=phone.id, patient_id=pat.id))
    session.flush()


def load(session: Session) -> Cast:
    """Everybody, loaded in full and let go of: what a test changes, it loads itself."""
    members = {member.login: member for member in session.scalars(select(Member))}
    practices = {practice.name: practice for practice in session.scalars(select(Practice))}
    facilities = {facility.name: facility for facility in session.scalars(select(Facility))}
    numbers = {number.number: number for number in session.scalars(select(PracticeNumber))}
    first, other = practices["Elm Street Clinic"], practices["Oak Street Clinic"]
    roles = session.scalars(select(Role).where(Role.practice_id == first.id))
    cast = Cast(
        practice=first,
        north=facilities["North"],
        south=facilities["South"],
        north_number=numbers[NORTH_NUMBER],
        south_number=numbers[SOUTH_NUMBER],
        ana=_loaded(session, members["ana"].id),
        ben=_loaded(session, members["ben"].id),
        cleo=_loaded(session, members["cleo"].id),
        admin=_loaded(session, members["admin"].id),
        pat=session.scalars(select(Patient).where(Patient.chart_number == "1001")).one(),
        pat_phone=session.scalars(
            select(Phone).where(Phone.practice_id == first.id, Phone.number == PAT_NUMBER)
        ).one(),
        other_practice=other,
        other_number=numbers[OTHER_NUMBER],
        dan=_loaded(session, members["dan"].id),
        roles={role.name: role for role in roles},
    )
    session.expunge_all()
    return cast


def _loaded(session: Session, member_id: UUID) -> Member:
    member = load_member(session, member_id)
    assert member is not None
    return member
