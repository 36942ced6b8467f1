"""Importing never says that somebody may be texted, whatever a file says."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.domain.importing.files import a_table, counts, imported
from triage.domain.importing import columns, known, writing
from triage.domain.importing.run import told_of
from triage.domain.patients import consent
from triage.domain.patients.consent import ConsentEvent, Leg, Purpose
from triage.domain.patients.patient import Contact, Patient, PatientContact, by_chart_number
from triage.domain.patients.phones import Phone, PhoneUse, identities
from triage.domain.practice.practice import find_practice

# What decides about texts, on whatever table.
NEVER = {
    "consented_at",
    "consented_how",
    "opted_out_at",
    "opted_out_how",
    "ended_at",
    "texting_on",
    "is_landline",
}
TABLES = (Patient, Contact, PatientContact, Phone, PhoneUse, ConsentEvent)
EVERY_COLUMN = sorted({column.name for table in TABLES for column in table.__table__.columns})
OTHER_WORDS = [
    "opt in",
    "opted in",
    "opt out",
    "consent",
    "sms consent",
    "texting",
    "text ok",
    "verified",
    "sms",
    "stop",
]


def _switches(session: Session, number: str) -> tuple[object, ...]:
    row = session.execute(
        select(
            Phone.texting_on, Phone.opted_out_at, Phone.opted_out_how, Phone.is_landline,
            func.array_agg(PhoneUse.consented_at), func.array_agg(PhoneUse.ended_at),
        )
        .join(PhoneUse, PhoneUse.phone_id == Phone.id)
        .where(Phone.number == number)
        .group_by(Phone.id)
    ).one()  # fmt: skip
    return tuple(row)


@pytest.mark.parametrize("heading", [*EVERY_COLUMN, *OTHER_WORDS])
def test_no_heading_suggests_it_and_no_column_does_it(session: Session, cast: Cast, heading: str) -> None:
    phone = session.get_one(Phone, cast.pat_phone.id)
    phone.texting_on, phone.opted_out_at, phone.opted_out_how = False, phone.created_at, "text"
    session.commit()
    before = _switches(session, PAT_NUMBER)
    headings = f"Chart no.,Pet,Mobile phone,{heading}"

    imported(session, cast, a_table(f"1001,Patricia,{PAT_NUMBER},yes", headings=headings))

    assert _switches(session, PAT_NUMBER) == before
    assert session.scalars(select(ConsentEvent)).all() == []
    assert session.get_one(Patient, cast.pat.id).texting_on


def test_no_field_and_no_statement_knows_of_it() -> None:
    assert NEVER.isdisjoint(columns.LABELS)
    assert NEVER.isdisjoint(known.FIELDS)
    for change in (writing.CHANGE_PATIENTS, writing.CHANGE_RELATIONS):
        assert NEVER.isdisjoint(change.compile().params)
        assert not any(f"{name}=" in str(change) for name in NEVER)


def test_a_new_number_may_not_be_texted_before_somebody_agrees(session: Session, cast: Cast) -> None:
    imported(session, cast, a_table("2001,Rosa,Ríos,,202-555-0191,,"))

    assert _leg(session, cast, "+12025550191") is Leg.NO_CONSENT


def test_a_number_whose_patient_staff_switched_off_is_not_opened_by_another_patient(
    session: Session, cast: Cast
) -> None:
    builders.an_inbound(session, cast=cast)
    session.get_one(Patient, cast.pat.id).texting_on = False
    session.commit()

    run = imported(session, cast, a_table(f"2001,Rosa,Ríos,,{PAT_NUMBER},,"))

    assert counts(run) == (1, 0, 0, 0)
    assert _leg(session, cast, PAT_NUMBER) is Leg.PATIENT_OFF
    assert [one.reason for one in told_of(session, run)] == [
        "Staff have turned texts off for who has this number; link it by hand."
    ]


def test_a_number_that_was_ended_stays_ended(session: Session, cast: Cast) -> None:
    use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == cast.pat.id)).one()
    use.ended_at = cast.pat_phone.created_at
    session.commit()

    run = imported(session, cast, a_table(f"1001,Pat,Porter,,{PAT_NUMBER},,"))

    session.refresh(use)
    assert counts(run) == (0, 0, 1, 0)
    assert use.ended_at is not None


def _leg(session: Session, cast: Cast, number: str) -> Leg | None:
    phone = session.scalars(
        select(Phone).where(Phone.practice_id == cast.practice_id, Phone.number == number)
    ).one()
    identity = identities(session, [phone.id])[phone.id]
    practice = find_practice(session, cast.practice_id)
    wrote = number == PAT_NUMBER
    assert by_chart_number(session, cast.practice_id, "2001")
    return consent.may_text(
        consent.gather(session, practice, phone, identity, wrote_first=wrote), Purpose.REPLY
    ).leg
