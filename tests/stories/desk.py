"""A member at a real browser; whatever the browser complains of is remembered."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, Route, expect

from tests import cast

WITHIN = 20_000
expect.set_options(timeout=WITHIN)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# Told aloud by the page, so that the console holds it.
TELL_OF_BREACHES = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`content policy: ${violatedDirective} ${blockedURI}`));
"""


class Held:
    """A request that waits on its way to the server."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._routes: list[Route] = []

    def hold(self, route: Route) -> None:
        self._routes.append(route)

    def is_asked_for(self) -> None:
        deadline = time.monotonic() + WITHIN / 1000
        while not self._routes:
            assert time.monotonic() < deadline, "nothing was asked for"
            # Playwright hands over what happened while it waits.
            self._page.wait_for_timeout(10)

    def comes(self) -> None:
        self.is_asked_for()
        for route in self._routes:
            route.continue_()

    def never_comes(self) -> None:
        self.is_asked_for()
        for route in self._routes:
            route.abort()


class Desk:
    """`page` is the open window. `complaints` holds errors of scripts, of the console and of the content policy."""

    def __init__(self, browser: Browser, address: str, **window: Any) -> None:
        window.setdefault("viewport", {"width": 1440, "height": 900})
        # What a page asks for can be held back only where no worker of the browser answers.
        window.setdefault("service_workers", "block")
        self.context: BrowserContext = browser.new_context(base_url=address, **window)
        self.context.set_default_timeout(WITHIN)
        self.complaints: list[str] = []
        if window.get("java_script_enabled", True):
            self.context.add_init_script(TELL_OF_BREACHES)
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", self._hear_error)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        # An answer that says no, or that never comes, is told by the page itself.
        is_told = message.text.startswith("Failed to load resource") or "Failed to fetch" in message.text
        is_told = is_told or message.text.startswith("Service Worker registration blocked")
        if message.type in ("error", "warning") and not is_told:
            self.complaints.append(message.text)

    def _hear_error(self, error: Error) -> None:
        # As above: a module that does not come is told by the page itself.
        if "Failed to fetch" not in str(error):
            self.complaints.append(str(error))

    def sign_in(self, login: str, password: str = cast.PASSWORD) -> "Desk":
        self.page.goto("/sign-in")
        self.page.get_by_label("Login").fill(login)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page).not_to_have_url(re.compile("/sign-in"))
        self.page.wait_for_load_state()
        return self

    def open(self, address: str) -> "Desk":
        self.page.goto(address)
        return self

    def row(self, words: str) -> Locator:
        """The row of the queue that shows these words."""
        return self.page.locator("#rows > .row", has_text=words)

    def bubble(self, words: str) -> Locator:
        """The message with these words in the open conversation."""
        return self.page.locator("#thread .message", has_text=words)

    def has_opened(self, words: str) -> None:
        """The conversation is there, and its row is marked: keys and buttons are ready."""
        expect(self.bubble(words)).to_be_visible()
        expect(self.row(words).locator(".row-link")).to_have_attribute("aria-current", "true")

    @property
    def reply(self) -> Locator:
        return self.page.locator("#reply")

    @property
    def toasts(self) -> Locator:
        return self.page.locator("#toasts .toast")

    def toast(self, words: str) -> Locator:
        return self.toasts.filter(has_text=words)

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    @property
    def open_popover(self) -> Locator:
        return self.page.locator("[popover]:popover-open")

    @contextmanager
    def held(self, ending: str) -> Iterator[Held]:
        """Requests to addresses that end like this wait until they are let go."""
        held = Held(self.page)

        def belongs(address: str) -> bool:
            return address.partition("?")[0].endswith(ending)

        self.page.route(belongs, held.hold)
        yield held
        self.page.unroute(belongs, held.hold)

    def stay(self) -> None:
        """From now on the page is not to be loaded again."""
        self.page.evaluate("window.hasStayed = true")

    def has_stayed(self) -> None:
        assert self.page.evaluate("window.hasStayed === true"), "the page was loaded again"

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def close(self) -> None:
        self.context.close()
