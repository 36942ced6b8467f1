"""The lock screen: a locked session answers nothing but the way to open it, and wrong tries end it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.cast import PASSWORD, Cast
from tests.web.conftest import Browser
from triage.domain.access import locking
from triage.domain.practice.member import find_member
from triage.domain.practice.practice import find_practice
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock

PIN = "2580"


def with_pin(session: Session, cast: Cast) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)
    locking.set_pin(session, ana, PIN, now=clock.now(session))
    session.commit()


def left_alone(session: Session, minutes: float) -> None:
    session.execute(update(MemberSession).values(active_at=clock.now(session) - timedelta(minutes=minutes)))
    session.commit()


def test_a_locked_session_answers_nothing(ana: Browser, cast: Cast) -> None:
    assert ana.post("/lock", back="/preferences").location == "/locked?next=/preferences"

    assert ana.get("/inbox/unassigned").location == "/locked?next=%2Finbox%2Funassigned"
    assert ana.part("/inbox/counts").status_code == 423
    assert ana.client.get("/live", headers={"Accept": "text/event-stream"}).status_code == 423
    assert ana.post("/preferences", theme="dark").location == "/locked"
    assert "Ana Alvarez" in ana.get("/locked").text


@pytest.mark.parametrize("secret", [PIN, PASSWORD])
def test_pin_or_password_opens_it(secret: str, ana: Browser, session: Session, cast: Cast) -> None:
    with_pin(session, cast)
    ana.post("/lock")

    answer = ana.post("/unlock", secret=secret, next="/preferences")

    assert answer.location == "/preferences"
    assert ana.get("/preferences").status_code == 200


def test_an_open_page_is_told_to_go_on(ana: Browser, cast: Cast) -> None:
    ana.post_part("/lock")
    assert 'name="secret"' in ana.part("/locked").text

    assert ana.post_part("/unlock", secret="wrong").status_code == 422
    assert f'data-inside="{cast.ana.id}"' in ana.post_part("/unlock", secret=PASSWORD).text
    assert f'data-inside="{cast.ana.id}"' in ana.part("/locked").text


def test_five_wrong_tries_end_the_session(ana: Browser, session: Session, cast: Cast) -> None:
    with_pin(session, cast)
    ana.post("/lock")
    tries = [ana.post("/unlock", secret=f"000{n}").status_code for n in range(5)]

    assert tries == [422] * 5
    assert ana.post("/unlock", secret=PIN).location == "/sign-in"
    assert ana.get("/preferences").location.startswith("/sign-in")
    assert session.scalars(select(MemberSession.ended_at)).one() is not None


def test_the_pin_of_a_colleague_opens_nothing(
    ana: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    with_pin(session, cast)
    ben.post("/lock")

    assert ben.post("/unlock", secret=PIN).status_code == 422


def test_a_pin_signs_nobody_in(stranger: Browser, session: Session, cast: Cast) -> None:
    with_pin(session, cast)

    assert stranger.post("/sign-in", login="ana", password=PIN).status_code == 422


def test_switching_users_ends_the_session(ana: Browser) -> None:
    ana.post("/lock")

    assert ana.post("/sign-out").location == "/sign-in"
    assert ana.get("/locked").location.startswith("/sign-in")


def test_what_nobody_touches_locks_by_itself(ana: Browser, session: Session, cast: Cast) -> None:
    find_practice(session, cast.practice_id).lock_minutes = 3
    left_alone(session, 3.9)
    assert ana.get("/preferences").status_code == 200

    left_alone(session, 4.1)

    assert ana.get("/preferences").location == "/locked?next=%2Fpreferences"
    assert ana.get("/preferences").location == "/locked?next=%2Fpreferences"
    assert ana.post("/unlock", secret=PASSWORD).status_code == 303
    assert ana.get("/preferences").status_code == 200


def test_by_default_nothing_does(ana: Browser, session: Session) -> None:
    left_alone(session, 14)

    assert ana.get("/preferences").status_code == 200


def test_a_locked_session_still_ends(ana: Browser, session: Session) -> None:
    ana.post("/lock")
    left_alone(session, 15)

    assert ana.get("/locked").location.startswith("/sign-in")


def test_who_types_stays_signed_in(ana: Browser, session: Session) -> None:
    left_alone(session, 10)
    ana.post_part("/session/renewal")
    session.commit()

    [active_at] = session.scalars(select(MemberSession.active_at)).all()

    assert clock.now(session) - active_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("pin", "sentence"),
    [
        ("123", "Use 4 to 8 digits."),
        ("123456789", "Use 4 to 8 digits."),
        ("12a4", "Use 4 to 8 digits."),
        ("²²²²", "Use 4 to 8 digits."),
        ("0000", "easy to guess"),
        ("1234", "easy to guess"),
        ("8765", "easy to guess"),
    ],
)
def test_a_poor_pin_is_refused(pin: str, sentence: str, ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post("/security/pin", pin_password=pin)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert find_member(session, cast.practice_id, cast.ana.id).pin_hash is None


def test_a_pin_is_set_and_removed(ana: Browser, session: Session, cast: Cast) -> None:
    assert ana.post("/security/pin", pin_password=PIN).location == "/security"
    stored = find_member(session, cast.practice_id, cast.ana.id).pin_hash
    assert stored is not None
    assert PIN not in stored

    ana.post("/security/pin", pin_password="")

    session.expire_all()
    assert find_member(session, cast.practice_id, cast.ana.id).pin_hash is None
