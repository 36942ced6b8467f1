"""FHIR R4 as a source: patients, the people around them, their care team; what is wrong, hostile or not kept."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.domain.importing.files import a_bundle, counts, imported, ndjson, tried, undone
from triage.domain.importing.run import State, told_of
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.patient import Contact, PatientContact, by_chart_number
from triage.domain.patients.phones import Phone, PhoneUse

MRN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}


def a_patient(chart: str = "F1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p-{chart}",
        "identifier": [{"value": "uuid-like"}, {"type": MRN, "value": chart}],
        "name": [{"use": "official", "family": "Ríos", "given": ["Rosa", "María"]}],
        "birthDate": "1975-02-03",
        "gender": "female",
        "telecom": [
            {"system": "email", "value": "rosa@example.org"},
            {"system": "phone", "use": "home", "value": "202-555-0181"},
            {"system": "phone", "use": "mobile", "value": "202-555-0182"},
            {"system": "phone", "use": "old", "value": "202-555-0183"},
        ],
        "communication": [{"language": {"coding": [{"code": "es-MX"}]}, "preferred": True}],
        **more,
    }


MOTHER = {
    "resourceType": "RelatedPerson",
    "patient": {"reference": "Patient/p-F1"},
    "relationship": [{"coding": [{"code": "MTH"}]}],
    "name": [{"text": "Luz Ríos"}],
    "telecom": [{"system": "phone", "value": "202-555-0184"}],
}
ANA = {"resourceType": "Practitioner", "id": "ana", "name": [{"family": "Alvarez", "given": ["Ana"]}]}
TEAM = {
    "resourceType": "CareTeam",
    "status": "active",
    "subject": {"reference": "Patient/p-F1"},
    "participant": [
        {"member": {"reference": "Practitioner/ana"}, "role": [{"text": "Nurse"}]},
        {"member": {"reference": "Practitioner/nobody"}},
    ],
}
VISIT = {"resourceType": "Appointment", "status": "booked"}
LAB = {"resourceType": "Observation"}


@pytest.mark.parametrize("write", [a_bundle, ndjson])
def test_a_patient_comes_with_the_people_around(session: Session, cast: Cast, write: Any) -> None:
    run = imported(session, cast, write(TEAM, MOTHER, a_patient(), ANA, VISIT, LAB))

    rosa = by_chart_number(session, cast.practice_id, "F1")
    assert rosa is not None
    assert (rosa.name, rosa.born_on, rosa.sex, rosa.language) == (
        "Rosa María Ríos",
        date(1975, 2, 3),
        "female",
        "es",
    )
    numbers = session.execute(
        select(Phone.number, Contact.name, PatientContact.relation)
        .join(PhoneUse, PhoneUse.phone_id == Phone.id)
        .outerjoin(Contact, Contact.id == PhoneUse.contact_id)
        .outerjoin(PatientContact, PatientContact.contact_id == Contact.id)
        .where(PhoneUse.patient_id == rosa.id)
        .order_by(Phone.number)
    ).all()
    assert [tuple(row) for row in numbers] == [
        ("+12025550181", None, None),
        ("+12025550182", None, None),
        ("+12025550184", "Luz Ríos", "mother"),
    ]
    team = session.scalars(select(CareTeamMember).where(CareTeamMember.patient_id == rosa.id)).one()
    assert (team.member_id, team.role) == (cast.ana.id, "Nurse")
    assert (counts(run), run.not_kept, run.passed_over) == ((1, 2, 0, 0), 1, 1)
    assert [one.reason for one in told_of(session, run)] == [
        "Somebody of the care team is no member here and was left out."
    ]


def test_all_of_it_goes_again(session: Session, cast: Cast) -> None:
    run = imported(session, cast, a_bundle(a_patient(), MOTHER, ANA, TEAM))

    undone(session, cast, run)

    assert (run.state, run.undone, run.kept) == (State.UNDONE, 3, 0)
    assert by_chart_number(session, cast.practice_id, "F1") is None
    assert session.scalars(select(Contact)).all() == []
    assert session.scalars(select(Phone).where(Phone.number.like("+1202555018%"))).all() == []


def test_a_trial_says_the_same_as_the_import(session: Session, cast: Cast) -> None:
    content = a_bundle(*[a_patient(f"F{number}") for number in range(1, 9)], MOTHER, ANA, TEAM)

    trial = counts(tried(session, cast, content))

    assert trial == counts(imported(session, cast, content)) == (8, 2, 0, 0)


def test_the_same_bundle_again_changes_nothing(session: Session, cast: Cast) -> None:
    content = a_bundle(a_patient(), MOTHER, ANA, TEAM)
    imported(session, cast, content)

    assert counts(imported(session, cast, content)) == (0, 0, 3, 0)


def test_an_animal_has_a_species(session: Session, cast: Cast) -> None:
    kind = {"url": "species", "valueCodeableConcept": {"coding": [{"display": "Dog"}]}}
    animal = {"url": "http://hl7.org/fhir/StructureDefinition/patient-animal", "extension": [kind]}

    imported(session, cast, a_bundle(a_patient("F2", extension=[animal])))

    found = by_chart_number(session, cast.practice_id, "F2")
    assert found is not None and (found.kind.value, found.species) == ("animal", "dog")


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (a_patient(active=False), "The patient is not active any more."),
        (a_patient(deceasedDateTime="2020-01-01"), "The patient has died."),
        (a_patient(name=[]), "It has no name."),
        (a_patient(name="Rosa"), "It has no name."),
        (a_patient(name=[{"given": {"a": 1}, "family": ["x"]}]), "It has no name."),
        (a_patient(birthDate="2999-01-01"), "Its birth date lies in the future."),
        (a_patient(identifier=[{"type": MRN, "value": "x" * 100}]), "A value is longer than 60 signs."),
        (
            {**MOTHER, "patient": {"reference": "Patient/elsewhere"}},
            "The patient that it belongs to is not in this file, or was refused.",
        ),
        ({**MOTHER, "active": False}, "The person is no longer a contact."),
        ({"resourceType": ["Patient"]}, "It is no FHIR resource, or larger than any patient's."),
        (
            a_patient(photo=[{"data": str(n)} for n in range(20_000)]),
            "It is no FHIR resource, or larger than any patient's.",
        ),
    ],
)
def test_wrong_resources_are_refused_and_others_are_not(
    session: Session, cast: Cast, resource: dict[str, Any], reason: str
) -> None:
    run = tried(session, cast, a_bundle(resource, a_patient("F9")))

    assert (run.made, run.refused) == (1, 1)
    assert [(one.line, one.reason) for one in told_of(session, run)] == [(1, reason)]


@pytest.mark.parametrize("sign", ["\x00", "\ud800", "\u202e", "x" * 5000])
def test_signs_that_cannot_be_kept_hold_nothing_up(session: Session, cast: Cast, sign: str) -> None:
    strange = a_patient("F3", id=f"a{sign}", name=[{"family": f"Ríos{sign}"[:90], "given": ["Rosa"]}])
    relative = {**MOTHER, "patient": {"reference": f"Patient/a{sign}"}}
    practitioner = {**ANA, "id": sign, "telecom": [{"system": "email", "value": sign}]}
    team = {
        **TEAM,
        "subject": {"reference": f"Patient/a{sign}"},
        "participant": [{"member": {"reference": sign}}],
    }

    run = imported(session, cast, a_bundle(strange, relative, practitioner, team, a_patient("F9")))

    assert run.state is State.DONE
    assert by_chart_number(session, cast.practice_id, "F3") is not None
    assert by_chart_number(session, cast.practice_id, "F9") is not None


def test_two_patients_with_one_identifier_are_told_apart_by_nobody(session: Session, cast: Cast) -> None:
    run = tried(session, cast, a_bundle(a_patient(), a_patient()))

    assert counts(run) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (a_bundle(a_patient())[:-9], "The file stops being JSON in entry 2."),
        (b'{"resourceType": "Bundle", "entry": "none"}', "There is no entry in this file."),
        (b'[{"resourceType": "Patient"}]', "There is no entry in this file."),
    ],
)
def test_a_file_that_is_no_bundle_fails_with_a_sentence(
    session: Session, cast: Cast, content: bytes, problem: str
) -> None:
    run = tried(session, cast, content)

    assert (run.state, run.problem) == (State.FAILED, problem)
    assert by_chart_number(session, cast.practice_id, "F1") is None


def test_lines_that_are_no_json_are_refused_one_by_one(session: Session, cast: Cast) -> None:
    content = b"\n".join(
        [
            ndjson(a_patient()),
            b"{not json}",
            b'{"a": ' + b"[" * 100_000,
            b'{"n": ' + b"9" * 6000 + b"}",
            b"[]",
        ]
    )

    run = tried(session, cast, content)

    assert (run.made, run.refused) == (1, 4)
    assert [one.line for one in told_of(session, run)] == [2, 3, 4, 5]
