"""What no browser sends and somebody will: signs that cannot be stored, numbers that are none."""

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import ACCOUNT, NORTH_NUMBER, PASSWORD, Cast
from tests.web.conftest import Browser

SUPERSCRIPT = "²"


def test_a_login_with_a_nul_is_unknown(stranger: Browser) -> None:
    assert stranger.post("/sign-in", login="an\x00a", password="pass\x00word").status_code == 422


@pytest.mark.parametrize("address", ["/patients", "/new-message"])
def test_a_search_for_a_nul_is_refused(ana: Browser, address: str) -> None:
    assert ana.post(address, q="pa\x00t").status_code == 422


def test_a_name_with_a_nul_is_refused(admin: Browser) -> None:
    assert admin.post("/settings/facilities/new", name="North\x00").status_code == 422


def test_signing_in_goes_home_where_the_next_address_is_none(stranger: Browser, cast: Cast) -> None:
    form = {"login": cast.ana.login, "password": PASSWORD, "next": "http://["}

    answer = stranger.post("/sign-in", **form)

    assert (answer.status_code, answer.location) == (303, "/")


def test_an_address_that_is_none_names_no_page(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    assert ana.post_part(f"/tasks/{task.id}/claim", back="http://[").status_code == 200


def test_a_version_that_only_looks_like_a_number_is_none(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    assert ana.post_part(f"/tasks/{task.id}/claim", version=SUPERSCRIPT).status_code == 200


@pytest.mark.parametrize(
    "odd",
    [
        {"NumMedia": SUPERSCRIPT},
        {"NumMedia": "9" * 5000},
        {"NumMedia": "1", "MediaUrl0": "http://a/\x00"},
        {"OptOutType": "\x00"},
    ],
)
def test_an_odd_call_of_nobody_is_refused_without_a_fault(
    stranger: Browser, session: Session, cast: Cast, odd: dict[str, str]
) -> None:
    params = {
        "AccountSid": ACCOUNT,
        "MessageSid": builders.a_sid(),
        "From": builders.a_number(),
        "To": NORTH_NUMBER,
        "Body": "hello",
        **odd,
    }

    answer = stranger.client.post(
        "/webhooks/twilio/messages", data=params, headers={"X-Twilio-Signature": "forged"}
    )

    assert answer.status_code == 403
