"""Sets up the demo's practices: sites, members, patients, and at which numbers people are reached."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from triage.demo.people import Clinic, part_of
from triage.demo.scripts import read_table
from triage.domain.patients import care_team, consent, following, phones
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import (
    Channel,
    Contact,
    Enrolment,
    Patient,
    PatientContact,
    PatientKind,
    sort_key,
)
from triage.domain.patients.phones import Phone, PhoneUse, Trouble
from triage.domain.practice import hours, privileges
from triage.domain.practice import member as members
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility, Kind, Practice, PracticeNumber
from triage.domain.practice.privileges import Messages, Role
from triage.domain.practice.program import Program, ProgramRestriction

_WAY = re.compile(r"(\+\d+)(?: (landline|switched off)| ([^,]+), (\w+))?")
# So many patients of ten have signed that they may be texted; of the others nothing is recorded.
_SIGNED_OF_TEN = 8
_SPARE_RECORDS = (("Jim", "Okafor", "1967-11-02", False), ("Walter", "Finch", "1938-04-04", True))
_SEXES = {"f": "female", "m": "male"}
_TITLES = {
    Kind.HUMAN: {"doctor": "Physician", "nurse": "Nurse"},
    Kind.VETERINARY: {"doctor": "Veterinarian", "nurse": "Technician"},
}


@dataclass(frozen=True)
class Reached:
    """Who answers at a number; `about` is the patient it is about, the first of several."""

    name: str
    number: str
    born_on: date
    language: str
    site: str
    about: str
    patient_id: UUID
    phone_id: UUID
    is_one_person: bool = True
    is_textable: bool = True


@dataclass
class House:
    """A practice that has been set up: everything a story needs to find its people."""

    clinic: Clinic
    practice_id: UUID
    time_zone: str
    facilities: dict[str, Facility] = field(default_factory=dict)
    numbers: dict[str, PracticeNumber] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    reached: dict[str, Reached] = field(default_factory=dict)

    def by_name(self, name: str) -> Reached | None:
        return next((one for one in self.reached.values() if one.name == name), None)


@dataclass(frozen=True)
class _Way:
    """One way to reach a patient: a number, and whose it is when it is not the patient's own."""

    number: str
    remark: str = ""
    contact: str = ""
    relation: str = ""


def set_up(
    session: Session,
    clinic: Clinic,
    *,
    password_hash: str,
    token_sealed: str,
    dice: random.Random,
    now: datetime,
) -> House:
    practice = Practice(
        name=clinic.name,
        kind=clinic.kind,
        carrier_account=clinic.account,
        carrier_token_sealed=token_sealed,
        assign_last_sender=not clinic.assigns_care_team,
        assign_care_team=clinic.assigns_care_team,
        opening_hours=hours.as_kept(clinic.opens, {}),
        closed_reply_on=bool(clinic.opens),
        languages=list(clinic.languages),
        unread_badge=clinic.unread_badge,
        verification_on=clinic.asks_birth_dates,
        created_at=now,
    )
    session.add(practice)
    session.flush()
    house = House(clinic, practice.id, practice.time_zone)
    _add_sites(session, house)
    programs = _add_programs(session, house)
    _add_members(session, house, programs, password_hash=password_hash, now=now)
    _Register(session, house, programs, dice, now).fill()
    _add_followers(session, house, now)
    return house


def _add_followers(session: Session, house: House, now: datetime) -> None:
    """Also who was in a care team until lately."""
    leads = next(member for member in house.members.values() if member.role.settings)
    for login, name in house.clinic.followers:
        patient = _patient_called(session, house, name)
        following.answer(session, patient, yes=True, by=house.members[login], now=now)
    for login, name in house.clinic.former:
        patient, member = _patient_called(session, house, name), house.members[login]
        since_on = (now - timedelta(days=400)).date()
        wanted = care_team.Wanted("Nurse", since_on=since_on)
        care_team.join(session, patient, member.id, wanted, by=leads, now=now)
        care_team.leave(session, patient, member.id, until_on=None, by=leads, now=now)


def _patient_called(session: Session, house: House, name: str) -> Patient:
    reached = house.by_name(name)
    assert reached is not None
    return session.get_one(Patient, reached.patient_id)


