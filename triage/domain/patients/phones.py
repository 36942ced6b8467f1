"""Phone numbers as a practice knows them; who uses a number, also when several people share it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Index,
    Row,
    String,
    UniqueConstraint,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from triage.domain.patients.patient import Contact, Patient, PatientContact
from triage.kit import db
from triage.kit.phone import read


class Trouble(StrEnum):
    """What the carrier said of a number when a text did not arrive."""

    LANDLINE = "landline"
    UNREACHABLE = "unreachable"
    NOT_IN_SERVICE = "not_in_service"
    BLOCKS_US = "blocks_us"


class Verification(StrEnum):
    """How far the person who is texted has confirmed who they are, by birth date (ThoroughCare, C91).

    That the number has opted out is told by the number, and goes before each of these on every page.
    """

    NOT_STARTED = "not_started"
    PENDING = "pending"
    FAILED = "failed"
    ENABLED = "enabled"


class Phone(db.OfPractice, db.Base):
    """One number: opt-out and carrier marks belong to it, whoever holds it.

    `number` is E.164, or a short code or letters exactly as the carrier gave them. `trouble` is what the carrier
    last said of it, until a text arrives or comes again.
    """

    __tablename__ = "phone"
    __table_args__ = (
        db.referable(),
        UniqueConstraint("practice_id", "number"),
        # People remember how a number ends.
        Index(
            "ix_phone_ending",
            "practice_id",
            func.reverse(literal_column("number")).label("ending"),
            postgresql_ops={"ending": "text_pattern_ops"},
        ),
        CheckConstraint("number <> ''", name="number"),
        CheckConstraint("(opted_out_at is null) = (opted_out_how is null)", name="opted_out"),
        CheckConstraint("(trouble is null) = (trouble_at is null)", name="trouble_has_time"),
    )

    number: Mapped[str]
    texting_on: Mapped[bool] = mapped_column(default=True)
    opted_out_at: Mapped[datetime | None]
    opted_out_how: Mapped[str | None]
    is_landline: Mapped[bool] = mapped_column(default=False)
    trouble: Mapped[Trouble | None] = mapped_column(db.choice(Trouble, "trouble"))
    trouble_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class PhoneUse(db.OfPractice, db.Base):
    """A patient, or a person on the patient's record, is reached at this number until `ended_at`.

    `verification` is what it is since `verified_since`; `asked_at` is when the last question for a birth date was
    sent, and `asked_by_id` who began to ask. Dates that could not be read count apart from those that were wrong.
    """

    __tablename__ = "phone_use"
    __table_args__ = (
        db.within_practice("phone_id", "phone"),
        db.within_practice("patient_id", "patient"),
        db.within_practice("contact_id", "contact"),
        Index("ix_phone_use_phone", "practice_id", "phone_id"),
        Index("ix_phone_use_patient", "practice_id", "patient_id"),
        Index("ix_phone_use_contact", "practice_id", "contact_id", postgresql_where="contact_id is not null"),
        UniqueConstraint("phone_id", "patient_id", "contact_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("(consented_at is null) = (consented_how is null)", name="consent"),
        db.within_practice("asked_by_id", "member"),
        # Few wait for an answer at a time, and the scheduler looks for those that have waited too long.
        Index("ix_phone_use_pending", "verified_since", postgresql_where="verification = 'pending'"),
        CheckConstraint("(verification = 'not_started') = (verified_since is null)", name="verified_since"),
        CheckConstraint("verification <> 'pending' or wrong_dates < 3", name="wrong_dates"),
    )

    phone_id: Mapped[UUID]
    patient_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    consented_at: Mapped[datetime | None]
    consented_how: Mapped[str | None]
    # As `consent.Category` has them; none where it was not asked.
    consented_to: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    ended_at: Mapped[datetime | None]
    verification: Mapped[Verification] = mapped_column(
        db.choice(Verification, "verification"),
        default=Verification.NOT_STARTED,
        server_default="not_started",
    )
    verified_since: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    asked_by_id: Mapped[UUID | None]
    wrong_dates: Mapped[int] = mapped_column(default=0, server_default="0")
    unreadable_dates: Mapped[int] = mapped_column(default=0, server_default="0")


class Known(StrEnum):
    """How sure we are whose number it is."""

    KNOWN = "known"
    SHARED = "shared"
    UNKNOWN = "unknown"


class Person(NamedTuple):
    """One current use of a number: the patient, and the person who is texted about the patient."""

    patient_id: UUID
    patient_name: str
    contact_id: UUID | None
    contact_name: str | None
    relation: str | None
    facility_id: UUID | None
    language: str
    use_id: UUID | None = None
    verification: Verification = Verification.NOT_STARTED

    @property
    def texted_name(self) -> str:
        return self.contact_name or self.patient_name


class Identity(NamedTuple):
    """Whose number it is. `name` is None unless exactly one person holds it (Instinct, B65 and B66).

    `patient_id` is None while it is open which patient a text concerns: an owner of two animals is one
    known person with two patients.
    """

    known: Known
    name: str | None
    patient_id: UUID | None
    facility_id: UUID | None
    people: tuple[Person, ...]

    @property
    def has_several(self) -> bool:
        """Texts from here may be about one patient or another."""
        return len({person.patient_id for person in self.people}) > 1


def identify(people: Iterable[Person]) -> Identity:
    """Decide from the current uses of one number. Pure."""
    people = tuple(people)
    if not people:
        return Identity(Known.UNKNOWN, None, None, None, ())
    persons = {person.contact_id or person.patient_id for person in people}
    patients = {person.patient_id for person in people}
    facilities = {person.facility_id for person in people}
    is_one = len(persons) == 1
    return Identity(
        known=Known.KNOWN if is_one else Known.SHARED,
        name=people[0].texted_name if is_one else None,
        patient_id=people[0].patient_id if is_one and len(patients) == 1 else None,
        facility_id=people[0].facility_id if len(facilities) == 1 else None,
        people=people,
    )


def narrowed(identity: Identity, chosen_patient_id: UUID | None) -> Identity:
    """As a member said whom the texts concern; without effect once that patient is not reached there. Pure."""
    chosen = next((one for one in identity.people if one.patient_id == chosen_patient_id), None)
    if chosen is None:
        return identity
    return identity._replace(patient_id=chosen.patient_id, facility_id=chosen.facility_id)


# Current uses of these numbers with names, in a steady order; built once, for every text and page asks it.
_USES = (
    select(
        PhoneUse.phone_id,
        PhoneUse.id.label("use_id"),
        PhoneUse.verification,
        Patient.id.label("patient_id"),
        Patient.first_name,
        Patient.last_name,
        Patient.facility_id,
        Patient.language,
        Contact.id.label("contact_id"),
        Contact.name.label("contact_name"),
        PatientContact.relation,
    )
    .join(Patient, Patient.id == PhoneUse.patient_id)
    .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
    .outerjoin(
        PatientContact,
        (PatientContact.patient_id == Patient.id) & (PatientContact.contact_id == Contact.id),
    )
    .where(
        PhoneUse.phone_id == func.any(bindparam("phone_ids", type_=ARRAY(Uuid))),
        PhoneUse.ended_at.is_(None),
        Patient.archived_at.is_(None),
        PatientContact.archived_at.is_(None),
    )
    .order_by(PhoneUse.phone_id, Patient.id, Contact.id)
)


def person_of(row: Row[*tuple[Any, ...]]) -> Person:
    return Person(
        patient_id=row.patient_id,
        patient_name=f"{row.first_name} {row.last_name}".strip(),
        contact_id=row.contact_id,
        contact_name=row.contact_name,
        relation=row.relation,
        facility_id=row.facility_id,
        language=row.language,
        use_id=row.use_id,
        verification=row.verification,
    )


def identities(session: Session, phone_ids: Iterable[UUID]) -> dict[UUID, Identity]:
    """Whose numbers these are, with one query; every id asked for is in the answer."""
    wanted = set(phone_ids)
    people: dict[UUID, list[Person]] = {phone_id: [] for phone_id in wanted}
    if wanted:
        for row in session.execute(_USES, {"phone_ids": list(wanted)}):
            people[row.phone_id].append(person_of(row))
    return {phone_id: identify(found) for phone_id, found in people.items()}


def phone_for(session: Session, practice_id: UUID, number: str, *, now: datetime) -> Phone:
    """The practice's record of this number, made when it is new. Safe under races."""
    session.execute(
        insert(Phone)
        .values(
            id=db.new_id(),
            practice_id=practice_id,
            number=number,
            texting_on=True,
            is_landline=False,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(Phone).where(Phone.practice_id == practice_id, Phone.number == number)
    ).one()


def link(
    session: Session,
    patient: Patient,
    number: str,
    *,
    region: str,
    now: datetime,
    contact: Contact | None = None,
) -> Phone:
    """The patient, or `contact` about the patient, is reached there from now on. Raises `Invalid`. Safe to repeat."""
    phone = phone_for(session, patient.practice_id, read(number, region), now=now)
    use_by(session, patient, phone, contact.id if contact else None)
    return phone


class Linked(NamedTuple):
    """A patient's own use of a number. `was_ended_at` and `is_new` say what it was before."""

    use: PhoneUse
    is_new: bool
    was_ended_at: datetime | None


def use_by(session: Session, patient: Patient, phone: Phone, contact_id: UUID | None = None) -> Linked:
    """The patient, or a person on the record, is reached at this number from now on. Safe to repeat.

    Whatever was said of the number, or of anybody who has it, stays.
    """
    use = session.scalar(
        select(PhoneUse).where(
            PhoneUse.phone_id == phone.id,
            PhoneUse.patient_id == patient.id,
            PhoneUse.contact_id.is_not_distinct_from(contact_id),
        )
    )
    if use is None:
        use = PhoneUse(
            practice_id=patient.practice_id,
            phone_id=phone.id,
            patient_id=patient.id,
            contact_id=contact_id,
        )
        session.add(use)
        session.flush()
        return Linked(use, True, None)
    was_ended_at = use.ended_at
    if was_ended_at is not None:
        # Whoever reads the number now has not said who they are.
        use.ended_at, use.verification, use.verified_since = None, Verification.NOT_STARTED, None
    session.flush()
    return Linked(use, False, was_ended_at)


def uses_by_patient(
    session: Session, practice_id: UUID, patient_id: UUID
) -> list[tuple[PhoneUse, Phone, str]]:
    """The numbers of a patient with their labels ("Mobile", "Owner Maria Alvarez")."""
    rows = session.execute(
        select(PhoneUse, Phone, Contact.name, PatientContact.relation)
        .join(Phone, Phone.id == PhoneUse.phone_id)
        .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
        .outerjoin(
            PatientContact,
            (PatientContact.contact_id == Contact.id) & (PatientContact.patient_id == patient_id),
        )
        .where(PhoneUse.practice_id == practice_id, PhoneUse.patient_id == patient_id)
        .order_by(PhoneUse.ended_at.is_not(None), PhoneUse.id)
    )
    return [
        (use, phone, f"{(relation or 'contact').capitalize()} {name}" if name else "Mobile")
        for use, phone, name, relation in rows
    ]
