"""Opening hours: their page, what it says, and what cannot be saved."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.practice.practice import Practice

WEEK: dict[str, Any] = {
    "section": "week",
    "monday_opens": ["13:00", "08:00", ""],
    "monday_closes": ["17:00", "12:00", ""],
    "tuesday_opens": ["08:00"],
    "tuesday_closes": ["00:00"],
}
CLOSED_DAYS: list[list[list[int]]] = [[], [], [], [], []]


def kept(session: Session, cast: Cast) -> dict[str, Any] | None:
    session.expire_all()
    return session.get_one(Practice, cast.practice_id).opening_hours


def test_a_practice_without_hours_says_that_it_counts_as_open(admin: Browser) -> None:
    assert "No opening hours yet: the practice counts as always open." in admin.get("/settings/hours").text
    assert "No opening hours yet" in admin.get("/settings/practice").text


def test_an_admin_saves_a_week_and_reads_how_it_stands(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/hours", **WEEK)

    page = admin.get("/settings/hours").text
    assert answer.location == "/settings/hours"
    assert kept(session, cast) == {
        "week": [[[480, 720], [780, 1020]], [[480, 1440]], *CLOSED_DAYS],
        "dates": {},
    }
    assert "Open now" in page or "Closed now, opens" in page
    assert page.count('name="monday_opens"') == 3


def test_a_change_is_noted(admin: Browser, session: Session) -> None:
    admin.post("/settings/hours", **WEEK)
    admin.post("/settings/hours", **WEEK)

    noted = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.SETTINGS_CHANGED)
    ).one()
    assert noted.detail == {"what": "practice", "fields": "opening_hours"}


@pytest.mark.parametrize(
    ("form", "sentence", "field"),
    [
        (
            {"friday_opens": "17:00", "friday_closes": "08:00"},
            "Friday: 17:00 to 08:00 ends before it starts.",
            "friday",
        ),
        ({"sunday_opens": "08:00"}, "Sunday: Fill in both times, such as 08:00 and 17:00.", "sunday"),
        (
            {"friday_opens": ["08:00", "11:00"], "friday_closes": ["12:00", "17:00"]},
            "Friday: 08:00 to 12:00 and 11:00 to 17:00 overlap.",
            "friday",
        ),
    ],
)
def test_what_cannot_be_is_said_beside_its_day_and_nothing_is_saved(
    admin: Browser, session: Session, cast: Cast, form: dict[str, Any], sentence: str, field: str
) -> None:
    answer = admin.post("/settings/hours", **{**WEEK, **form})

    assert answer.status_code == 422
    assert answer.text.count(sentence) == 2
    assert f'id="e-{field}"' in answer.text and f'href="#f-{field}"' in answer.text
    assert 'value="13:00"' in answer.text
    assert kept(session, cast) is None


def test_single_dates_are_closed_or_have_hours_of_their_own(
    admin: Browser, session: Session, cast: Cast
) -> None:
    admin.post("/settings/hours", **WEEK)

    admin.post(
        "/settings/hours",
        section="dates",
        date=["2099-12-25", "2099-12-24", "2001-01-01", ""],
        date_opens=["", "", "08:00", "", "", "", "", ""],
        date_closes=["", "", "12:00", "", "", "", "", ""],
    )

    now = kept(session, cast)
    assert now and now["dates"] == {"2099-12-24": [[480, 720]], "2099-12-25": []}
    assert now["week"][1] == [[480, 1440]]
    assert admin.get("/settings/hours").text.count('value="2099-12-2') == 2


def test_a_date_that_stands_there_twice_is_refused(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/hours", section="dates", date=["2099-12-25", "2099-12-25"])

    assert answer.status_code == 422
    assert 'id="e-date-1"' in answer.text and 'id="f-date-1"' in answer.text
    assert kept(session, cast) is None


def test_the_reply_needs_hours(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/hours", section="reply", closed_reply_on="yes")

    assert answer.status_code == 422
    assert answer.text.count("Save opening hours first") == 2
    assert session.get_one(Practice, cast.practice_id).closed_reply_on is False


def test_the_reply_is_switched_on_and_shown_as_somebody_gets_it(
    admin: Browser, session: Session, cast: Cast
) -> None:
    admin.post("/settings/hours", **WEEK)

    admin.post("/settings/hours", section="reply", closed_reply_on="yes")

    page = admin.get("/settings/hours").text
    assert session.get_one(Practice, cast.practice_id).closed_reply_on is True
    assert "Elm Street Clinic is closed now. We will read your text" in page
    assert "/settings/texts#text-closed_reply-en" in page


def test_without_hours_the_reply_is_off_again(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/hours", **WEEK)
    admin.post("/settings/hours", section="reply", closed_reply_on="yes")

    admin.post("/settings/hours", section="week")

    assert kept(session, cast) is None
    assert session.get_one(Practice, cast.practice_id).closed_reply_on is False


def test_who_saves_second_is_told(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/hours", **WEEK)

    answer = admin.post("/settings/hours", section="week", seen='{"monday": "closed"}')

    assert answer.status_code == 409
    assert "Monday is now <bdi>08:00 to 12:00, 13:00 to 17:00</bdi>; it was <bdi>closed</bdi>" in answer.text
    assert kept(session, cast) is not None


def test_ana_may_not_change_them(ana: Browser, session: Session, cast: Cast) -> None:
    assert ana.post("/settings/hours", **WEEK).status_code == 403
    assert kept(session, cast) is None