def _add_sites(session: Session, house: House) -> None:
    for site, number in zip(house.clinic.sites, house.clinic.numbers, strict=True):
        facility = Facility(practice_id=house.practice_id, name=site)
        session.add(facility)
        session.flush()
        line = PracticeNumber(
            practice_id=house.practice_id, number=number, label=site, facility_id=facility.id
        )
        session.add(line)
        session.flush()
        house.facilities[site], house.numbers[site] = facility, line


def _add_programs(session: Session, house: House) -> dict[str, Program]:
    programs = {name: Program(practice_id=house.practice_id, name=name) for name in house.clinic.programs}
    session.add_all(programs.values())
    session.flush()
    return programs


def _add_members(
    session: Session, house: House, programs: dict[str, Program], *, password_hash: str, now: datetime
) -> None:
    roles = _add_roles(session, house)
    for colleague in house.clinic.colleagues:
        member = members.add_member(
            session,
            house.practice_id,
            login=colleague.login,
            name=colleague.name,
            email=f"{colleague.login}@{house.clinic.file}.example",
            role_id=roles[colleague.role].id,
            password_hash=password_hash,
            now=now,
        )
        member.is_away = colleague.is_away
        members.set_facilities(session, member, {house.facilities[site].id for site in colleague.sites})
        if colleague.kept_out_of:
            program = programs[colleague.kept_out_of]
            session.add(
                ProgramRestriction(practice_id=house.practice_id, member_id=member.id, program_id=program.id)
            )
            session.flush()
        loaded = members.load_member(session, member.id)
        assert loaded is not None
        house.members[colleague.login] = loaded


def _add_roles(session: Session, house: House) -> dict[str, Role]:
    """The built-in ones, and those that a practice might make for itself."""
    roles = privileges.add_built_in_roles(session, house.practice_id)
    own = {
        "Northside desk": (Messages.ALL, {"patients", "own_facilities_only"}),
        "Billing": (Messages.NONE, set()),
    }
    for name in {colleague.role for colleague in house.clinic.colleagues} - roles.keys():
        sees, switches = own[name]
        roles[name] = privileges.save_role(
            session, house.practice_id, None, name=name, messages=sees, switches=switches
        )
    return roles


