"""One stream for a browser, and what open pages do when the line, Redis or the server goes away."""

from collections.abc import Callable

from playwright.sync_api import Page, Request, Route, expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]


def a_text(clinic: Clinic, body: str) -> None:
    clinic.text(body, from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of(body))


def is_stream(request: Request) -> bool:
    return request.url.partition("?")[0].endswith("/live")


def row(page: Page, words: str) -> None:
    expect(page.locator("#rows > .row", has_text=words)).to_be_visible()


def test_eight_tabs_hold_one_stream_and_hand_it_on(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    opened: list[Page] = []
    ana.context.on("request", lambda asked: opened.append(asked.frame.page) if is_stream(asked) else None)
    ana.page.reload()
    tabs = [ana.page, *(ana.new_page() for _ in range(7))]
    for tab in tabs:
        tab.goto("/inbox/unassigned")
        expect(tab.locator("#queue")).to_be_visible()

    a_text(clinic, "Heard in eight tabs")
    for tab in tabs:
        row(tab, "Heard in eight tabs")
    # The first tab was loaded twice, and nobody else has asked for a stream.
    assert set(opened) <= set(tabs)
    leader = opened[-1]
    asked_before = len(opened)
    leader.close()
    a_text(clinic, "Heard by those that are left")

    for tab in tabs:
        if tab is not leader:
            row(tab, "Heard by those that are left")
    assert len(opened) == asked_before + 1
    if leader is ana.page:
        ana.page = next(tab for tab in tabs if tab is not leader)


def test_a_restarted_server_is_heard_again_within_five_seconds(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    ana.stay()
    expect(ana.page.locator("#strip")).to_be_hidden()

    assert clinic.house.kill("web")
    clinic.house.wait_until_ready()
    a_text(clinic, "After the restart")

    expect(ana.row("After the restart")).to_be_visible(timeout=5000)
    expect(ana.page.locator("#strip")).to_be_hidden()
    ana.has_stayed()


def test_a_first_connection_that_is_refused_is_tried_again(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana", service_workers="block")
    refused: list[str] = []

    def refuse_twice(route: Route) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "15"})
        else:
            route.continue_()

    ana.page.route(lambda url: url.partition("?")[0].endswith("/live"), refuse_twice)
    # The page before the reload may just have got its own stream.
    with ana.page.expect_response(
        lambda answer: is_stream(answer.request) and answer.ok and len(refused) == 2
    ):
        ana.page.reload()
    a_text(clinic, "After two refusals")

    row(ana.page, "After two refusals")
    expect(ana.page.locator("#strip")).to_be_hidden()


def test_pages_say_that_redis_is_away_and_catch_up_when_it_is_back(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    strip = ana.page.locator("#strip")
    expect(strip).to_be_hidden()
    ana.stay()

    clinic.house.redis.kill()
    try:
        expect(strip).to_contain_text("Not live. Updating every 15 s")
        clinic.text("Sent meanwhile", from_number=builders.a_number())
        row(ana.page, "Sent meanwhile")
    finally:
        clinic.house.redis.start()

    expect(strip).to_be_hidden()
    a_text(clinic, "Live again")
    row(ana.page, "Live again")
    ana.has_stayed()


def test_a_laptop_that_slept_asks_for_what_it_missed(clinic: Clinic, desk_of: DeskOf) -> None:
    """The line looks open and is dead: what comes is not heard until the page notices the silence."""
    ana = desk_of("ana")
    ana.page.clock.install()
    ana.page.add_init_script("""
      const Real = window.EventSource;
      window.EventSource = class extends Real {
        constructor(...given) { super(...given); (window.lines ??= []).push(this); }
        addEventListener(name, hear) { super.addEventListener(name, (event) => window.isAsleep || hear(event)); }
      };
    """)
    ana.page.reload()
    expect(ana.page.locator("#queue")).to_be_visible()
    clinic.soon(lambda: ana.page.evaluate("window.lines?.[0]?.readyState === 1"))
    ana.page.evaluate("window.isAsleep = true")
    a_text(clinic, "Came in the night")
    expect(ana.row("Came in the night")).to_have_count(0)

    ana.page.evaluate("window.isAsleep = false")
    ana.page.clock.fast_forward("08:00:00")
    ana.page.clock.resume()

    row(ana.page, "Came in the night")
    assert ana.page.evaluate("window.lines.length") > 1


def test_what_came_before_the_page_listens_is_in_its_list(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")

    with ana.held("/live") as line:
        ana.open("/inbox/unassigned")
        line.is_asked_for()
        a_text(clinic, "Between page and line")
        expect(ana.row("Between page and line")).to_have_count(0)
        line.comes()

        expect(ana.row("Between page and line")).to_be_visible()


def test_a_second_tab_shows_what_came_before_it_listens(clinic: Clinic, desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    tab = ana.new_page()
    scripts: list[Route] = []
    tab.route("**/js/live.js", lambda route: scripts.append(route))

    tab.goto("/inbox/unassigned", wait_until="commit")
    expect(tab.locator("#queue")).to_be_visible()
    a_text(clinic, "Before the second tab")
    row(ana.page, "Before the second tab")
    # The page was read before the text came.
    expect(tab.locator("#rows > .row", has_text="Before the second tab")).to_have_count(0)
    scripts[0].continue_()

    row(tab, "Before the second tab")
