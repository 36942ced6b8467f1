"""Makes the pictures of the pages again: the README's, one of every page in both themes and widths, and the inbox on a bad
day: very full, between phone and desk, in large letters, offline, overtaken, and when nothing comes.

`make pictures` starts a demo of its own, drives it in Chromium, and ends it. The README's picture is written to
docs/pictures/; the others, which are for looking at and not committed, to .triage/pictures/.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import find_chromium
from triage.demo.child import wait_until
from triage.demo.ports import find_port

ROOT = Path(__file__).resolve().parent.parent
FOR_README = ROOT / "docs" / "pictures"
FOR_EYES = ROOT / ".triage" / "pictures"
PASSWORD = "triage-demo"
# No sandbox, so that it works as root; and nothing that asks the network on its own.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE, NARROW = (1440, 900), (390, 844)
MIDDLE = (720, 900)
# So much work as a queue holds that nobody has looked at for days.
MANY = 500
WORDS = (
    "Can I come in today?",
    "The pharmacy says that they have not heard from you about my refill, could somebody call them please?",
    "Thank you, see you on Thursday.",
    "My daughter has had a fever since last night. Is there anything open tomorrow morning?",
    "Where can I park?",
)
READY_WITHIN = 180.0

PAGES = {
    "sign-in": ("", "/sign-in"),
    "unassigned": ("jo", "/inbox/unassigned"),
    "for-me": ("dana", "/inbox/mine"),
    "starred": ("dana", "/inbox/starred"),
    "completed": ("jo", "/inbox/completed"),
    "failed": ("jo", "/inbox/failed"),
    "deleted": ("jo", "/inbox/deleted"),
    "assigned-only": ("sato", "/inbox/mine"),
    "veterinary": ("vera", "/inbox/all"),
    "all-filtered": ("jo", "/inbox/all?unread=1&sort=newest"),
    "new-message": ("jo", "/new-message"),
    "patients": ("jo", "/patients"),
    "password-reset": ("", "/password-reset"),
    "invitation-unknown": ("", "/invitations/nothing"),
    "offline": ("", "/offline"),
    "settings-practice": ("ada", "/settings/practice"),
    "settings-auto-assignment": ("ada", "/settings/auto-assignment"),
    "settings-roles": ("ada", "/settings/roles"),
    "settings-members": ("ada", "/settings/members"),
    "settings-new-member": ("ada", "/settings/members/new"),
    "settings-numbers": ("ada", "/settings/numbers"),
    "settings-texts": ("ada", "/settings/texts"),
    "settings-security": ("ada", "/settings/security"),
    "settings-quarantine": ("ada", "/settings/quarantine"),
    "preferences": ("jo", "/preferences"),
    "security": ("jo", "/security"),
    "not-found": ("jo", "/inbox/nowhere"),
}
# What opens over the inbox, by the keys that open it: the name of the picture, the address, the keys.
OPENED = (
    ("shortcuts", "/inbox/all", "?"),
    ("palette", "/inbox/all", "Control+k"),
    ("assign", "/inbox/all", "j a"),
    ("selected", "/inbox/all", "j x Shift+J Shift+J"),
    ("searched", "/inbox/all", "/ a p p o i n t Enter"),
    ("found-nothing", "/inbox/all", "/ z z z z Enter"),
)
OVER = "[popover]:popover-open, dialog[open], .is-selecting, #queue .empty, #queue mark"
# What moves on its way to a place is seen at its end; what never ends may go on.
AT_REST = """() => document.getAnimations().every((one) =>
  one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


@contextmanager
def demo() -> Iterator[str]:
    """A demo in a folder of its own; its address."""
    port = find_port(18900, explicit=False)
    with tempfile.TemporaryDirectory(prefix="triage-pictures-") as folder:
        data, log = Path(folder) / "demo", Path(folder) / "demo.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "triage", "demo", "--port", str(port), "--data", str(data)],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env={**os.environ, "NO_COLOR": "1"},
            )
        try:
            is_ready = wait_until(
                lambda: b"Ctrl-C stops" in log.read_bytes() or process.poll() is not None,
                seconds=READY_WITHIN,
                every=0.2,
            )
            if not is_ready or process.poll() is not None:
                raise SystemExit(f"the demo did not start:\n{log.read_text()}")
            yield f"http://localhost:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def main() -> None:
    FOR_README.mkdir(parents=True, exist_ok=True)
    FOR_EYES.mkdir(parents=True, exist_ok=True)
    with demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        _readme_picture(browser, address)
        for scheme in ("light", "dark"):
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                _all_pages(browser, address, scheme, width, size)
            for name, size, scale in (("middle", MIDDLE, 1), ("twice-as-large", MIDDLE, 2)):
                _inbox(browser, address, scheme, name, size, scale)
            _bad_day(browser, address, scheme)
        _fill(browser, address)
        for scheme in ("light", "dark"):
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                _very_full(browser, address, scheme, width, size)
        browser.close()
    print(f"docs/pictures/demo.png is new; {len(list(FOR_EYES.glob('*.png')))} pictures in {FOR_EYES}")


def _readme_picture(browser: Browser, address: str) -> None:
    """The page /demo, with a conversation open on the left and the phones on the right."""
    context = browser.new_context(viewport={"width": 1680, "height": 950}, device_scale_factor=1)
    page = context.new_page()
    _sign_in(page, address, "jo")
    page.goto(f"{address}/demo")
    inbox = page.frame_locator("iframe").first
    inbox.locator("main ol a").first.click()
    expect(inbox.locator("textarea").first).to_be_visible()
    page.screenshot(path=str(FOR_README / "demo.png"))
    context.close()


