"""The people on a patient's record: owners, parents, guardians, others who are texted about the patient."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, select
from sqlalchemy.orm import Session

from triage.domain.patients import details, phones
from triage.domain.patients.patient import Contact, Patient, PatientContact, sort_key, visible_patients
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.domain.wording import LANGUAGES
from triage.kit.errors import Invalid, NotFound, NotPossible
from triage.kit.phone import as_e164

RELATIONS = (
    "owner",
    "mother",
    "father",
    "parent",
    "guardian",
    "partner",
    "daughter",
    "son",
    "carer",
    "other",
)
LONGEST_RELATION = 30
NOT_A_NUMBER = "Enter a full phone number, such as +1 202 555 0123."


class Wanted(NamedTuple):
    """A contact as the form has it; `number` is E.164, or empty."""

    name: str
    relation: str
    language: str
    born_on: date | None
    number: str


class Reached(NamedTuple):
    use: PhoneUse
    phone: Phone


class OnRecord(NamedTuple):
    """A person on a record; `elsewhere` counts the other patients who have them on theirs."""

    contact: Contact
    relation: str
    archived_at: datetime | None
    numbers: list[Reached]
    elsewhere: int


def read(given: Mapping[str, str], practice: Practice, *, today: date) -> Wanted:
    """What a form says, as it was typed. Raises `Invalid`, naming each field that is wrong."""
    wrong: dict[str, str] = {}
    name = " ".join(given.get("name", "").split())
    if not name or len(name) > details.LONGEST_NAME:
        wrong["name"] = f"Use at most {details.LONGEST_NAME} characters." if name else "Enter a name."
    relation = " ".join(given.get("relation", "").split()).lower()
    if not relation or len(relation) > LONGEST_RELATION:
        wrong["relation"] = "Enter who this is to the patient, such as mother or owner."
    language = given.get("language", "") or practice.languages[0]
    if language not in LANGUAGES:
        wrong["language"] = "Choose one of those offered."
    born_on = details.read_birth_date(given.get("born_on", ""), practice.region, wrong, today=today)
    number = read_number(given, practice.region, wrong)
    if wrong:
        raise Invalid(**wrong)
    return Wanted(name, relation, language, born_on, number)


def read_number(given: Mapping[str, str], region: str, wrong: dict[str, str]) -> str:
    """E.164, or nothing where nothing was typed; what cannot be a number goes into `wrong`."""
    typed = given.get("number", "").strip()
    number = as_e164(typed, region) if typed else ""
    if number is None:
        wrong["number"] = NOT_A_NUMBER
    return number or ""


def on_record(session: Session, patient: Patient) -> list[OnRecord]:
    """Everybody on the record, owners first and archived ones last; a few queries for all."""
    rows = session.execute(
        select(Contact, PatientContact)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(PatientContact.practice_id == patient.practice_id, PatientContact.patient_id == patient.id)
        .order_by(
            PatientContact.archived_at.is_not(None), PatientContact.relation != "owner", Contact.name_key
        )
    ).all()
    numbers = numbers_of(session, patient)
    others = elsewhere(session, patient, [contact.id for contact, _ in rows])
    return [
        OnRecord(
            contact,
            link.relation,
            link.archived_at,
            numbers.get(contact.id, []),
            others.get(contact.id, 0),
        )
        for contact, link in rows
    ]


def numbers_of(session: Session, patient: Patient) -> dict[UUID | None, list[Reached]]:
    """By contact, None for the patient; what has ended comes last."""
    rows = session.execute(
        select(PhoneUse, Phone)
        .join(Phone, Phone.id == PhoneUse.phone_id)
        .where(PhoneUse.practice_id == patient.practice_id, PhoneUse.patient_id == patient.id)
        .order_by(PhoneUse.ended_at.is_not(None), PhoneUse.id)
    )
    numbers: dict[UUID | None, list[Reached]] = {}
    for use, phone in rows:
        numbers.setdefault(use.contact_id, []).append(Reached(use, phone))
    return numbers


def elsewhere(session: Session, patient: Patient, contact_ids: list[UUID]) -> dict[UUID, int]:
    """On how many other records these people are."""
    query = (
        select(PatientContact.contact_id, func.count())
        .join(Patient, Patient.id == PatientContact.patient_id)
        .where(
            PatientContact.contact_id.in_(contact_ids),
            PatientContact.patient_id != patient.id,
            PatientContact.archived_at.is_(None),
            Patient.archived_at.is_(None),
        )
        .group_by(PatientContact.contact_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def find(session: Session, patient: Patient, contact_id: UUID) -> tuple[Contact, PatientContact]:
    """Locked. Raises `NotFound` for whoever is not on this record."""
    query = (
        select(Contact, PatientContact)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(
            PatientContact.practice_id == patient.practice_id,
            PatientContact.patient_id == patient.id,
            PatientContact.contact_id == contact_id,
        )
    )
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found: Row[Contact, PatientContact] | None = session.execute(locked).first()
    if found is None:
        raise NotFound("There is no such contact on this record.")
    return found[0], found[1]


def add(session: Session, patient: Patient, wanted: Wanted, *, by: Member, now: datetime) -> Contact:
    """On the record from now on, and again where they were archived. Raises `Invalid`.

    Whoever has the same name at the same number is the same person, so that an owner of two animals is one; not where
    a wall keeps the other record from the member.
    """
    contact = _same_person(session, wanted, by)
    if contact is None:
        contact = Contact(practice_id=patient.practice_id, created_at=now)
        _put(contact, wanted)
        session.add(contact)
        session.flush()
    link = session.get(PatientContact, (patient.id, contact.id))
    if link is not None and link.archived_at is None:
        raise Invalid(name="This person is on the record already.")
    if link is None:
        link = PatientContact(
            practice_id=patient.practice_id, patient_id=patient.id, contact_id=contact.id, relation=""
        )
        session.add(link)
    link.relation, link.archived_at = wanted.relation, None
    session.flush()
    return contact


def is_elsewhere_hidden(session: Session, contact: Contact, member: Member) -> bool:
    """Whether the person is also on a record behind a wall of this member."""
    seen = visible_patients(member).with_only_columns(Patient.id)
    hidden = select(PatientContact.patient_id).where(
        PatientContact.contact_id == contact.id, PatientContact.patient_id.not_in(seen)
    )
    return session.scalar(hidden.limit(1)) is not None


def _same_person(session: Session, wanted: Wanted, by: Member) -> Contact | None:
    if not wanted.number:
        return None
    seen = visible_patients(by).with_only_columns(Patient.id)
    query = (
        select(Contact)
        .join(PhoneUse, PhoneUse.contact_id == Contact.id)
        .join(Phone, Phone.id == PhoneUse.phone_id)
        .where(
            Phone.practice_id == by.practice_id,
            Phone.number == wanted.number,
            Contact.name_key == sort_key(wanted.name),
            exists().where(PatientContact.contact_id == Contact.id, PatientContact.patient_id.in_(seen)),
        )
        .order_by(Contact.id)
        .limit(1)
    )
    return session.scalar(query)


def change(contact: Contact, link: PatientContact, wanted: Wanted) -> list[str]:
    """The names of the fields that are different now."""
    was = (contact.name, contact.language, contact.born_on, link.relation)
    _put(contact, wanted)
    link.relation = wanted.relation
    now = (contact.name, contact.language, contact.born_on, link.relation)
    names = ("name", "language", "born_on", "relation")
    return [name for name, old, new in zip(names, was, now, strict=True) if old != new]


def _put(contact: Contact, wanted: Wanted) -> None:
    contact.name, contact.name_key = wanted.name, sort_key(wanted.name)
    contact.language, contact.born_on = wanted.language, wanted.born_on


def add_number(
    session: Session, patient: Patient, contact: Contact | None, number: str, *, region: str, now: datetime
) -> Phone:
    """The contact, or the patient, is reached there from now on. Raises `Invalid`. Safe to repeat."""
    return phones.link(session, patient, number, region=region, now=now, contact=contact)


def archive(link: PatientContact, *, now: datetime) -> None:
    """No longer named, and never texted about this patient; what was written stays (Instinct, B72, B73)."""
    link.archived_at = link.archived_at or now


def restore(link: PatientContact) -> None:
    link.archived_at = None


def remove(session: Session, contact: Contact, link: PatientContact, uses: Iterable[PhoneUse]) -> None:
    """Off the record without a trace of the link; whoever is on no other record is gone.

    Raises `NotPossible` where consent was given: its proof must not lose whose it was.
    """
    for use in uses:
        if use.consented_at is not None:
            raise NotPossible("Consent to texts is recorded for this person. Archive the contact instead.")
        session.delete(use)
    session.delete(link)
    session.flush()
    session.execute(
        delete(Contact).where(
            Contact.id == contact.id,
            ~exists().where(PatientContact.contact_id == Contact.id),
            ~exists().where(PhoneUse.contact_id == Contact.id),
        )
    )
