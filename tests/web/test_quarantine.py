"""Quarantine: what the carrier brought and could not become a message; an admin decides."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.conversations.message import Message
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Inbound, InboundState

BODY = "Is this really from the carrier?"


def a_held_text(session: Session, cast: Cast, body: str = BODY) -> Inbound:
    """A text whose signature did not match; ends the act."""
    text = builders.a_text_from(builders.a_number(), body)
    ledger.quarantine(session, cast.practice_id, text, reason="signature does not match")
    session.commit()
    return session.scalars(select(Inbound).where(Inbound.provider_sid == text.sid)).one()


def test_an_admin_reads_what_is_held_back_and_why(admin: Browser, session: Session, cast: Cast) -> None:
    a_held_text(session, cast)

    page = admin.get("/settings/quarantine").text

    assert BODY in page
    assert "Signature does not match." in page


def test_every_settings_page_says_how_many_wait(
    admin: Browser, ana: Browser, session: Session, cast: Cast
) -> None:
    a_held_text(session, cast)

    assert "1 held back" in admin.get("/settings/practice").text
    assert "held back" not in ana.get("/preferences").text


def test_an_empty_list_says_so(admin: Browser) -> None:
    assert "Nothing is held back" in admin.get("/settings/quarantine").text


def test_markup_in_a_text_is_shown_and_not_followed(admin: Browser, session: Session, cast: Cast) -> None:
    a_held_text(session, cast, body="<script>alert(1)</script>")

    assert "&lt;script&gt;alert(1)" in admin.get("/settings/quarantine").text


def test_an_admin_files_a_text_after_all(admin: Browser, session: Session, cast: Cast) -> None:
    row = a_held_text(session, cast)

    answer = admin.post(f"/settings/quarantine/{row.id}/filing")
    process.run_due()

    session.expire_all()
    assert answer.location == "/settings/quarantine"
    assert row.state is InboundState.FILED
    assert session.get_one(Message, row.message_id).body == BODY
    assert _noted(session) == [audit.Action.INBOUND_RELEASED]


def test_a_flood_of_forged_calls_hides_no_text_that_could_not_be_filed(
    admin: Browser, session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = a_held_text(session, cast, body="Lost behind a flood")
    lost.state = InboundState.DEAD
    session.commit()
    monkeypatch.setattr(ledger, "MOST_QUARANTINED", 2)
    for _ in range(2):
        a_held_text(session, cast)

    assert "Lost behind a flood" in admin.get("/settings/quarantine").text


def test_an_admin_takes_a_text_off_the_list_and_its_record_stays(
    admin: Browser, session: Session, cast: Cast
) -> None:
    row = a_held_text(session, cast)

    admin.post(f"/settings/quarantine/{row.id}/discarding")

    session.expire_all()
    assert row.state is InboundState.QUARANTINED
    assert row.handled_by_id == cast.admin.id
    assert BODY not in admin.get("/settings/quarantine").text
    assert _noted(session) == [audit.Action.INBOUND_DISCARDED]


@pytest.mark.parametrize("deed", ["filing", "discarding"])
def test_what_was_decided_cannot_be_decided_again(
    admin: Browser, session: Session, cast: Cast, deed: str
) -> None:
    row = a_held_text(session, cast)
    admin.post(f"/settings/quarantine/{row.id}/discarding")

    assert admin.post(f"/settings/quarantine/{row.id}/{deed}").status_code == 404


@pytest.mark.parametrize("deed", ["filing", "discarding"])
def test_ana_can_decide_nothing(ana: Browser, session: Session, cast: Cast, deed: str) -> None:
    row = a_held_text(session, cast)

    assert ana.post(f"/settings/quarantine/{row.id}/{deed}").status_code == 403
    session.expire_all()
    assert (row.state, row.handled_at) == (InboundState.QUARANTINED, None)


@pytest.mark.parametrize("deed", ["filing", "discarding"])
def test_a_text_of_another_practice_does_not_exist(
    dan: Browser, session: Session, cast: Cast, deed: str
) -> None:
    row = a_held_text(session, cast)

    assert BODY not in dan.get("/settings/quarantine").text
    assert dan.post(f"/settings/quarantine/{row.id}/{deed}").status_code == 404


def _noted(session: Session) -> list[audit.Action]:
    kinds = (audit.Action.INBOUND_RELEASED, audit.Action.INBOUND_DISCARDED)
    return list(session.scalars(select(audit.Audit.action).where(audit.Audit.action.in_(kinds))))
