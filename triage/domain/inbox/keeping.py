"""Keeping patients' records: what staff change of one, and what that means for its conversations."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import places
from triage.domain.patients import contacts, details
from triage.domain.patients.details import Details
from triage.domain.patients.patient import Contact, Patient, PatientContact, PatientKind
from triage.domain.patients.phones import PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Kind
from triage.kit import clock
from triage.kit.errors import Invalid, NotPossible


def kind_for(member: Member) -> PatientKind:
    """Whom this practice cares for."""
    return PatientKind.ANIMAL if member.practice.kind is Kind.VETERINARY else PatientKind.PERSON


def facility_ids(session: Session, member: Member) -> set[UUID]:
    """Where this member may put a patient."""
    own = [place.facility_id for place in member.at_facilities]
    return details.facilities_for(
        session, member.practice_id, own if member.role.own_facilities_only else None
    )


def add(session: Session, given: Mapping[str, str], *, by: Member) -> Patient:
    """A new record with the number, or for an animal the owner, that the form names. Raises `Invalid`."""
    now, kind = clock.now(session), kind_for(by)
    wrong: dict[str, str] = {}
    number = contacts.read_number(given, by.practice.region, wrong)
    owner = " ".join(given.get("owner", "").split())
    if kind is PatientKind.ANIMAL and not owner:
        wrong["owner"] = "Enter the owner's name."
    wanted = _read(session, given, kind, by, now, wrong)
    patient = details.add(session, by.practice_id, wanted, now=now)
    _note(session, patient, by, now, audit.Action.PATIENT_ADDED)
    contact = None
    if kind is PatientKind.ANIMAL:
        person = contacts.Wanted(owner, "owner", wanted.language, None, number)
        contact = contacts.add(session, patient, person, by=by, now=now)
    if number:
        _reach(session, patient, contact, number, by, now)
    return patient


def change(session: Session, patient: Patient, given: Mapping[str, str], *, by: Member) -> list[str]:
    """The names of the fields that are different now; raises `Invalid`. The patient is locked.

    Who sees birth dates on request has not seen this one: an empty field leaves it as it is.
    """
    now = clock.now(session)
    wanted = _read(session, given, patient.kind, by, now, {})
    if by.role.birth_dates_masked and wanted.born_on is None and not given.get("forget_born_on"):
        wanted = wanted._replace(born_on=patient.born_on)
    changed = details.change(session, patient, wanted)
    if changed:
        _note(session, patient, by, now, fields=", ".join(changed))
    if "facility_id" in changed:
        _follow(session, patient)
    return changed


def _read(
    session: Session,
    given: Mapping[str, str],
    kind: PatientKind,
    by: Member,
    now: datetime,
    wrong: dict[str, str],
) -> Details:
    """With what is wrong elsewhere in the same form."""
    try:
        read = details.read(given, kind, by.practice, facility_ids(session, by), today=now.date())
    except Invalid as refusal:
        raise Invalid(**{**wrong, **refusal.fields}) from None
    if wrong:
        raise Invalid(**wrong)
    return read


def archive(session: Session, patient: Patient, *, by: Member) -> None:
    """Out of every list; texts from the numbers still become tasks, of a number that nobody has. Safe to repeat."""
    if patient.archived_at is None:
        now = clock.now(session)
        patient.archived_at = now
        _note(session, patient, by, now, what="archived")
        _follow(session, patient)


def restore(session: Session, patient: Patient, *, by: Member) -> None:
    """Back from the archive, with everything. Safe to repeat."""
    if patient.archived_at is not None:
        patient.archived_at = None
        _note(session, patient, by, clock.now(session), what="brought back")
        _follow(session, patient)


# ---- the people on the record ----


def add_contact(session: Session, patient: Patient, given: Mapping[str, str], *, by: Member) -> Contact:
    """Raises `Invalid`."""
    now = clock.now(session)
    wanted = contacts.read(given, by.practice, today=now.date())
    contact = contacts.add(session, patient, wanted, by=by, now=now)
    _note(session, patient, by, now, subject_id=contact.id, what="contact added")
    if wanted.number:
        _reach(session, patient, contact, wanted.number, by, now)
    _follow(session, patient)
    return contact


def change_contact(
    session: Session,
    patient: Patient,
    contact: Contact,
    link: PatientContact,
    given: Mapping[str, str],
    *,
    by: Member,
) -> list[str]:
    """Everywhere this person is on a record; the relation is of this patient. Raises `Invalid`."""
    now = clock.now(session)
    wanted = contacts.read({**given, "number": ""}, by.practice, today=now.date())
    if by.role.birth_dates_masked and wanted.born_on is None:
        wanted = wanted._replace(born_on=contact.born_on)
    is_theirs_alone = (wanted.name, wanted.language, wanted.born_on) == (
        contact.name,
        contact.language,
        contact.born_on,
    )
    if not is_theirs_alone and contacts.is_elsewhere_hidden(session, contact, by):
        raise NotPossible("This person is also on a record that you may not see. Ask somebody who sees both.")
    changed = contacts.change(contact, link, wanted)
    if changed:
        _note(session, patient, by, now, subject_id=contact.id, what="contact", fields=", ".join(changed))
    return changed


def add_number(
    session: Session, patient: Patient, contact_id: UUID | None, given: Mapping[str, str], *, by: Member
) -> None:
    """Of the patient, or of a contact. Raises `Invalid`, `NotFound`. Safe to repeat."""
    wrong: dict[str, str] = {}
    number = contacts.read_number(given, by.practice.region, wrong)
    if not number:
        raise Invalid(number=contacts.NOT_A_NUMBER)
    contact = contacts.find(session, patient, contact_id)[0] if contact_id else None
    _reach(session, patient, contact, number, by, clock.now(session))


def _reach(
    session: Session, patient: Patient, contact: Contact | None, number: str, by: Member, now: datetime
) -> None:
    phone = contacts.add_number(session, patient, contact, number, region=by.practice.region, now=now)
    _note(session, patient, by, now, subject_id=phone.id, what="number added")
    places.follow(session, patient.practice_id, [phone.id])


def archive_contact(session: Session, patient: Patient, contact_id: UUID, *, by: Member) -> str:
    """Their name, for the page. Raises `NotFound`."""
    contact, link = contacts.find(session, patient, contact_id)
    now = clock.now(session)
    contacts.archive(link, now=now)
    _note(session, patient, by, now, subject_id=contact.id, what="contact archived")
    _follow(session, patient)
    return contact.name


def restore_contact(session: Session, patient: Patient, contact_id: UUID, *, by: Member) -> str:
    contact, link = contacts.find(session, patient, contact_id)
    contacts.restore(link)
    _note(session, patient, by, clock.now(session), subject_id=contact.id, what="contact brought back")
    _follow(session, patient)
    return contact.name


def remove_contact(session: Session, patient: Patient, contact_id: UUID, *, by: Member) -> str:
    """Raises `NotPossible` where somebody wrote (Instinct, B72), `NotFound`."""
    contact, link = contacts.find(session, patient, contact_id)
    name, id_ = contact.name, contact.id
    phone_ids = phone_ids_of(session, patient)
    uses = [one.use for one in contacts.numbers_of(session, patient).get(contact.id, [])]
    if with_messages(session, patient.practice_id, [use.phone_id for use in uses]):
        raise NotPossible("There are messages with this contact. Archive the contact instead.")
    contacts.remove(session, contact, link, uses)
    _note(session, patient, by, clock.now(session), subject_id=id_, what="contact removed")
    places.follow(session, patient.practice_id, phone_ids)
    return name


def with_messages(session: Session, practice_id: UUID, phone_ids: Collection[UUID]) -> set[UUID]:
    """Those of the numbers with which something was written."""
    written = exists().where(Message.conversation_id == Conversation.id)
    query = select(Conversation.phone_id).where(
        Conversation.practice_id == practice_id, Conversation.phone_id.in_(phone_ids), written
    )
    return set(session.scalars(query))


def phone_ids_of(session: Session, patient: Patient) -> list[UUID]:
    """Every number of the record, also those that have ended."""
    query = select(PhoneUse.phone_id).where(
        PhoneUse.practice_id == patient.practice_id, PhoneUse.patient_id == patient.id
    )
    return sorted(set(session.scalars(query)))


def _follow(session: Session, patient: Patient) -> None:
    session.flush()
    places.follow(session, patient.practice_id, phone_ids_of(session, patient))


def _note(
    session: Session,
    patient: Patient,
    by: Member,
    now: datetime,
    action: audit.Action = audit.Action.PATIENT_CHANGED,
    *,
    subject_id: UUID | None = None,
    **detail: str,
) -> None:
    """Names of fields only: values identify people."""
    audit.record(
        session,
        patient.practice_id,
        action,
        by=by.id,
        at=now,
        subject_id=subject_id or patient.id,
        patient_id=patient.id,
        **detail,
    )