def _all_pages(browser: Browser, address: str, scheme: str, width: str, size: tuple[int, int]) -> None:
    def picture(page: Page, name: str) -> None:
        page.wait_for_function(AT_REST)
        page.screenshot(path=str(FOR_EYES / f"{name}-{width}-{scheme}.png"))

    for login in sorted({login for login, _ in PAGES.values()}):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        if login:
            _sign_in(page, address, login)
        for name, (who, path) in PAGES.items():
            if who == login:
                page.goto(address + path)
                picture(page, name)
        if login == "jo":
            _conversations(page, address, partial(picture, page))
            if width == "wide":
                _opened(page, address, partial(picture, page))
        context.close()


def _window(browser: Browser, scheme: str, size: tuple[int, int], scale: int = 1) -> BrowserContext:
    return browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        device_scale_factor=scale,
        color_scheme="dark" if scheme == "dark" else "light",
        service_workers="block",
    )


def _take(page: Page, name: str) -> None:
    page.wait_for_function(AT_REST)
    page.screenshot(path=str(FOR_EYES / f"{name}.png"))


def _inbox(browser: Browser, address: str, scheme: str, name: str, size: tuple[int, int], scale: int) -> None:
    """List and conversation; half of a wide window at twice the scale is what 200 % looks like."""
    context = _window(browser, scheme, size, scale)
    page = context.new_page()
    _sign_in(page, address, "jo")
    page.goto(f"{address}/inbox/all")
    _take(page, f"inbox-{name}-{scheme}")
    page.locator("main ol a").first.click()
    expect(page.locator("#thread")).to_be_visible()
    _take(page, f"inbox-conversation-{name}-{scheme}")
    context.close()


def _bad_day(browser: Browser, address: str, scheme: str) -> None:
    """What stands there when a list does not come, when a colleague was faster, and without a network."""
    context = _window(browser, scheme, WIDE)
    page = context.new_page()
    _sign_in(page, address, "jo")
    page.goto(f"{address}/inbox/all")
    page.route("**/inbox/completed*", lambda route: route.abort())
    page.locator("#nav-completed").click()
    expect(page.locator("#queue .is-problem")).to_be_visible()
    _take(page, f"list-did-not-come-{scheme}")

    page.goto(f"{address}/inbox/all")
    page.locator("main ol a").first.click()
    reply = page.locator("#reply")
    expect(reply).to_be_visible()
    _overtake(browser, page.url)
    reply.fill("Nine is fine.")
    page.locator("#composer [data-send]").click()
    expect(page.locator("#composer .composer-problem")).to_be_visible()
    _take(page, f"overtaken-{scheme}")

    context.set_offline(True)
    expect(page.locator("#strip")).to_be_visible()
    _take(page, f"offline-strip-{scheme}")
    context.close()


def _overtake(browser: Browser, conversation: str) -> None:
    """A colleague answers in the same conversation."""
    context = _window(browser, "light", WIDE)
    page = context.new_page()
    _sign_in(page, conversation.partition("/inbox")[0], "dana")
    page.goto(conversation)
    page.locator("#reply").fill("Dana was faster.")
    page.locator("#composer [data-send]").click()
    expect(page.locator("#thread .message", has_text="Dana was faster.").first).to_be_visible()
    context.close()


def _fill(browser: Browser, address: str) -> None:
    """Texts of many people at once, through the carrier, as they would come."""
    page = browser.new_page()
    _sign_in(page, address, "jo")
    page.goto(f"{address}/inbox/all")
    carrier = page.locator("#nav-phones").get_attribute("href")
    texts = [{"from": f"+1202556{place:04}", "body": WORDS[place % len(WORDS)]} for place in range(MANY)]
    answer = page.request.post(f"{carrier}/_control/texts", data={"texts": texts})
    if not answer.ok:
        raise SystemExit(f"the carrier refused the texts: {answer.status}")
    expect(page.locator("#nav-all .nav-count")).to_contain_text(
        re.compile("[5-9][0-9][0-9]"), timeout=120_000
    )
    page.close()


def _very_full(browser: Browser, address: str, scheme: str, width: str, size: tuple[int, int]) -> None:
    context = _window(browser, scheme, size)
    page = context.new_page()
    _sign_in(page, address, "jo")
    page.goto(f"{address}/inbox/all?sort=newest")
    expect(page.locator("#rows > .row").first).to_be_visible()
    _take(page, f"very-full-{width}-{scheme}")
    if width == "wide":
        page.keyboard.press("j")
        page.keyboard.press("Control+a")
        expect(page.locator("#select-view")).to_be_visible()
        _take(page, f"very-full-selected-{scheme}")
        page.locator("#select-view").click()
        expect(page.locator("#selection-count[data-view]")).to_be_visible()
        _take(page, f"very-full-all-selected-{scheme}")
    context.close()


def _conversations(page: Page, address: str, picture: Callable[[str], None]) -> None:
    """One of each folder that tells a different story, and the pieces that open over it."""
    for folder in ("all", "failed", "completed"):
        page.goto(f"{address}/inbox/{folder}")
        page.locator("main ol a").first.click()
        expect(page.locator("#thread")).to_be_visible()
        picture(f"conversation-{folder}")


def _opened(page: Page, address: str, picture: Callable[[str], None]) -> None:
    for name, path, keys in OPENED:
        page.goto(address + path)
        expect(page.locator("#rows > .row").first).to_be_visible()
        for key in keys.split():
            page.keyboard.press(key)
        expect(page.locator(OVER).locator("visible=true").first).to_be_visible()
        picture(name)


def _sign_in(page: Page, address: str, login: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("[name=login]", login)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).not_to_have_url(re.compile("sign-in"))


if __name__ == "__main__":
    main()