class _Register:
    """Enters the patients of a practice."""

    def __init__(
        self,
        session: Session,
        house: House,
        programs: dict[str, Program],
        dice: random.Random,
        now: datetime,
    ) -> None:
        self._session = session
        self._house = house
        self._programs = programs
        self._dice = dice
        self._now = now
        self._contacts: dict[tuple[str, str], Contact] = {}
        self._signs = next(m for m in house.members.values() if m.role.settings)

    def fill(self) -> None:
        rows = read_table(f"{self._house.clinic.file}_patients")
        for place, row in enumerate(rows, start=1):
            self._add(place, row)
        self._session.flush()
        if self._house.clinic.kind is Kind.HUMAN:
            self._add_spare_records()

    def _add_spare_records(self) -> None:
        """What a practice has of its past: one person under two names, and somebody who does not come any more."""
        for place, (first, last, born, is_gone) in enumerate(_SPARE_RECORDS, start=1):
            self._session.add(
                Patient(
                    practice_id=self._house.practice_id,
                    kind=PatientKind.PERSON,
                    first_name=first,
                    last_name=last,
                    name_key=sort_key(first, last),
                    chart_number=f"T-{place}",
                    born_on=date.fromisoformat(born),
                    created_at=self._now,
                    archived_at=self._now if is_gone else None,
                )
            )
        wishes: dict[tuple[str, str], dict[str, object]] = {
            ("Eleanor", "O'Brien"): {"prefers": Channel.TEXT},
            ("Lars", "Håkansson-Møller"): {"time_zone": "America/Los_Angeles", "prefers": Channel.PHONE},
        }
        for (first, last), wish in wishes.items():
            self._session.execute(
                update(Patient)
                .where(
                    Patient.practice_id == self._house.practice_id, Patient.name_key == sort_key(first, last)
                )
                .values(wish)
            )
        self._session.flush()

    def _add(self, place: int, row: list[str]) -> None:
        if self._house.clinic.kind is Kind.HUMAN:
            first, last, born, sex, language, ways, site, team, programs, alert = row
            species = ""
        else:
            first, species, born, sex, language, ways, team, alert = row
            last, site, programs = "", self._house.clinic.sites[0], ""
        patient = Patient(
            practice_id=self._house.practice_id,
            facility_id=self._house.facilities[site].id,
            kind=PatientKind.ANIMAL if species else PatientKind.PERSON,
            first_name=first,
            last_name=last,
            name_key=sort_key(first, last),
            chart_number=f"{self._house.clinic.file[0].upper()}-{1000 + place}",
            born_on=date.fromisoformat(born),
            sex=_SEXES.get(sex),
            species=species or None,
            language=language,
            alerts=alert or None,
            created_at=self._now,
        )
        self._session.add(patient)
        self._session.flush()
        self._add_ways(patient, list(_ways(ways)), site)
        self._add_team(patient, _words(team))
        self._session.add_all(
            Enrolment(
                practice_id=self._house.practice_id, patient_id=patient.id, program_id=self._programs[name].id
            )
            for name in _words(programs)
        )

    def _add_ways(self, patient: Patient, ways: list[_Way], site: str) -> None:
        for way in ways:
            phone = phones.phone_for(self._session, self._house.practice_id, way.number, now=self._now)
            if way.remark == "landline":
                phone.is_landline, phone.trouble, phone.trouble_at = True, Trouble.LANDLINE, self._now
            contact = self._contact(way, patient) if way.contact else None
            use = PhoneUse(
                practice_id=self._house.practice_id,
                phone_id=phone.id,
                patient_id=patient.id,
                contact_id=contact.id if contact else None,
            )
            self._session.add(use)
            self._session.flush()
            if self._dice.randrange(10) < _SIGNED_OF_TEN:
                how = "signed at registration"
                consent.record_consent(
                    self._session, phone, use, consent.Agreement(how), by=self._signs.id, now=self._now
                )
            if way.remark == "switched off":
                later = self._now + timedelta(days=1)
                consent.switch_number(self._session, phone, on=False, by=self._signs.id, now=later)
            self._note(way, patient, contact, phone, site)

    def _contact(self, way: _Way, patient: Patient) -> Contact:
        key = (way.contact, way.number)
        contact = self._contacts.get(key)
        if contact is None:
            contact = self._contacts[key] = Contact(
                practice_id=self._house.practice_id,
                name=way.contact,
                name_key=sort_key(way.contact),
                born_on=date(1955, 1, 1) + timedelta(days=self._dice.randrange(45 * 365)),
                language=patient.language,
                created_at=self._now,
            )
            self._session.add(contact)
            self._session.flush()
        self._session.add(
            PatientContact(
                practice_id=self._house.practice_id,
                patient_id=patient.id,
                contact_id=contact.id,
                relation=way.relation,
            )
        )
        return contact

    def _note(self, way: _Way, patient: Patient, contact: Contact | None, phone: Phone, site: str) -> None:
        """A number that is here already is used about another patient, by the same person or by another."""
        name = contact.name if contact else patient.name
        known = self._house.reached.get(way.number)
        born_on = contact.born_on if contact else patient.born_on
        assert born_on is not None
        self._house.reached[way.number] = Reached(
            name=known.name if known else name,
            number=way.number,
            born_on=known.born_on if known else born_on,
            language=patient.language,
            site=site,
            about=known.about if known else patient.first_name,
            patient_id=known.patient_id if known else patient.id,
            phone_id=phone.id,
            is_one_person=known is None
            or (known.is_one_person and contact is not None and known.name == name),
            is_textable=not way.remark
            and way.number not in (*self._house.clinic.silent, *self._house.clinic.mistaken),
        )

    def _add_team(self, patient: Patient, logins: list[str]) -> None:
        clinic = self._house.clinic
        for place, login in enumerate(logins):
            member = self._house.members[login]
            self._session.add(
                CareTeamMember(
                    practice_id=self._house.practice_id,
                    patient_id=patient.id,
                    member_id=member.id,
                    role=_TITLES[clinic.kind].get(part_of(clinic, login), "Coordinator"),
                    is_primary=place == 0,
                    since_on=(self._now - timedelta(days=self._dice.randrange(30, 2000))).date(),
                )
            )


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(",") if word.strip()]


def _ways(cell: str) -> Iterator[_Way]:
    for words in cell.split(";"):
        found = _WAY.fullmatch(words.strip())
        if found is None:
            raise ValueError(f"nobody can be reached at: {words}")
        yield _Way(found[1], found[2] or "", found[3] or "", found[4] or "")
