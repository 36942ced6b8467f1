"""Signing in at a real browser: with an app's code, with a passkey, and again over an open page."""

import re
from collections.abc import Callable, Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, CDPSession, expect
from sqlalchemy import delete, select, update

from bench.installation import Installation
from tests.cast import PASSWORD, Cast
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.access.codes import RecoveryCode, Totp
from triage.domain.access.passkeys import Passkey
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import MemberSession
from triage.domain.practice.throttle import Throttle
from triage.kit import clock

DeskOf = Callable[..., Desk]


@pytest.fixture(autouse=True)
def without_factors(clinic: Clinic) -> Iterator[None]:
    """Each story begins with passwords alone."""
    yield
    for table in (Totp, RecoveryCode, Passkey, Throttle):
        clinic.session.execute(delete(table))
    clinic.session.execute(update(Member).values(second_factor_at=None))
    clinic.session.commit()


def a_device_with_keys(desk: Desk) -> CDPSession:
    """The browser has somewhere to keep passkeys, and its owner's finger is always right."""
    devtools = desk.context.new_cdp_session(desk.page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devtools


def set_up_an_app(desk: Desk) -> pyotp.TOTP:
    desk.open("/security/app")
    desk.button("Show the code to scan").click()
    expect(desk.page.locator(".qr svg")).to_be_visible()
    app = pyotp.TOTP(desk.page.locator(".spelled code").inner_text().replace(" ", ""))
    desk.page.get_by_role("textbox", name="Code").fill(app.now())
    desk.button("Finish").click()
    return app


def test_ana_sets_up_an_app_and_signs_in_with_it(desk_of: DeskOf, clinic: Clinic, people: Cast) -> None:
    ana = desk_of("ana")
    app = set_up_an_app(ana)
    expect(ana.heading).to_have_text("Recovery codes")
    on_paper = ana.page.locator("#paper code").all_inner_texts()
    with ana.page.expect_download() as download:
        ana.button("Download").click()
    assert all(code in download.value.path().read_text() for code in on_paper)
    ana.page.get_by_role("link", name="I have kept them").click()
    expect(ana.page.get_by_text("10 left")).to_be_visible()

    ana.context.clear_cookies()
    ana.page.goto("/sign-in")
    ana.page.get_by_label("Login").fill("ana")
    ana.page.get_by_label("Password").fill(PASSWORD)
    ana.page.keyboard.press("Enter")
    expect(ana.page.get_by_label("Code")).to_be_focused()
    ana.page.keyboard.type(on_paper[0])
    ana.page.keyboard.press("Enter")

    expect(ana.toast("which is used up now")).to_be_visible()
    clinic.session.execute(update(Totp).values(last_step=0))
    clinic.session.commit()
    ana.context.clear_cookies()
    ana.page.goto("/sign-in")
    ana.page.get_by_label("Login").fill("ana")
    ana.page.get_by_label("Password").fill(PASSWORD)
    ana.page.keyboard.press("Enter")
    ana.page.get_by_label("Code").fill(app.now())
    ana.page.keyboard.press("Enter")
    expect(ana.page).to_have_url(re.compile("/inbox/"))


def test_ana_signs_in_with_a_passkey_alone(desk_of: DeskOf, clinic: Clinic) -> None:
    ana = desk_of("ana")
    a_device_with_keys(ana)
    ana.open("/security")
    ana.page.get_by_label("Name of the new passkey").fill("Front desk laptop")
    ana.button("Add a passkey").click()
    expect(ana.heading).to_have_text("Recovery codes")
    ana.page.get_by_role("link", name="I have kept them").click()
    expect(ana.page.locator("input[value='Front desk laptop']")).to_be_visible()

    ana.context.clear_cookies()
    ana.page.goto("/sign-in?next=/preferences")

    # The device answers for its owner as soon as the page asks, in the login field or by the button.
    expect(ana.page).to_have_url(re.compile(r"^[^?]*/preferences$"))
    ana.open("/security")
    expect(ana.page.get_by_text("with a passkey").first).to_be_visible()


def test_a_removed_passkey_opens_nothing(desk_of: DeskOf, clinic: Clinic) -> None:
    ana = desk_of("ana")
    a_device_with_keys(ana)
    ana.open("/security")
    ana.button("Add a passkey").click()
    ana.page.get_by_role("link", name="I have kept them").click()
    ana.page.get_by_role("button", name=re.compile("Remove Passkey")).click()
    expect(ana.toast("Passkey removed")).to_be_visible()

    ana.context.clear_cookies()
    ana.page.goto("/sign-in")

    expect(ana.page.get_by_role("alert").first).to_contain_text("not accepted")
    expect(ana.page).to_have_url(re.compile("/sign-in"))


def test_a_page_whose_session_ended_goes_on_in_every_tab(
    desk_of: DeskOf, clinic: Clinic, people: Cast
) -> None:
    ana = desk_of("ana")
    app = set_up_an_app(ana)
    ana.open("/new-message")
    ana.stay()
    ana.page.get_by_label("Name or id").fill("Porter")
    other = ana.new_page()
    other.goto("/inbox/unassigned")
    clinic.session.execute(
        update(MemberSession)
        .where(MemberSession.member_id == people.ana.id)
        .values(ended_at=clock.now(clinic.session))
    )
    clinic.session.execute(update(Totp).values(last_step=0))
    clinic.session.commit()

    for page in (other, ana.page):
        page.evaluate("document.dispatchEvent(new CustomEvent('session:ended'))")
    cover = ana.page.get_by_role("dialog", name="Signed out for safety")
    expect(cover.get_by_label("Password")).to_be_focused()
    ana.page.keyboard.press("Escape")
    expect(cover).to_be_visible()
    ana.page.keyboard.type(PASSWORD)
    ana.page.keyboard.press("Enter")
    expect(cover.get_by_label("Code")).to_be_focused()
    ana.page.keyboard.type(app.now())
    ana.page.keyboard.press("Enter")

    expect(cover).to_be_hidden()
    expect(other.get_by_role("dialog")).to_be_hidden()
    expect(ana.page.get_by_label("Name or id")).to_have_value("Porter")
    ana.button("Search").click()
    expect(ana.page.get_by_text("Pat Porter").first).to_be_visible()
    assert (
        clinic.session.scalars(select(MemberSession.how).order_by(MemberSession.id.desc())).first() == "app"
    )


def test_without_scripts_the_password_still_opens(house: Installation, browser: Browser) -> None:
    ana = Desk(browser, house.web_url, java_script_enabled=False)
    ana.sign_in("ana")

    ana.open("/security/app")
    ana.button("Show the code to scan").click()

    expect(ana.page.locator(".qr svg")).to_be_visible()
    ana.close()


def test_who_signs_out_leaves_no_open_page_behind(desk_of: DeskOf, clinic: Clinic) -> None:
    ana = desk_of("ana")
    other = ana.new_page()
    other.goto("/inbox/unassigned")

    ana.page.locator(".nav-user").click()
    ana.button("Sign out").click()

    expect(ana.page).to_have_url(re.compile("/sign-in"))
    expect(other.locator("#cover")).to_be_visible()


def test_a_shared_desk_is_locked_and_opened_with_a_pin_in_every_tab(desk_of: DeskOf, clinic: Clinic) -> None:
    ana = desk_of("ana").open("/security")
    ana.page.get_by_label("PIN", exact=True).fill("2580")
    ana.button("Save PIN").click()
    expect(ana.toast("The PIN is set.")).to_be_visible()
    ana.open("/new-message")
    ana.stay()
    ana.page.get_by_label("Name or id").fill("Por")
    other = ana.new_page()
    other.goto("/inbox/unassigned")

    ana.page.keyboard.press("Control+Shift+L")
    cover = ana.page.get_by_role("dialog", name="Locked")
    expect(cover.get_by_label("PIN or password")).to_be_focused()
    expect(other.get_by_role("dialog", name="Locked")).to_be_visible()
    assert ana.context.request.get("/inbox/unassigned", max_redirects=0).status == 303

    ana.page.keyboard.type("0001")
    ana.page.keyboard.press("Enter")
    expect(cover.get_by_role("alert")).to_contain_text("That is not it.")
    ana.page.keyboard.type("2580")
    ana.page.keyboard.press("Enter")

    expect(cover).to_be_hidden()
    expect(other.get_by_role("dialog", name="Locked")).to_be_hidden()
    expect(ana.page.get_by_label("Name or id")).to_be_focused()
    ana.page.keyboard.type("ter")
    ana.button("Search").click()
    expect(ana.page.get_by_text("Pat Porter").first).to_be_visible()


def test_somebody_else_takes_over_a_locked_desk(desk_of: DeskOf, clinic: Clinic) -> None:
    ana = desk_of("ana").open("/inbox/unassigned")
    ana.page.locator(".nav-user").click()
    ana.page.get_by_role("button", name="Lock").click()
    cover = ana.page.get_by_role("dialog", name="Locked")
    expect(cover.get_by_label("Password")).to_be_focused()

    cover.get_by_role("button", name="Switch user").click()

    expect(ana.page).to_have_url(re.compile("/sign-in$"))
    ana.sign_in("ben")
    expect(ana.page.locator(".nav-user")).to_contain_text("Ben Brook")
