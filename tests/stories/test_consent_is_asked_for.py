"""A patient signs on Ana's tablet, and hears with the first text how to stop; at a real browser and carrier."""

import re
from collections.abc import Callable

from playwright.sync_api import expect
from sqlalchemy import update

from tests import builders, cast
from tests.cast import PASSWORD, Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import PHONE, Desk
from triage.domain.patients.patient import Patient
from triage.domain.practice.practice import Practice

DeskOf = Callable[..., Desk]


def a_new_patient(clinic: Clinic, people: Cast) -> tuple[Patient, str]:
    number = builders.a_number()
    patient = builders.a_patient(
        clinic.session, cast=people, first_name="Nina", last_name="New", number=number
    )
    clinic.session.commit()
    return patient, number


def test_the_tablet_shows_the_form_and_nothing_else_until_ana_is_back(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    patient, _ = a_new_patient(clinic, people)
    ana = desk_of("ana", **PHONE).open(f"/patients/{patient.id}/consent")

    ana.page.get_by_role("link", name="Consent form").click()
    ana.page.get_by_role("link", name="Español").click()
    ana.button("Hand over to sign").click()
    expect(ana.heading).to_have_text("Consentimiento para mensajes de texto")
    form = ana.page.url
    ana.open("/inbox/all")
    expect(ana.heading).to_have_text("Locked")

    ana.open(form)
    board = ana.page.locator("[data-draw]")
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    assert box
    ana.page.mouse.move(box["x"] + 20, box["y"] + 20)
    ana.page.mouse.down()
    ana.page.mouse.move(box["x"] + 90, box["y"] + 40, steps=4)
    ana.page.mouse.up()
    expect(board.locator("path")).to_have_attribute("d", re.compile("^M.+ L"))
    ana.page.get_by_label("Nombre completo").fill("Nina New")
    ana.page.get_by_label("Recordatorios de citas").check()
    ana.button("Firmar").click()
    expect(ana.heading).to_have_text("Gracias")

    ana.page.get_by_role("link", name="Unlock").click()
    ana.page.get_by_label("Password").fill(PASSWORD)
    ana.page.keyboard.press("Enter")
    expect(ana.heading).not_to_have_text("Locked")
    ana.open(f"/patients/{patient.id}/consent")
    expect(ana.page.get_by_text("Signed by Nina New")).to_be_visible()
    expect(ana.page.get_by_role("img", name="Signature")).to_be_visible()
    expect(ana.page.get_by_text("Reminders", exact=True).first).to_be_visible()


def test_the_first_text_goes_with_a_notice_that_is_folded_away(
    clinic: Clinic, desk_of: DeskOf, people: Cast
) -> None:
    clinic.session.execute(
        update(Practice).where(Practice.id == people.practice_id).values(opt_in_notice_on=True)
    )
    clinic.session.commit()
    number = builders.a_number()
    clinic.text("Is anybody there?", from_number=number)
    clinic.soon(lambda: clinic.task_of("Is anybody there?"))
    ana = desk_of("ana")

    ana.row("Is anybody there?").click()
    ana.has_opened("Is anybody there?")
    expect(ana.page.locator("#has-notice")).to_have_text("A notice goes first")
    ana.reply.fill("Yes, all day.")
    ana.button("Send text").click()
    expect(ana.bubble("Yes, all day.")).to_be_visible()

    clinic.soon(lambda: clinic.at_carrier("Yes, all day."))
    (notice,) = clinic.soon(
        lambda: [
            one
            for one in clinic.house.control("GET", "texts?direction=outbound&limit=100000")["texts"]
            if one["to"] == number and "unsubscribe at any time" in one["body"]
        ]
    )
    assert notice["from"] == cast.NORTH_NUMBER
    folded = ana.page.get_by_text("Show automatic message")
    expect(ana.page.get_by_text("You are now subscribed")).not_to_be_visible()
    folded.click()
    expect(ana.page.get_by_text("You are now subscribed")).to_be_visible()
    expect(ana.page.locator("#has-notice")).to_have_count(0)
