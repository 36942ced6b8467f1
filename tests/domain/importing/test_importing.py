"""What becomes of the rows of a table."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.cast import PAT_NUMBER, Cast
from tests.domain.importing.files import HEADINGS, OMAR, ROSA, a_table, counts, imported, tried
from triage.domain import audit
from triage.domain.importing.run import State, told_of
from triage.domain.patients.patient import Patient, by_chart_number
from triage.domain.patients.phones import Phone, PhoneUse


def test_a_file_is_tried_without_a_patient_being_made(session: Session, cast: Cast) -> None:
    run = tried(session, cast, a_table(ROSA, OMAR))

    assert (run.state, counts(run), run.total) == (State.CHECKED, (2, 0, 0, 0), 2)
    assert by_chart_number(session, cast.practice_id, "2001") is None


def test_new_patients_are_made_with_all_that_the_file_says(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table(ROSA, OMAR))

    rosa = by_chart_number(session, cast.practice_id, "2001")
    assert rosa is not None
    assert (run.state, counts(run), run.has_file) == (State.DONE, (2, 0, 0, 0), False)
    assert (rosa.name, rosa.name_key, rosa.born_on) == ("Rosa Ríos", "rosa rios", date(1975, 2, 3))
    assert (rosa.language, rosa.facility_id) == ("es", cast.north.id)
    number = session.scalars(
        select(Phone.number)
        .join(PhoneUse, PhoneUse.phone_id == Phone.id)
        .where(PhoneUse.patient_id == rosa.id)
    ).one()
    assert number == "+12025550161"


def test_the_same_file_again_changes_nothing(session: Session, cast: Cast) -> None:
    imported(session, cast, a_table(ROSA, OMAR))

    again = imported(session, cast, a_table(ROSA, OMAR))

    assert counts(again) == (0, 0, 2, 0)


def test_only_what_differs_is_changed_and_an_empty_cell_says_nothing(session: Session, cast: Cast) -> None:
    imported(session, cast, a_table(ROSA))

    run = imported(session, cast, a_table("2001,Rosa,Ríos Vega,,,,"))

    rosa = by_chart_number(session, cast.practice_id, "2001")
    assert rosa is not None
    assert counts(run) == (0, 1, 0, 0)
    assert (rosa.last_name, rosa.born_on, rosa.facility_id) == ("Ríos Vega", date(1975, 2, 3), cast.north.id)
    deed = session.scalars(
        select(audit.Audit).where(audit.Audit.subject_id == run.id, audit.Audit.patient_id == rosa.id)
    ).one()
    assert deed.detail == {"what": "changed", "fields": "last_name"}


def test_a_number_may_be_shared_with_other_patients(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table(f"2003,Paul,Porter,,{PAT_NUMBER},,"))

    users = session.scalars(select(PhoneUse.patient_id).where(PhoneUse.phone_id == cast.pat_phone.id)).all()
    assert counts(run) == (1, 0, 0, 0)
    assert len(users) == 2


def test_wrong_rows_are_refused_with_their_line_and_a_reason(session: Session, cast: Cast) -> None:
    rows = [
        ROSA,
        ",Nobody,At all,,,,",
        "2004,,,,,,",
        "2005,Fay,Future,2999-01-01,,,",
        "2006,Bea,Bad,1990-02-31,,,",
        "2007,Una,Unknown,,,Nowhere,",
        "2001,Rosa,Twice,,,,",
        "2008,Ned,Number,,12,,",
        f"2009,{'x' * 500},Long,,,,",
        OMAR,
    ]

    run = imported(session, cast, a_table(*rows))

    told = {row.line: row.reason for row in told_of(session, run)}
    assert counts(run) == (3, 0, 0, 7)
    assert told == {
        3: "It has no chart number.",
        4: "It has no first name.",
        5: "Its birth date lies in the future.",
        6: "Its birth date cannot be read.",
        7: "There is no location of this name here.",
        8: "Line 2 has the same chart number.",
        9: "A phone number cannot be read and was left out.",
        10: "A value is longer than 120 signs.",
    }


def test_what_a_report_says_repeats_nothing_of_a_patient(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_table("2005,Fay,Future,2999-01-01,555,Nowhere,Klingon"))

    assert not any(
        word in row.reason
        for row in told_of(session, run)
        for word in ("Fay", "2999", "555", "Nowhere", "Klingon")
    )


def test_an_archived_patient_stays_archived(session: Session, cast: Cast) -> None:
    imported(session, cast, a_table(ROSA))
    rosa = by_chart_number(session, cast.practice_id, "2001")
    assert rosa is not None
    rosa.archived_at = rosa.created_at
    session.commit()

    run = imported(session, cast, a_table(ROSA.replace("Rosa", "Rosalba")))

    assert counts(run) == (0, 0, 0, 1)


def test_the_same_chart_number_of_another_practice_is_another_patient(session: Session, cast: Cast) -> None:
    imported(session, cast, a_table("1001,Pat,Changed,,,,"))
    other = Patient.practice_id == cast.other_practice.id

    assert session.scalar(select(func.count()).select_from(Patient).where(other)) == 0


def test_animals_belong_to_their_owner_who_is_one_person(session: Session, cast: Cast) -> None:
    content = a_table(
        "3001,Biscuit,Dog,Maria Moss,202 555 0171",
        "3002,Luna,cat,Maria Moss,(202) 555-0171",
        headings="Chart no.,Pet name,Species,Owner,Owner phone",
    )

    run = imported(session, cast, content)

    biscuit, luna = (by_chart_number(session, cast.practice_id, chart) for chart in ("3001", "3002"))
    assert biscuit is not None and luna is not None
    uses = session.scalars(select(PhoneUse).where(PhoneUse.patient_id.in_([biscuit.id, luna.id]))).all()
    assert counts(run) == (2, 0, 0, 0)
    assert (biscuit.species, luna.species) == ("dog", "cat")
    assert len(uses) == 2 and len({use.contact_id for use in uses}) == 1 and uses[0].contact_id is not None


def test_a_whole_name_is_divided(session: Session, cast: Cast) -> None:
    content = a_table('2101,"Ríos Vega, Rosa"', "2102,Omar Odeh", headings="Expediente,Nombre completo")

    imported(session, cast, content)

    names = [by_chart_number(session, cast.practice_id, chart) for chart in ("2101", "2102")]
    assert [(one.first_name, one.last_name) for one in names if one] == [
        ("Rosa", "Ríos Vega"),
        ("Omar", "Odeh"),
    ]


def test_headings_are_the_first_row_and_rows_without_a_word_are_none(session: Session, cast: Cast) -> None:
    run = imported(session, cast, f"{HEADINGS}\r\n{ROSA}\r\n\r\n,,,,,,\r\n{OMAR}".encode())

    assert counts(run) == (2, 0, 0, 0)
