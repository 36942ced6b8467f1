"""The page of phones, in a real browser and without its script."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, expect

from tests.simulator.conftest import ANNEX, BEN, FRONT, MARIA, World
from tests.simulator.receivers import Call, Reply


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One for all tests: a new one for each would take most of their time."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        yield tab


@pytest.fixture
def page(tab: Page, world: World) -> Iterator[Page]:
    """The page, whose console stays silent: a breach of the content policy would be told there."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        said.append(message.text)

    def note_error(error: Error) -> None:
        said.append(str(error))

    tab.on("console", note)
    tab.on("pageerror", note_error)
    tab.goto(world.url)
    yield tab
    tab.goto("about:blank")
    tab.remove_listener("console", note)
    tab.remove_listener("pageerror", note_error)
    assert said == []


def phone(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=f"Phone of {name}")


def form(world: World, path: str, **fields: str) -> requests.Response:
    return requests.post(world.url + path, data=fields, timeout=5, allow_redirects=False)


def test_a_text_typed_on_a_phone_reaches_the_practice_and_stays_on_the_screen(
    page: Page, world: World
) -> None:
    maria = phone(page, "Maria Alvarez")

    maria.get_by_role("textbox").fill("Is the doctor <in>?")
    maria.get_by_role("textbox").press("Enter")

    told = world.receiver.wait_for(1)[0].params
    assert (told["From"], told["To"], told["Body"]) == (MARIA, FRONT, "Is the doctor <in>?")
    expect(maria.get_by_role("log")).to_contain_text("Is the doctor <in>?")
    expect(maria.get_by_role("log")).to_contain_text("Delivered")
    expect(maria.get_by_role("textbox", name="Text from Maria Alvarez")).to_have_value("")


def test_an_answer_of_the_practice_appears_by_itself(page: Page, world: World) -> None:
    world.send("Yes, until five", to=BEN)

    expect(phone(page, "Ben Whitaker").get_by_role("log")).to_contain_text("Yes, until five")
    expect(phone(page, "Maria Alvarez").get_by_role("log")).not_to_contain_text("Yes, until five")


def test_a_link_of_the_practice_opens_inside_the_phone_and_closes_again(page: Page, world: World) -> None:
    world.receiver.answer = lambda call: (
        Reply(200, b"<h1>Enter your code</h1>", "text/html") if is_link(call) else Reply()
    )
    world.send(f"Read it here: {world.receiver.url}/s/abc. Not here: https://example.org/x")
    maria = phone(page, "Maria Alvarez")

    maria.get_by_role("link", name=f"{world.receiver.url}/s/abc").click()

    screen = maria.frame_locator("iframe")
    expect(screen.get_by_role("heading", name="Enter your code")).to_be_visible()
    maria.get_by_role("button", name="Messages").click()
    expect(maria.locator("iframe")).to_be_hidden()
    assert maria.get_by_role("link", name="https://example.org/x").get_attribute("data-inside") is None


def is_link(call: Call) -> bool:
    return call.path.startswith("/s/")


def test_chips_send_their_word_and_the_photo_button_a_picture(page: Page, world: World) -> None:
    maria = phone(page, "Maria Alvarez")

    maria.get_by_role("button", name="Birth date, 02/14/1984").click()
    world.receiver.wait_for(1)
    maria.get_by_role("button", name="Send a sample photo").click()

    told = [call.params for call in world.receiver.wait_for(2)]
    assert told[0]["Body"] == "02/14/1984" and told[1]["NumMedia"] == "1"
    expect(maria.get_by_role("img", name=re.compile("^Photo, "))).to_be_visible()


def test_stop_is_confirmed_on_the_phone(page: Page) -> None:
    maria = phone(page, "Maria Alvarez")

    maria.get_by_role("button", name="STOP", exact=True).click()

    expect(maria.get_by_role("log")).to_contain_text("You are unsubscribed from this number")


def test_deliverability_is_set_for_each_phone(page: Page, world: World) -> None:
    page.get_by_label("Ben Whitaker").and_(page.locator("[name=behaviour]")).select_option(
        "Carrier blocks (30007)"
    )
    expect(page.locator("select.odd")).to_have_count(1)

    sid = world.send("hello", to=BEN).sid
    world.settle()

    assert world.client.messages(sid).fetch().error_code == 30007
    ben = phone(page, "Ben Whitaker").get_by_role("log")
    expect(ben).to_contain_text("A text did not get here: Message blocked")
    expect(ben).not_to_contain_text("hello")


def test_a_new_person_gets_a_phone(page: Page, world: World) -> None:
    phone(page, "Ben Whitaker").get_by_role("textbox").fill("half written")

    page.get_by_role("button", name="New person").click()

    expect(page.get_by_role("article")).to_have_count(3)
    expect(phone(page, "Ben Whitaker").get_by_role("textbox")).to_have_value("half written")
    newest = page.get_by_role("article").nth(2)
    newest.get_by_role("textbox").fill("Hello, I am new")
    newest.get_by_role("textbox").press("Enter")
    assert world.receiver.wait_for(1)[0].params["From"] not in {MARIA, BEN}


