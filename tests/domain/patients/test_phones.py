"""Whose number is it: known, shared or unknown, and never a guess."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.builders import a_contact, a_number, a_patient, a_use
from tests.cast import PAT_NUMBER, Cast
from triage.domain.patients import phones
from triage.domain.patients.patient import Patient, PatientContact, PatientKind
from triage.domain.patients.phones import Identity, Known, Person, Phone, PhoneUse, identify, phone_for
from triage.kit import clock, db


def a_person(
    patient_id: UUID, name: str, *, contact: tuple[UUID, str] | None = None, facility: UUID | None = None
) -> Person:
    return Person(
        patient_id=patient_id,
        patient_name=name,
        contact_id=contact[0] if contact else None,
        contact_name=contact[1] if contact else None,
        relation="owner" if contact else None,
        facility_id=facility,
        language="en",
    )


def who_has(session: Session, number: str, cast: Cast) -> Identity:
    phone = phone_for(session, cast.practice_id, number, now=clock.now(session))
    return phones.identities(session, [phone.id])[phone.id]


class TestIdentity:
    def test_nobody_is_unknown(self) -> None:
        assert identify([]) == Identity(Known.UNKNOWN, None, None, None, ())

    def test_one_patient_is_known_by_name(self) -> None:
        pat, site = uuid4(), uuid4()

        identity = identify([a_person(pat, "Pat Porter", facility=site)])

        assert identity[:4] == (Known.KNOWN, "Pat Porter", pat, site)

    def test_two_patients_share_a_number_and_none_is_named(self) -> None:
        identity = identify([a_person(uuid4(), "Pat"), a_person(uuid4(), "Quinn")])

        assert identity[:3] == (Known.SHARED, None, None)

    def test_an_owner_of_two_animals_is_one_known_person_and_the_animal_is_open(self) -> None:
        owner = (uuid4(), "Maria Moss")

        identity = identify([a_person(uuid4(), pet, contact=owner) for pet in ("Rex", "Mia")])

        assert identity[:3] == (Known.KNOWN, "Maria Moss", None)

    def test_a_patient_and_a_parent_on_one_number_share_it(self) -> None:
        child = uuid4()

        identity = identify([a_person(child, "Kim"), a_person(child, "Kim", contact=(uuid4(), "Lee"))])

        assert identity[:3] == (Known.SHARED, None, None)

    def test_two_sites_are_no_site(self) -> None:
        people = [a_person(uuid4(), "Pat", facility=uuid4()), a_person(uuid4(), "Quinn", facility=uuid4())]

        assert identify(people).facility_id is None


class TestUses:
    def test_every_number_that_was_asked_for_is_answered(self, session: Session, cast: Cast) -> None:
        stranger = phone_for(session, cast.practice_id, a_number(), now=clock.now(session))

        found = phones.identities(session, [cast.pat_phone.id, stranger.id])

        assert found[cast.pat_phone.id].patient_id == cast.pat.id
        assert found[stranger.id].known is Known.UNKNOWN
        assert phones.identities(session, []) == {}

    def test_what_ended_or_was_archived_does_not_count(self, session: Session, cast: Cast) -> None:
        animal = a_patient(session, cast=cast, kind=PatientKind.ANIMAL)
        number, now = a_number(), clock.now(session)
        a_use(session, patient=animal, number=number, contact=a_contact(session, of=[animal]))
        assert who_has(session, number, cast).name == "Maria Moss"

        session.execute(update(PatientContact).values(archived_at=now))
        assert who_has(session, number, cast).known is Known.UNKNOWN

        session.execute(update(PhoneUse).where(PhoneUse.patient_id == cast.pat.id).values(ended_at=now))
        assert who_has(session, PAT_NUMBER, cast).known is Known.UNKNOWN

    def test_an_archived_patient_does_not_count(self, session: Session, cast: Cast) -> None:
        session.execute(update(Patient).values(archived_at=clock.now(session)))

        assert who_has(session, PAT_NUMBER, cast).known is Known.UNKNOWN

    def test_a_patient_s_numbers_are_labelled(self, session: Session, cast: Cast) -> None:
        mother = a_contact(session, of=[cast.pat], name="Maria Alvarez", relation="mother")
        a_use(session, patient=cast.pat, number=a_number(), contact=mother)

        uses = phones.uses_by_patient(session, cast.practice_id, cast.pat.id)

        assert [label for _, _, label in uses] == ["Mobile", "Mother Maria Alvarez"]
        assert phones.uses_by_patient(session, cast.other_practice.id, cast.pat.id) == []


def test_a_number_is_recorded_once_however_many_ask_at_once(fresh_cast: Cast) -> None:
    number = a_number()

    def ask(_: int) -> UUID:
        with db.transaction() as session:
            return phone_for(session, fresh_cast.practice_id, number, now=clock.now(session)).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    with db.reading() as session:
        assert session.scalar(select(func.count()).where(Phone.number == number)) == 1
