"""Where passkeys can be had, and what no answer opens."""

import json

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from triage.domain.access import passkeys
from triage.domain.access.passkeys import Site
from triage.domain.practice.member import find_member
from triage.kit import clock
from triage.kit.errors import Invalid, NotFound, NotPossible

SITE = Site("http://localhost:8080")


@pytest.mark.parametrize(
    ("origin", "can"),
    [
        ("https://texts.clinic.example", True),
        ("http://localhost:8080", True),
        ("http://texts.clinic.example", False),
        ("https://192.0.2.1", False),
        ("http://127.0.0.1:8080", False),
        ("https://[::1]", False),
    ],
)
def test_a_site_needs_a_name_and_encryption(origin: str, can: bool) -> None:
    assert Site(origin).can_have_passkeys is can


def test_the_question_names_the_site_and_asks_for_the_owner(session: Session, cast: Cast) -> None:
    question = passkeys.ask_to_sign_in(session, SITE)
    options = json.loads(question.options)

    assert options["rpId"] == "localhost"
    assert options["userVerification"] == "required"
    assert len(bytes.fromhex(question.challenge)) >= 32


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"id": 5}', '{"id": "AAAA"}', '{"id": "%%"}'])
def test_no_made_up_answer_opens_anything(session: Session, answer: str) -> None:
    question = passkeys.ask_to_sign_in(session, SITE)

    with pytest.raises(Invalid):
        passkeys.check(session, SITE, answer=answer, challenge=question.challenge, now=clock.now(session))


def test_without_a_question_there_is_no_answer(session: Session) -> None:
    with pytest.raises(Invalid):
        passkeys.check(session, SITE, answer="{}", challenge="", now=clock.now(session))


def test_a_passkey_is_its_owners_alone(session: Session, cast: Cast) -> None:
    mine = builders.a_passkey(session, cast.ana)

    assert passkeys.find_passkey(session, cast.ana, mine.id).name == "Laptop"
    with pytest.raises(NotFound):
        passkeys.find_passkey(session, cast.ben, mine.id)


def test_there_is_a_most(session: Session, cast: Cast) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)
    for _ in range(passkeys.MOST):
        builders.a_passkey(session, ana)

    with pytest.raises(NotPossible):
        passkeys.ask_to_add(session, ana, SITE)


def test_a_passkey_keeps_a_name(session: Session, cast: Cast) -> None:
    mine = builders.a_passkey(session, cast.ana)

    passkeys.rename(mine, "  Front   desk ")

    assert mine.name == "Front desk"
    with pytest.raises(Invalid):
        passkeys.rename(mine, "  ")
