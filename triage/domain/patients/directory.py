"""Looking patients up: by name, number in any form, birth date or chart number."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, func, or_, select, union
from sqlalchemy.orm import Session

from triage.domain.patients.patient import (
    Contact,
    Patient,
    PatientContact,
    meant,
    named,
    visible_patients,
    words_of,
)
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice import throttle
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit.errors import NotFound
from triage.kit.phone import as_e164

MOST_FOUND = 30
# Enough for a busy front desk, too few to copy the directory.
SEARCHES = throttle.Limit("patient search", tries=60, window=timedelta(minutes=5))
# The palette asks while somebody types.
AS_TYPED = throttle.Limit("patients as typed", tries=200, window=timedelta(minutes=5))

# With every sign that people put between the digits, also those that other programs put there.
_NUMBER = re.compile(r"(?:tel:)?[+\d\s()./·\-\u2010-\u2015]{4,24}", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,4})[-/.\s](\d{1,2})[-/.\s](\d{1,4})")
# Countries that write the month first.
_MONTH_FIRST = frozenset({"US", "PH"})


class Found(NamedTuple):
    """A patient in a list, with what tells them from another of the same name."""

    patient: Patient
    owners: tuple[str, ...]


def require(member: Member) -> None:
    """Raises `NotFound`: for whoever may not use the directory there is none."""
    if member.messages is not Messages.ALL and not member.may(Privilege.PATIENTS):
        raise NotFound


def wait_before_searching(session: Session, member: Member, *, now: datetime) -> timedelta | None:
    """Count a search; how long to wait where there were too many."""
    return throttle.wait_for(session, SEARCHES, str(member.id), now=now)


def wait_before_typing(session: Session, member: Member, *, now: datetime) -> timedelta | None:
    """Count a search that is made while somebody types."""
    return throttle.wait_for(session, AS_TYPED, str(member.id), now=now)


def search(session: Session, member: Member, words: str, *, limit: int = MOST_FOUND) -> list[Found]:
    """Patients that `words` may mean, by name; at most `limit`. Where nobody has such a name, those of similar ones."""
    words = words.strip()
    if not words:
        return []
    exact = union(
        named(member.practice_id, words), *_by_number(words, member), *_by_birth_date(words, member)
    )
    patients = _among(session, member, exact, words, limit)
    if not patients and (also := meant(session, member.practice_id, words)):
        patients = _among(session, member, named(member.practice_id, words, also), words, limit)
    owners = _owners(session, [patient.id for patient in patients])
    return [Found(patient, owners.get(patient.id, ())) for patient in patients]


def _among(
    session: Session, member: Member, ids: CompoundSelect[UUID], words: str, limit: int
) -> list[Patient]:
    """Who is called as it was typed comes before those whom a nickname may mean."""
    query = visible_patients(member).where(Patient.archived_at.is_(None), Patient.id.in_(ids))
    other_name = [~Patient.name_key.contains(part, autoescape=True) for part in words_of(words)]
    return list(session.scalars(query.order_by(*other_name, Patient.name_key, Patient.id).limit(limit)))


def _by_number(words: str, member: Member) -> Iterable[Select[UUID]]:
    """A whole number in any form, or its last four digits or more."""
    if not _NUMBER.fullmatch(words):
        return
    digits = re.sub(r"\D", "", words)
    whole = as_e164(words, member.practice.region)
    if len(digits) < 4:
        return
    # From the back, as the index has it.
    ends_so = func.reverse(Phone.number).like(digits[::-1] + "%")
    yield (
        select(PhoneUse.patient_id)
        .join(Phone, Phone.id == PhoneUse.phone_id)
        .where(
            Phone.practice_id == member.practice_id,
            PhoneUse.ended_at.is_(None),
            or_(Phone.number == whole, ends_so) if whole else ends_so,
        )
    )


def _by_birth_date(words: str, member: Member) -> Iterable[Select[UUID]]:
    born_on = read_date(words, member.practice.region)
    if born_on is None:
        return
    yield select(Patient.id).where(Patient.practice_id == member.practice_id, Patient.born_on == born_on)
    yield (
        select(PatientContact.patient_id)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .where(
            Contact.practice_id == member.practice_id,
            Contact.born_on == born_on,
            PatientContact.archived_at.is_(None),
        )
    )


def read_date(words: str, region: str) -> date | None:
    """1980-05-17 anywhere; 5/17/1980 where the month comes first, 17.5.1980 elsewhere."""
    found = _DATE.fullmatch(words.strip())
    if found is None:
        return None
    one, two, three = (int(part) for part in found.groups())
    if len(found[1]) == 4:
        year, month, day = one, two, three
    else:
        month, day = (one, two) if region in _MONTH_FIRST else (two, one)
        year = three
    try:
        return date(year, month, day) if year > 1000 else None
    except ValueError:
        return None


def _owners(session: Session, patient_ids: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    """Names of the people on these patients' records, with what they are to them."""
    rows = session.execute(
        select(PatientContact.patient_id, PatientContact.relation, Contact.name)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .where(PatientContact.patient_id.in_(list(patient_ids)), PatientContact.archived_at.is_(None))
        .order_by(PatientContact.patient_id, Contact.name_key)
    )
    owners: dict[UUID, tuple[str, ...]] = {}
    for row in rows:
        who = f"{row.relation} {row.name}"
        owners[row.patient_id] = (*owners.get(row.patient_id, ()), who)
    return owners
