"""Names as people type them: short for others, or with a slip of the finger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain.patients import directory, names


@pytest.mark.parametrize(
    ("first", "last", "typed"),
    [
        ("Robert", "Quimby", "Bob Quimby"),
        ("Bob", "Quimby", "robert"),
        ("Guadalupe", "Quimby", "lupita quimby"),
        ("José", "Quimby", "pepe"),
        ("Zoë", "Brøndum", "zoe"),
        ("Maria", "Rodriguez", "rodrigez"),
        ("Maria", "Rodriguez", "rodirguez"),
        ("John", "Quimby", "jonh quimby"),
        ("Margaret", "Quimby", "margerat"),
    ],
)
def test_a_patient_is_found_as_the_name_is_typed(
    session: Session, cast: Cast, first: str, last: str, typed: str
) -> None:
    wanted = builders.a_patient(session, cast=cast, first_name=first, last_name=last)
    session.commit()

    assert wanted.id in {one.patient.id for one in directory.search(session, cast.ana, typed)}


def test_an_owner_with_a_slip_in_the_name_leads_to_the_animal(session: Session, cast: Cast) -> None:
    dog = builders.a_patient(session, cast=cast, first_name="Biscuit", last_name="")
    builders.a_contact(session, of=[dog], name="Maria Mossgrove")
    session.commit()

    assert [one.patient.id for one in directory.search(session, cast.ana, "mosgrove")] == [dog.id]


def test_who_is_there_goes_before_who_is_called_alike(session: Session, cast: Cast) -> None:
    builders.a_patient(session, cast=cast, first_name="Anna", last_name="Marten")
    martin = builders.a_patient(session, cast=cast, first_name="Anna", last_name="Martin")
    session.commit()

    assert [one.patient.id for one in directory.search(session, cast.ana, "martin")] == [martin.id]


def test_who_is_called_so_comes_before_whom_a_nickname_means(session: Session, cast: Cast) -> None:
    for name in ("Robert", "Bob"):
        builders.a_patient(
            session, cast=cast, first_name=name, last_name="Aaron" if name == "Robert" else "Young"
        )
    session.commit()

    names_found = [one.patient.first_name for one in directory.search(session, cast.ana, "bob")]
    assert names_found == ["Bob", "Robert"]


def test_another_name_is_no_slip(session: Session, cast: Cast) -> None:
    builders.a_patient(session, cast=cast, first_name="Anna", last_name="Marten")
    session.commit()

    assert directory.search(session, cast.ana, "karlson") == []


@given(st.text("abcde", max_size=8), st.text("abcde", max_size=8))
def test_slips_are_the_same_both_ways_and_none_between_the_same(one: str, other: str) -> None:
    assert names.slips(one, other, 9) == names.slips(other, one, 9)
    assert (names.slips(one, other, 9) == 0) == (one == other)
