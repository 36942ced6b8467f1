"""What the practice knows already of the people in some rows: gathered with a few queries for all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, String, Uuid, bindparam, func, or_, select, text
from sqlalchemy.orm import Session

from triage.domain.importing.entries import Colleague, Entry
from triage.domain.importing.run import ImportRow, ImportRun
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Contact, Patient, PatientContact, PatientKind
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility

# The columns of a patient that a file can speak of.
FIELDS = ("facility_id", "kind", "first_name", "last_name", "born_on", "sex", "species", "language")


@dataclass(slots=True)
class Known:
    """A patient as the database has it; `is_new` once a row of this chunk has made it."""

    id: UUID
    values: dict[str, object]
    archived_at: datetime | None = None
    is_new: bool = False


class KnownContact(NamedTuple):
    id: UUID
    relation: str
    is_archived: bool


class Referred(NamedTuple):
    """Whom a reference inside the file means."""

    chart_number: str | None
    patient_id: UUID | None
    member_id: UUID | None


@dataclass(slots=True)
class Facts:
    """Everything that a chunk needs; what its rows make is added while it is decided."""

    practice_id: UUID
    facilities: dict[str, UUID]
    patients: dict[str, Known] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    phones: dict[str, UUID] = field(default_factory=dict)
    switched_off: set[str] = field(default_factory=set)
    uses: set[tuple[UUID, str, UUID | None]] = field(default_factory=set)
    contacts: dict[tuple[UUID, str], KnownContact] = field(default_factory=dict)
    people: dict[tuple[str, str], UUID] = field(default_factory=dict)
    references: dict[str, Referred] = field(default_factory=dict)
    members: dict[str, UUID | None] = field(default_factory=dict)
    teams: set[tuple[UUID, UUID]] = field(default_factory=set)


_WORDS = ARRAY(String)
_PATIENTS = select(
    Patient.id, Patient.chart_number, Patient.archived_at, *(getattr(Patient, name) for name in FIELDS)
).where(
    Patient.practice_id == bindparam("practice_id"),
    Patient.chart_number == func.any(bindparam("charts", type_=_WORDS)),
)
_LOCKED = _PATIENTS.order_by(Patient.id).with_for_update(key_share=True)
_LINES = select(ImportRow.chart_number, ImportRow.line).where(
    ImportRow.run_id == bindparam("run_id"),
    ImportRow.is_trial == bindparam("is_trial"),
    ImportRow.chart_number == func.any(bindparam("charts", type_=_WORDS)),
    ImportRow.outcome != "refused",
)
_PHONES = select(Phone.id, Phone.number).where(
    Phone.practice_id == bindparam("practice_id"),
    Phone.number == func.any(bindparam("numbers", type_=_WORDS)),
)
# Staff have turned texts off for everybody who is reached there: one person more must not turn them on.
_SWITCHED_OFF = (
    select(Phone.number)
    .join(PhoneUse, PhoneUse.phone_id == Phone.id)
    .join(Patient, Patient.id == PhoneUse.patient_id)
    .where(
        Phone.practice_id == bindparam("practice_id"),
        Phone.number == func.any(bindparam("numbers", type_=_WORDS)),
        PhoneUse.ended_at.is_(None),
        Patient.archived_at.is_(None),
    )
    .group_by(Phone.number)
    .having(~func.bool_or(Patient.texting_on))
)
_OF_PATIENTS = bindparam("patient_ids", type_=ARRAY(Uuid))
_USES = (
    select(PhoneUse.patient_id, Phone.number, PhoneUse.contact_id)
    .join(Phone, Phone.id == PhoneUse.phone_id)
    .where(PhoneUse.practice_id == bindparam("practice_id"), PhoneUse.patient_id == func.any(_OF_PATIENTS))
)
_CONTACTS = (
    select(
        PatientContact.patient_id,
        Contact.id,
        Contact.name_key,
        PatientContact.relation,
        PatientContact.archived_at.is_not(None).label("is_archived"),
    )
    .join(Contact, Contact.id == PatientContact.contact_id)
    .where(
        PatientContact.practice_id == bindparam("practice_id"),
        PatientContact.patient_id == func.any(_OF_PATIENTS),
    )
)
# The same name at the same number is the same person, so that an owner of two animals is one.
_PEOPLE = (
    select(Contact.name_key, Phone.number, Contact.id)
    .join(PhoneUse, PhoneUse.contact_id == Contact.id)
    .join(Phone, Phone.id == PhoneUse.phone_id)
    .where(
        Phone.practice_id == bindparam("practice_id"),
        Phone.number == func.any(bindparam("numbers", type_=_WORDS)),
        PhoneUse.ended_at.is_(None),
    )
    .order_by(Contact.id.desc())
)
_REFERRED = bindparam("references", type_=_WORDS)
_REFERENCES = select(
    ImportRow.reference,
    ImportRow.second_reference,
    ImportRow.chart_number,
    ImportRow.patient_id,
    ImportRow.member_id,
).where(
    ImportRow.run_id == bindparam("run_id"),
    ImportRow.is_trial == bindparam("is_trial"),
    or_(ImportRow.reference == func.any(_REFERRED), ImportRow.second_reference == func.any(_REFERRED)),
    ImportRow.outcome != "refused",
)
_TEAMS = select(CareTeamMember.patient_id, CareTeamMember.member_id).where(
    CareTeamMember.practice_id == bindparam("practice_id"),
    CareTeamMember.patient_id == func.any(_OF_PATIENTS),
)


# What was planned for a table that was empty a moment ago, the checks of references above all, reads all of it.
PLAN_ANEW = text("discard plans")


def gather(
    session: Session,
    run: ImportRun,
    entries: Sequence[Entry],
    numbers: Iterable[str],
    facilities: dict[str, UUID],
) -> Facts:
    """Patients that may change are locked, except in a trial."""
    session.execute(PLAN_ANEW)
    facts = Facts(run.practice_id, facilities)
    _gather_references(session, run, entries, facts)
    charts = {entry.chart_number for entry in entries if entry.chart_number}
    charts |= {one.chart_number for one in facts.references.values() if one.chart_number}
    given = {
        "practice_id": run.practice_id,
        "run_id": run.id,
        "is_trial": run.is_trial,
        "charts": sorted(charts),
        "numbers": sorted(set(numbers)),
    }
    for row in session.execute(_PATIENTS if run.is_trial else _LOCKED, given):
        found = {name: getattr(row, name) for name in FIELDS}
        facts.patients[row.chart_number] = Known(row.id, found, row.archived_at)
    facts.lines = {chart: line for chart, line in session.execute(_LINES, given) if chart}
    if given["numbers"]:
        facts.phones = {number: phone_id for phone_id, number in session.execute(_PHONES, given)}
        facts.switched_off = set(session.scalars(_SWITCHED_OFF, given)) if facts.phones else set()
        facts.people = {(row.name_key, row.number): row.id for row in session.execute(_PEOPLE, given)}
    if facts.patients:
        _gather_of_patients(session, run, facts)
    colleagues = [entry.colleague for entry in entries if entry.colleague]
    if colleagues:
        facts.members = members_meant(session, run.practice_id, colleagues)
    return facts


def _gather_references(session: Session, run: ImportRun, entries: Sequence[Entry], facts: Facts) -> None:
    wanted = {entry.patient for entry in entries if entry.patient}
    wanted |= {reference for entry in entries for reference, _ in entry.team}
    if not wanted:
        return
    given = {"run_id": run.id, "is_trial": run.is_trial, "references": sorted(wanted)}
    for row in session.execute(_REFERENCES, given):
        for name in (row.reference, row.second_reference):
            if name:
                facts.references[name] = Referred(row.chart_number, row.patient_id, row.member_id)


def _gather_of_patients(session: Session, run: ImportRun, facts: Facts) -> None:
    given = {"practice_id": run.practice_id, "patient_ids": [one.id for one in facts.patients.values()]}
    facts.uses = {(row.patient_id, row.number, row.contact_id) for row in session.execute(_USES, given)}
    for row in session.execute(_CONTACTS, given):
        facts.contacts[row.patient_id, row.name_key] = KnownContact(row.id, row.relation, row.is_archived)
    facts.teams = {(row.patient_id, row.member_id) for row in session.execute(_TEAMS, given)}


def members_meant(
    session: Session, practice_id: UUID, colleagues: Iterable[Colleague]
) -> dict[str, UUID | None]:
    """By e-mail address or by name, in small letters; None where several have the name."""
    wanted = list(colleagues)
    words = sorted({one.email for one in wanted} | {one.name.lower() for one in wanted})
    rows = session.execute(
        select(Member.id, func.lower(Member.name).label("name"), func.lower(Member.email).label("email"))
        .where(Member.practice_id == practice_id, Member.is_active)
        .where(or_(func.lower(Member.name).in_(words), func.lower(Member.email).in_(words)))
    )
    found: dict[str, UUID | None] = {}
    for row in rows:
        for word in (row.name, row.email):
            if word:
                found[word] = None if word in found else row.id
    return found


def facilities_by_name(session: Session, practice_id: UUID) -> dict[str, UUID]:
    rows = session.execute(select(Facility.name, Facility.id).where(Facility.practice_id == practice_id))
    return {row.name.casefold(): row.id for row in rows}


def new_patient_values() -> dict[str, object]:
    """What a patient is of whom nothing is said."""
    nothing: dict[str, object] = dict.fromkeys(FIELDS)
    return nothing | {"kind": PatientKind.PERSON, "last_name": "", "language": "en"}


def as_words(values: dict[str, object]) -> dict[str, str | None]:
    """Values of fields as they are kept for undoing."""
    return {
        name: value.isoformat() if isinstance(value, date) else None if value is None else str(value)
        for name, value in values.items()
    }
