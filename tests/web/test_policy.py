"""What a practice asks of everybody who signs in, and what an admin does for somebody who lost their phone."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from tests.web.test_security import an_app
from triage.domain import audit
from triage.domain.access import factors
from triage.domain.practice.member import find_member
from triage.domain.practice.practice import SecondFactor, find_practice


def test_an_admin_asks_everybody_for_a_second_factor(admin: Browser, session: Session, cast: Cast) -> None:
    an_app(session, cast.admin)

    answer = admin.post("/settings/security", second_factor="everybody", lock_minutes="0")

    assert answer.location == "/settings/security"
    assert find_practice(session, cast.practice_id).second_factor is SecondFactor.EVERYBODY
    assert find_practice(session, cast.other_practice.id).second_factor is SecondFactor.OFFERED
    noted = session.scalars(select(audit.Audit).where(audit.Audit.action == "settings_changed")).one()
    assert noted.detail["fields"] == "second_factor"


def test_the_page_names_who_has_none(admin: Browser, session: Session, cast: Cast) -> None:
    an_app(session, cast.ana)

    page = admin.get("/settings/security").text

    assert "Ben Brook" in page
    assert "Ana Alvarez" not in page


def test_a_word_that_is_no_choice_is_refused(admin: Browser, session: Session, cast: Cast) -> None:
    assert admin.post("/settings/security", second_factor="nobody", lock_minutes="0").status_code == 422
    assert find_practice(session, cast.practice_id).second_factor is SecondFactor.OFFERED


@pytest.mark.parametrize("minutes", ["-1", "15", "61", "x", ""])
def test_a_page_cannot_lock_after_its_session_has_ended(admin: Browser, minutes: str) -> None:
    answer = admin.post("/settings/security", second_factor="offered", lock_minutes=minutes)

    assert answer.status_code == 422
    assert "Choose between 1 and 14 minutes" in answer.text


def test_an_admin_resets_the_second_factor_of_somebody(
    admin: Browser, ana: Browser, session: Session, cast: Cast
) -> None:
    an_app(session, cast.ana)
    builders.a_passkey(session, cast.ana)
    session.commit()
    assert "Reset second factor" in admin.get(f"/settings/members/{cast.ana.id}").text

    answer = admin.post(f"/settings/members/{cast.ana.id}/second-factor/reset")

    assert answer.location == f"/settings/members/{cast.ana.id}"
    assert factors.factors_of(session, find_member(session, cast.practice_id, cast.ana.id)) == (False, 0, 0)
    assert ana.get("/preferences").location.startswith("/sign-in")
    newest = (
        select(audit.Audit).where(audit.Audit.action == "security_changed").order_by(audit.Audit.id.desc())
    )
    noted = session.scalars(newest).first()
    assert noted is not None
    assert (noted.member_id, noted.subject_id, noted.detail["what"]) == (
        cast.admin.id,
        cast.ana.id,
        "second factor reset",
    )
