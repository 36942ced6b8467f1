"""A fresh installation is set up once, by whoever holds the code of its terminal."""

from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.web.conftest import Browser
from triage import commands
from triage.app import create_app
from triage.config import Settings
from triage.domain.access import set_up
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility, Practice
from triage.kit import clock

FORM = {
    "practice": "Harbor Clinic",
    "kind": "human",
    "facility": "Main Street",
    "time_zone": "Europe/Berlin",
    "region": "us",
    "name": "Ada Marsh",
    "login": "ada",
    "email": "ada@clinic.example",
    "password": "seven quiet lamps",
}


@pytest.fixture
def fresh(fresh_settings: Settings) -> Iterator[Flask]:
    yield create_app(fresh_settings)


@pytest.fixture
def visitor(fresh: Flask) -> Browser:
    return Browser(fresh.test_client())


@pytest.fixture
def code(fresh_session: Session) -> str:
    made = set_up.new_code(fresh_session, now=clock.now(fresh_session))
    fresh_session.commit()
    return made


def test_a_fresh_installation_sends_people_to_its_set_up(visitor: Browser) -> None:
    assert visitor.get("/sign-in").location == "/set-up"
    assert "The code stands in the terminal" in visitor.get("/set-up").text


def test_the_code_makes_practice_location_and_admin(
    visitor: Browser, fresh_session: Session, code: str
) -> None:
    answer = visitor.post("/set-up", code=code.upper(), **FORM)

    practice = fresh_session.scalars(select(Practice)).one()
    ada = fresh_session.scalars(select(Member)).one()
    assert answer.location == "/settings/practice"
    assert (practice.name, practice.time_zone, practice.region) == ("Harbor Clinic", "Europe/Berlin", "US")
    assert fresh_session.scalars(select(Facility.name)).all() == ["Main Street"]
    assert (ada.login, ada.email) == ("ada", "ada@clinic.example")
    assert "Harbor Clinic is there" in visitor.get("/settings/practice").text


def test_afterwards_there_is_nothing(visitor: Browser, fresh: Flask, code: str) -> None:
    visitor.post("/set-up", code=code, **FORM)
    other = Browser(fresh.test_client())

    assert other.get("/set-up").status_code == 404
    assert other.post("/set-up", code=code, **FORM).status_code == 404
    assert other.get("/sign-in").status_code == 200
    assert CliRunner().invoke(commands.setup_code).exit_code == 1


@pytest.mark.parametrize("wrong", ["", " ", "-", "2345-2345-2345", "x" * 5000])
def test_no_other_code_does(visitor: Browser, fresh_session: Session, code: str, wrong: str) -> None:
    answer = visitor.post("/set-up", code=wrong, **FORM)

    assert answer.status_code == 422
    assert "This is not the code." in answer.text
    assert fresh_session.scalar(select(Practice.id)) is None


def test_a_code_cannot_be_guessed(visitor: Browser, code: str) -> None:
    for _ in range(set_up.BY_ADDRESS.tries):
        visitor.post("/set-up", code="2345-2345-2345", **FORM)

    assert visitor.post("/set-up", code=code, **FORM).status_code == 429


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"practice": " "}, "Enter the name that patients know."),
        ({"time_zone": "Nowhere"}, "There is no time zone"),
        ({"region": "USA"}, "A region is a country"),
        ({"kind": "plants"}, "Choose whom the practice cares for."),
        ({"name": ""}, "Enter the person&#39;s name."),
        ({"login": "a b"}, "Use 2 to 64 letters"),
        ({"password": "harbor clinic"}, "easy to guess"),
        ({"email": "ada"}, "name@clinic.example"),
    ],
)
def test_what_is_wrong_is_said_and_the_code_still_holds(
    visitor: Browser, code: str, given: dict[str, Any], sentence: str
) -> None:
    answer = visitor.post("/set-up", code=code, **{**FORM, **given})

    assert answer.status_code == 422
    assert sentence in answer.text
    assert visitor.post("/set-up", code=code, **FORM).status_code == 303


def test_the_terminal_prints_a_code_and_a_new_one_voids_it(
    visitor: Browser, fresh_settings: Settings
) -> None:
    first = CliRunner().invoke(commands.setup_code).output.split()[-1]
    second = CliRunner().invoke(commands.setup_code).output.split()[-1]

    assert visitor.post("/set-up", code=first, **FORM).status_code == 422
    assert visitor.post("/set-up", code=second, **FORM).status_code == 303


def test_a_starting_server_offers_it_once(fresh_settings: Settings) -> None:
    assert "/set-up and enter the code" in commands.offer_set_up(fresh_settings)
    assert "A code was printed before" in commands.offer_set_up(fresh_settings)


def test_a_starting_server_says_nothing_where_there_is_a_practice(
    fresh_settings: Settings, fresh_cast: Cast
) -> None:
    assert commands.offer_set_up(fresh_settings) == ""
