"""Letters that really leave: an invitation is accepted, a forgotten password is chosen anew."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, expect

from bench.installation import Installation
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]
GOOD, BETTER = "seven quiet lamps", "eight louder bells"


def the_letter(clinic: Clinic, to: str, subject: str) -> str:
    """The words of the newest letter to this address, as soon as it has come."""

    def look() -> dict[str, Any] | None:
        letters = clinic.house.control("GET", "letters")["letters"]
        fitting = [one for one in letters if one["recipient"] == to and subject in one["subject"]]
        return fitting[0] if fitting else None

    return str(clinic.soon(look)["body"])


def the_link(words: str) -> str:
    found = re.search(r"^http://\S+$", words.replace("\r", ""), re.MULTILINE)
    assert found, words
    return found[0]


def test_nora_is_invited_and_later_forgets_her_password(
    clinic: Clinic, desk_of: DeskOf, house: Installation, browser: Browser
) -> None:
    admin = desk_of("admin").open("/settings/members/new")
    admin.page.get_by_label("Name", exact=True).fill("Nora New")
    admin.page.get_by_label("Login").fill("nora")
    admin.page.get_by_label("E-mail address").fill("nora@clinic.example")
    admin.page.get_by_label("Role").select_option(label="Care team")
    admin.button("Invite").click()
    expect(admin.toast("Nora New is invited.")).to_be_visible()

    nora = Desk(browser, house.web_url)
    nora.page.goto(the_link(the_letter(clinic, "nora@clinic.example", "invited")))
    nora.page.get_by_label("New password").fill("passwordpassword")
    nora.page.keyboard.press("Enter")
    expect(nora.page.get_by_text("easy to guess")).to_be_visible()
    nora.page.get_by_label("New password").fill(GOOD)
    nora.page.keyboard.press("Enter")
    expect(nora.toast("Welcome to Elm Street Clinic")).to_be_visible()

    nora.context.clear_cookies()
    nora.page.goto("/sign-in")
    nora.page.get_by_role("link", name="Forgot your password?").click()
    nora.page.get_by_label("Login or e-mail").fill("nora@clinic.example")
    nora.page.keyboard.press("Enter")
    expect(nora.page.get_by_role("status")).to_contain_text("a letter is on its way")
    nora.page.goto(the_link(the_letter(clinic, "nora@clinic.example", "A new password")))
    nora.page.get_by_label("New password").fill(BETTER)
    nora.page.keyboard.press("Enter")
    expect(nora.page.get_by_role("status")).to_contain_text("Your password is changed")
    nora.sign_in("nora", BETTER)
    assert "every device is signed out" in the_letter(clinic, "nora@clinic.example", "was changed")
    nora.close()


def test_the_demo_shows_what_was_caught(clinic: Clinic, house: Installation, browser: Browser) -> None:
    reader = Desk(browser, house.carrier_url)

    reader.page.goto("/mail")

    expect(reader.page.get_by_role("heading", name="Mail", exact=True)).to_be_visible()
    expect(reader.page.get_by_text("Nothing leaves this computer.")).to_be_visible()
    reader.close()
