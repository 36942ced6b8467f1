"""One conversation stays at hand in a small window while its reader moves through other pages."""

from collections.abc import Callable

from playwright.sync_api import FrameLocator, expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]


def a_waiting_text(clinic: Clinic, body: str) -> None:
    clinic.text(body, from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of(body))


def docked(clinic: Clinic, desk: Desk, words: str) -> FrameLocator:
    """The conversation with these words in a small window, beside the list."""
    a_waiting_text(clinic, words)
    desk.row(words).click()
    expect(desk.bubble(words)).to_be_visible()
    desk.button("More actions").click()
    desk.page.get_by_role("link", name="Keep in a small window").click()
    window = desk.page.frame_locator("#dock iframe")
    expect(window.locator("#thread .message", has_text=words)).to_be_visible()
    return window


def test_it_stays_over_other_pages_and_is_answered_there(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    window = docked(clinic, ana, "Keep me at hand")
    expect(ana.page.locator("#conversation[data-open]")).to_have_count(0)

    ana.open("/patients")
    expect(window.locator("#thread")).to_contain_text("Keep me at hand")
    window.locator("#reply").fill("Looking it up")
    expect(window.locator("#draft-state")).to_have_text("Draft saved")
    ana.open("/preferences")
    expect(window.locator("#reply")).to_have_value("Looking it up")
    window.get_by_role("button", name="Send text").click()

    expect(window.locator("#thread .message", has_text="Looking it up")).to_contain_text("Delivered")
    window.get_by_role("button", name="Complete", exact=True).click()
    expect(window.get_by_role("button", name="Reopen")).to_be_visible()


def test_it_gives_way_to_the_page_that_shows_the_same(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    docked(clinic, ana, "Twice would be too much")

    ana.row("Twice would be too much").click()
    expect(ana.bubble("Twice would be too much")).to_be_visible()
    expect(ana.page.locator("#dock")).to_have_count(0)
    ana.open("/patients")

    expect(ana.page.locator("#dock")).to_be_visible()


def test_it_is_folded_and_closed_by_keys_and_by_mouse(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    window = docked(clinic, ana, "In the corner")
    ana.button("Conversation").click()
    expect(ana.page.locator("#dock iframe")).to_be_hidden()
    ana.open("/patients")
    expect(ana.page.locator("#dock iframe")).to_be_hidden()
    ana.button("Conversation").click()
    expect(window.locator("#thread")).to_contain_text("In the corner")

    window.locator("#reply").press("Escape")
    expect(ana.page.locator("#dock")).to_be_visible()
    window.locator("#conversation").press("Escape")
    expect(ana.page.locator("#dock")).to_have_count(0)
    ana.page.reload()

    expect(ana.heading).to_be_visible()
    expect(ana.page.locator("#dock")).to_have_count(0)


def test_this_tab_remembers_an_id_and_no_words(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    docked(clinic, ana, "Nothing of this is kept")

    kept = ana.page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })")

    task = clinic.soon(lambda: clinic.task_of("Nothing of this is kept"))
    assert str(task.conversation_id) in kept
    assert "Nothing of this" not in kept


def test_nobody_else_may_frame_it(clinic: Clinic) -> None:
    a_waiting_text(clinic, "Framed by nobody")
    task = clinic.soon(lambda: clinic.task_of("Framed by nobody"))
    ana = clinic.sign_in("ana")

    window = ana.get(f"/inbox/all/c/{task.conversation_id}/window").headers
    page = ana.get(f"/inbox/all/c/{task.conversation_id}").headers

    assert "frame-ancestors 'self'" in window["Content-Security-Policy"]
    assert window["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]


def test_without_scripts_it_is_a_page(clinic: Clinic, desk_of: DeskOf) -> None:
    a_waiting_text(clinic, "No scripts")
    task = clinic.soon(lambda: clinic.task_of("No scripts"))
    ana = desk_of("ana", java_script_enabled=False)

    ana.open(f"/inbox/all/c/{task.conversation_id}/window")
    ana.reply.fill("Still works.")
    ana.button("Send text").click()

    sent = clinic.soon(lambda: clinic.messages("Still works."))
    assert len(sent) == 1
