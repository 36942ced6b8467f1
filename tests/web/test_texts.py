"""Automatic texts: their page, a practice's own words, and what somebody would get."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.practice import texts


def of_practice(session: Session, cast: Cast) -> str:
    return texts.bodies_of(session, cast.practice_id)["signature", ""]


def test_the_page_shows_what_somebody_gets_and_how_long_it_is(admin: Browser) -> None:
    page = admin.get("/settings/texts").text

    assert "See you at nine.\n- Ada" in page
    assert "22 of 160 · 1 text" in page
    assert "UNSUBSCRIBE" in page


def test_an_admin_saves_own_words_and_it_is_noted_without_them(
    admin: Browser, session: Session, cast: Cast
) -> None:
    answer = admin.post("/settings/texts", text="signature", body="Your team at {practice}")

    noted = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.SETTINGS_CHANGED)
    ).one()
    assert answer.location == "/settings/texts"
    assert of_practice(session, cast) == "Your team at {practice}"
    assert noted.detail == {"what": "practice_text", "fields": "signature"}


def test_the_default_comes_back(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/texts", text="signature", body="Your team")

    admin.post("/settings/texts/default", text="signature")

    assert of_practice(session, cast) == "- {first_name}"


def test_words_that_cannot_be_used_stay_in_the_form(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/texts", text="signature", body="- {nobody}")

    assert answer.status_code == 422
    assert "There is no {nobody}." in answer.text
    assert "- {nobody}</textarea>" in answer.text
    assert of_practice(session, cast) == "- {first_name}"


def test_a_text_that_does_not_exist_is_refused(admin: Browser) -> None:
    assert admin.post("/settings/texts", text="everything", body="x").status_code == 422


def test_a_preview_is_a_piece_and_saves_nothing(admin: Browser, session: Session, cast: Cast) -> None:
    fine = admin.post_part("/settings/texts/preview", text="signature", body="Grüße – {first_name}").text
    wrong = admin.post_part("/settings/texts/preview", text="signature", body="{").text

    assert "Grüße – Ada" in fine
    assert "of 70" in fine
    assert "“–” makes texts shorter" in fine
    assert "A brace has no partner." in wrong
    assert of_practice(session, cast) == "- {first_name}"


def test_who_saves_second_is_told(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/texts", text="signature", body="First")

    answer = admin.post(
        "/settings/texts", text="signature", body="Second", seen='{"signature": "- {first_name}"}'
    )

    assert answer.status_code == 409
    assert "Signature is now <bdi>First</bdi>" in answer.text
    assert of_practice(session, cast) == "First"


def test_ana_may_not_change_them(ana: Browser, session: Session, cast: Cast) -> None:
    assert ana.post("/settings/texts", text="signature", body="Mine").status_code == 403
    assert of_practice(session, cast) == "- {first_name}"


def test_every_text_stands_there_in_every_language_of_the_practice(
    admin: Browser, session: Session, cast: Cast
) -> None:
    one = admin.get("/settings/texts").text
    admin.post("/settings/practice", section="languages", first_language="en", languages=["es"])
    two = admin.get("/settings/texts").text

    assert 'id="f-closed_reply-en"' in one and 'id="f-closed_reply-es"' not in one
    assert 'id="f-closed_reply-es"' in two and 'id="f-emergency-es"' in two
    assert "Closed-hours reply · Spanish" in two
    assert "Elm Street Clinic no atiende en este momento." in two


def test_each_language_is_saved_by_itself(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/texts", text="emergency", language="es", body="Llame al 112.")

    bodies = texts.bodies_of(session, cast.practice_id)
    assert bodies["emergency", "es"] == "Llame al 112."
    assert "911" in bodies["emergency", "en"]


def test_the_emergency_wording_stands_in_the_preview_of_the_reply(admin: Browser) -> None:
    admin.post("/settings/texts", text="emergency", language="en", body="Call 112.")

    preview = admin.post_part(
        "/settings/texts/preview", text="closed_reply", language="en", body="Closed. {emergency}"
    ).text

    assert "Closed. Call 112." in preview
    assert 'id="preview-closed_reply-en"' in preview


def test_a_text_is_in_use_where_the_practice_wants_it(admin: Browser) -> None:
    before = admin.get("/settings/texts").text
    admin.post("/settings/hours", section="week", monday_opens="08:00", monday_closes="17:00")
    admin.post("/settings/hours", section="reply", closed_reply_on="yes")
    after = admin.get("/settings/texts").text

    # Whoever is opted out hears so wherever texts are sent at all.
    assert before.count("In use") == 1
    assert after.count("In use") == 3
