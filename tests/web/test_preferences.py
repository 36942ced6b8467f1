"""Preferences: everybody's own."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.inbox import reminding
from triage.domain.practice import member as members
from triage.domain.practice.member import Density, Member, Notice, Theme, Tune

FORM = {
    "theme": "system",
    "density": "comfortable",
    "notify_sound": "patients",
    "notify_popup": "none",
    "notify_tune": "chime",
    "notify_verification": "mine",
    "single_keys": "yes",
    "is_available_for_chat": "yes",
}


def test_everybody_opens_their_preferences(ana: Browser, ben: Browser, cleo: Browser) -> None:
    for browser in (ana, ben, cleo):
        assert browser.get("/preferences").status_code == 200


def test_a_stranger_has_no_preferences(stranger: Browser) -> None:
    assert stranger.get("/preferences").location.startswith("/sign-in")


def test_ben_changes_what_is_his(ben: Browser, session: Session, cast: Cast) -> None:
    answer = ben.post(
        "/preferences",
        theme="dark",
        density="compact",
        notify_sound="none",
        notify_popup="all",
        notify_tune="knock",
        enter_sends="yes",
        is_away="yes",
    )

    now = _of(session, cast.ben)
    assert answer.location == "/preferences"
    assert (now.theme, now.density) == (Theme.DARK, Density.COMPACT)
    assert (now.notify_sound, now.notify_popup, now.notify_tune) == (Notice.NONE, Notice.ALL, Tune.KNOCK)
    assert (now.single_keys, now.enter_sends) == (False, True)
    assert (now.is_away, now.is_available_for_chat) == (True, False)


def test_the_next_page_follows_the_new_theme(ben: Browser) -> None:
    ben.post("/preferences", **{**FORM, "theme": "dark"})

    page = ben.get("/preferences").text
    assert 'data-theme="dark"' in page
    assert "Preferences saved." in page


def test_nobody_else_is_changed(ben: Browser, session: Session, cast: Cast) -> None:
    ben.post("/preferences", **{**FORM, "theme": "dark"})

    assert _of(session, cast.ana).theme is Theme.SYSTEM
    assert _of(session, cast.dan).theme is Theme.SYSTEM


def test_what_changed_is_noted(ben: Browser, session: Session, cast: Cast) -> None:
    ben.post("/preferences", **{**FORM, "theme": "dark"})

    noted = session.scalars(select(audit.Audit).where(audit.Audit.action == "preferences_changed")).one()
    assert (noted.member_id, noted.detail["fields"]) == (cast.ben.id, "theme")


@pytest.mark.parametrize("field", ["theme", "density", "notify_sound", "notify_popup", "notify_tune"])
def test_a_word_that_is_no_choice_is_refused(ben: Browser, session: Session, cast: Cast, field: str) -> None:
    answer = ben.post("/preferences", **{**FORM, "enter_sends": "yes", field: "pink"})

    assert answer.status_code == 422
    assert "Choose one of the offered values." in answer.text
    assert _of(session, cast.ben).enter_sends is False


def _of(session: Session, member: Member) -> Member:
    return members.find_member(session, member.practice_id, member.id)


def test_quiet_hours_are_kept_and_told_to_the_page(ben: Browser) -> None:
    ben.post("/preferences", **FORM, quiet_from="22:00", quiet_until="07:00")

    page = ben.get("/preferences").text
    assert 'data-quiet="22:00-07:00"' in page
    assert 'data-zone="America/New_York"' in page
    assert 'value="22:00"' in page


def test_half_of_quiet_hours_is_refused_and_kept_in_the_form(
    ben: Browser, session: Session, cast: Cast
) -> None:
    answer = ben.post("/preferences", **FORM, quiet_from="22:00", quiet_until="")

    assert answer.status_code == 422
    assert answer.text.count("Fill in both times, such as 22:00 and 07:00, or none.") == 2
    assert 'value="22:00"' in answer.text
    assert _of(session, cast.ben).quiet_from is None


def test_the_reminder_is_there_only_with_notices_of_new_messages(
    ana: Browser, session: Session, cast: Cast
) -> None:
    ana.post("/preferences", **FORM, notify_unread="yes")
    assert _of(session, cast.ana).notify_unread is True

    ana.post("/preferences", **{**FORM, "notify_sound": "none"}, notify_unread="yes")
    assert _of(session, cast.ana).notify_unread is False
    assert "without the reminder" in ana.get("/preferences").text


def test_who_is_away_hears_nothing(ana: Browser) -> None:
    assert 'data-sound="patients"' in ana.get("/preferences").text

    ana.post("/preferences", **FORM, is_away="yes")

    assert 'data-sound="none"' in ana.get("/preferences").text


def test_what_nobody_opened_for_a_day_stands_in_the_navigation(
    ana: Browser, session: Session, cast: Cast
) -> None:
    session.execute(update(Member).values(created_at=builders.ago(session, days=9)))
    ana.post("/preferences", **{**FORM, "notify_sound": "all"}, notify_unread="yes")
    task = builders.a_task(session, cast=cast, sent_at=builders.ago(session, hours=25))
    assert "Unread for a day" not in ana.get("/inbox/all").text

    reminding.remind(session)
    session.commit()
    page = ana.get("/inbox/all").text
    assert "Unread for a day" in page
    assert "/inbox/all?unread=1&amp;sort=oldest" in page

    ana.get(f"/inbox/all/c/{task.conversation_id}")
    assert "Unread for a day" not in ana.get("/inbox/all").text
