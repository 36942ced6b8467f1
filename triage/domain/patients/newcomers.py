"""Somebody who writes and is not on record: added with the little that is known."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, case, cast, func, select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.patients.directory import read_date
from triage.domain.patients.patient import (
    Contact,
    Patient,
    PatientContact,
    add_patient,
    sort_key,
    visible_patients,
)
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Kind
from triage.domain.practice.privileges import Privilege
from triage.kit.errors import Invalid, NotAllowed

FIRST_NUMBER = 1001


class Newcomer(NamedTuple):
    """As it was typed. Of an animal `first_name` is its name, and `owner` is who writes."""

    first_name: str
    last_name: str = ""
    born_on: str = ""
    chart_number: str = ""
    species: str = ""
    owner: str = ""


class Added(NamedTuple):
    """`contact_id` is the owner of an animal: the number is theirs."""

    patient: Patient
    contact_id: UUID | None


def add(session: Session, given: Newcomer, *, by: Member, now: datetime) -> Added:
    """A person, or in a veterinary practice an animal with its owner. Raises `Invalid`, `NotAllowed`."""
    if not by.may(Privilege.PATIENTS):
        raise NotAllowed("Your role does not let you add patients.")
    is_animal = by.practice.kind is Kind.VETERINARY
    born_on = read_date(given.born_on, by.practice.region) if given.born_on.strip() else None
    wrong = _wrong(given, is_animal=is_animal, is_date=not given.born_on.strip() or born_on is not None)
    if not wrong and born_on is not None:
        wrong = _twice(session, given, born_on, by)
    if wrong:
        raise Invalid(**wrong)
    patient = add_patient(
        session,
        by.practice_id,
        first_name=given.first_name,
        last_name="" if is_animal else given.last_name,
        chart_number=given.chart_number.strip() or _next_number(session, by.practice_id),
        now=now,
        born_on=born_on,
        species=" ".join(given.species.split()) if is_animal else None,
    )
    contact_id = _add_owner(session, patient, given.owner, now=now) if is_animal else None
    audit.record(
        session,
        by.practice_id,
        audit.Action.PATIENT_CHANGED,
        by=by.id,
        at=now,
        subject_id=patient.id,
        patient_id=patient.id,
        fields="added",
    )
    return Added(patient, contact_id)


def _wrong(given: Newcomer, *, is_animal: bool, is_date: bool) -> dict[str, str]:
    wrong = {}
    if not given.first_name.strip():
        wrong["first_name"] = "Enter a name."
    if is_animal and not given.species.strip():
        wrong["species"] = "Enter what kind of animal it is, such as dog."
    if is_animal and not given.owner.strip():
        wrong["owner"] = "Enter the owner's name: texts go to them."
    if not is_animal and not given.last_name.strip():
        wrong["last_name"] = "Enter a last name."
    if not is_date:
        wrong["born_on"] = "Enter a date, such as 1980-05-17."
    return wrong


def _twice(session: Session, given: Newcomer, born_on: date, by: Member) -> dict[str, str]:
    """The same name and birth date is the same person, found by who may see the record."""
    key = sort_key(" ".join(given.first_name.split()), " ".join(given.last_name.split()))
    same = visible_patients(by).where(Patient.name_key == key, Patient.born_on == born_on)
    found = session.scalar(same.where(Patient.archived_at.is_(None)).limit(1))
    if found is None:
        return {}
    return {"first_name": "Somebody of this name and birth date is on record already. Find them above."}


def _next_number(session: Session, practice_id: UUID) -> str:
    """One more than the highest that is a plain number."""
    is_plain = Patient.chart_number.regexp_match("^[0-9]{1,9}$")
    number = case((is_plain, cast(Patient.chart_number, BigInteger)))
    plain = select(func.max(number)).where(Patient.practice_id == practice_id)
    return str(max((session.scalar(plain) or 0) + 1, FIRST_NUMBER))


def _add_owner(session: Session, patient: Patient, name: str, *, now: datetime) -> UUID:
    name = " ".join(name.split())
    owner = Contact(practice_id=patient.practice_id, name=name, name_key=sort_key(name), created_at=now)
    session.add(owner)
    session.flush()
    session.add(
        PatientContact(
            practice_id=patient.practice_id, patient_id=patient.id, contact_id=owner.id, relation="owner"
        )
    )
    session.flush()
    return owner.id
