"""What somebody has begun to write is there again: after going away, a reload, in another browser, after a bad line."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.conversations.drafts import Draft

DeskOf = Callable[..., Desk]
PIECE = {"Content-Type": "text/html; charset=utf-8"}
KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('draft:')).length"


def a_waiting_text(clinic: Clinic, body: str) -> None:
    clinic.text(body, from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of(body))


def at(desk: Desk, words: str) -> Desk:
    desk.row(words).click()
    expect(desk.bubble(words)).to_be_visible()
    return desk


def kept(clinic: Clinic) -> list[str]:
    return [draft.body for draft in clinic.session.query(Draft)]


def test_it_is_there_after_a_reload_and_in_another_browser(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Begun here")
    ana = at(desk_of("ana"), "Begun here")

    ana.reply.press_sequentially("Nine is")
    expect(ana.page.locator("#draft-state")).to_have_text("Draft saved")
    expect(ana.row("Begun here").locator(".row-draft")).to_be_visible()
    ana.page.reload()

    expect(ana.reply).to_have_value("Nine is")
    elsewhere, ada = at(desk_of("ana"), "Begun here"), at(desk_of("admin"), "Begun here")
    expect(elsewhere.reply).to_have_value("Nine is")
    expect(ada.reply).to_have_value("")
    expect(ada.row("Begun here").locator(".row-draft")).to_have_count(0)


def test_it_is_saved_by_leaving_and_gone_when_it_is_sent(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Left in a hurry")
    ana = at(desk_of("ana"), "Left in a hurry")
    ana.reply.fill("Half a")

    ana.page.goto("/preferences")
    clinic.soon(lambda: "Half a" in kept(clinic))
    ana.page.go_back()
    expect(ana.reply).to_have_value("Half a")
    ana.reply.fill("Half a tablet is enough.")
    ana.button("Send text").click()

    expect(ana.bubble("Half a tablet is enough.")).to_be_visible()
    expect(ana.reply).to_have_value("")
    expect(ana.reply).to_be_focused()
    expect(ana.row("Left in a hurry").locator(".row-draft")).to_have_count(0)
    assert "Half a tablet is enough." not in kept(clinic)
    assert ana.page.evaluate(KEPT) == 0


def test_it_waits_in_the_window_while_there_is_no_line(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Out of reach")
    ana = at(desk_of("ana"), "Out of reach")

    ana.context.set_offline(True)
    ana.reply.fill("Written in the cellar")
    expect(ana.page.locator("#draft-state")).to_have_text("Draft kept in this window")
    assert ana.page.evaluate(KEPT) == 1
    assert ana.page.evaluate("Object.keys(localStorage).length") == 0
    ana.context.set_offline(False)

    clinic.soon(lambda: "Written in the cellar" in kept(clinic))
    expect(ana.page.locator("#draft-state")).to_have_text("Draft saved")
    assert ana.page.evaluate(KEPT) == 0


def test_the_second_window_has_what_it_replaced(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Two windows")
    first, second = at(desk_of("ana"), "Two windows"), at(desk_of("ana"), "Two windows")
    second.context.route(re.compile(r"/live(/since)?(\?.*)?$"), lambda route: route.abort())
    second.page.reload()
    expect(second.bubble("Two windows")).to_be_visible()

    first.reply.fill("From the desk")
    expect(first.page.locator("#draft-state")).to_have_text("Draft saved")
    second.reply.fill("From the phone")

    expect(second.toast("Another window of yours")).to_be_visible()
    clinic.soon(lambda: "From the phone" in kept(clinic))
    second.button("Use the other").click()
    expect(second.reply).to_have_value("From the desk")
    clinic.soon(lambda: "From the desk" in kept(clinic))


def test_without_scripts_a_button_keeps_it(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "No scripts here")
    ana = at(desk_of("ana", java_script_enabled=False), "No scripts here")

    ana.reply.fill("Slow but sure")
    ana.button("Save draft").click()

    expect(ana.toast("Draft saved")).to_be_visible()
    expect(ana.reply).to_have_value("Slow but sure")
    expect(ana.row("No scripts here").locator(".row-draft")).to_be_visible()


def test_who_signs_out_leaves_nothing_in_the_browser(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "Shared desk")
    ana = at(desk_of("ana"), "Shared desk")
    ana.page.route("**/draft", lambda route: route.abort())
    ana.reply.fill("Not for the next one")
    expect(ana.page.locator("#draft-state")).to_have_text("Draft kept in this window")

    ana.page.on("dialog", lambda dialog: dialog.accept())
    ana.button("Ana Alvarez Care team").click()
    ana.button("Sign out").click()

    expect(ana.page.get_by_label("Password")).to_be_visible()
    assert ana.page.evaluate(KEPT) == 0


def test_a_page_that_was_made_before_the_words_were_saved_does_not_hide_them(
    clinic: Clinic, desk_of: DeskOf
) -> None:
    a_waiting_text(clinic, "Here and back again")
    a_waiting_text(clinic, "In between")
    ana = at(desk_of("ana"), "Here and back again")
    address = ana.page.url.partition("?")[0].rpartition("/")[2]
    stale = ana.page.request.get(ana.page.url, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    ana.reply.fill("Written quickly")
    at(ana, "In between")
    clinic.soon(lambda: "Written quickly" in kept(clinic))

    ana.page.route(f"**/c/{address}?*", lambda route: route.fulfill(body=stale.body(), headers=PIECE))
    at(ana, "Here and back again")

    expect(ana.reply).to_have_value("Written quickly")