def test_another_phone_can_take_the_frame(page: Page, world: World) -> None:
    world.control("PUT", "/phones/+12025550190", {"label": "Grace Kim"})
    expect(page.get_by_role("article")).to_have_count(3)

    phone(page, "Maria Alvarez").get_by_label("Person in this frame").select_option("Grace Kim")

    expect(page.get_by_role("article").first).to_have_accessible_name("Phone of Grace Kim")


def test_the_phone_can_write_to_the_other_number(page: Page, world: World) -> None:
    maria = phone(page, "Maria Alvarez")

    with page.expect_response("**/practice"):
        maria.get_by_label("Writes to").select_option(ANNEX)
    maria.get_by_role("button", name="Refill please").click()

    assert world.receiver.wait_for(1)[0].params["To"] == ANNEX


def test_the_log_tells_each_call_without_its_words_and_replays_it(page: Page, world: World) -> None:
    world.text("my private rash")
    log = page.locator("#log")
    expect(log).to_contain_text("POST /webhooks/twilio/messages")
    expect(log).to_contain_text("signature accepted")

    page.get_by_role("button", name=re.compile("^Replay")).click()

    first, second = world.receiver.wait_for(2)
    assert first.params == second.params
    expect(log).to_contain_text("Text received (replayed)")
    expect(log).not_to_contain_text("rash")
    expect(log).not_to_contain_text(MARIA)


def test_a_refused_signature_shows_as_such(page: Page, world: World) -> None:
    world.receiver.answer = lambda _call: Reply(403)

    world.text("hello")

    expect(page.locator("#log")).to_contain_text("signature refused")
    expect(page.locator("#log")).to_contain_text("403")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits(tab: Page, world: World, scheme: Literal["light", "dark"]) -> None:
    world.text("hello", media=["sample"])
    world.text("STOP")
    world.send("A link: https://example.org/a-rather-long-address/that/goes/on/and/on", to=BEN)
    world.receiver.answer = lambda _call: Reply(500)
    world.text("again", sender=BEN)
    world.settle()
    tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.goto(world.url)

    for width in (390, 720, 1440):
        tab.set_viewport_size({"width": width, "height": 900})
        report = Axe().run(tab)
        assert report.violations_count == 0, report.generate_report()
        assert tab.evaluate("document.documentElement.scrollWidth") == width
    tab.goto("about:blank")


def test_the_carrier_going_away_is_said_and_so_is_its_return(tab: Page, world: World) -> None:
    tab.route("**/live**", lambda route: route.abort())
    tab.goto(world.url)

    expect(tab.get_by_role("note")).to_contain_text("The carrier does not answer")
    tab.unroute("**/live**")
    expect(tab.get_by_role("note")).to_contain_text("Nothing leaves this computer")
    tab.goto("about:blank")


def test_everything_posts_without_script(browser: Browser, world: World) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(world.url)
    maria = phone(page, "Maria Alvarez")

    maria.get_by_role("textbox").fill("no script here")
    maria.get_by_role("button", name="Send text").click()

    expect(phone(page, "Maria Alvarez").get_by_role("log")).to_contain_text("no script here")
    page.locator("[name=behaviour]").first.select_option("Landline (30006)")
    page.get_by_role("button", name="Set").first.click()
    expect(page.locator("select.odd")).to_have_count(1)
    context.close()


def test_only_the_product_may_frame_the_page_and_be_framed_by_it(world: World) -> None:
    answer = requests.get(world.url, timeout=5)

    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert (
        policy["default-src"] == "'none'"
        and policy["script-src"] == "'self'"
        and policy["style-src"] == "'self'"
    )
    assert (
        policy["frame-ancestors"] == f"'self' {world.receiver.url}"
        and policy["frame-src"] == world.receiver.url
    )
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_form_of_another_site_sends_nothing(world: World) -> None:
    answer = requests.post(
        world.url + "/phones/1/texts",
        data={"body": "x"},
        headers={"Origin": "https://example.org"},
        timeout=5,
    )

    assert answer.status_code == 403
    assert world.client.messages.list() == []


def test_nonsense_is_refused(world: World) -> None:
    assert form(world, "/phones/99/texts", body="x").status_code == 404
    assert form(world, "/phones/1/behaviour", behaviour="explodes").status_code == 400
    assert form(world, "/phones/1/practice", number="+12025550199").status_code == 404
    assert form(world, "/deliveries/99/replays").status_code == 404
    assert form(world, "/phones/1/texts", body="  ").status_code == 303
    assert requests.get(world.url + "/pictures/ME0", timeout=5).status_code == 404
    assert world.client.messages.list() == []


def test_fifty_texts_can_be_asked_for(world: World) -> None:
    assert form(world, "/rushes").status_code == 303

    world.receiver.wait_for(1)
