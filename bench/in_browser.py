"""What somebody at a screen notices: a text that appears, a key that acts, in a real browser."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
from playwright.sync_api import Page, sync_playwright

from bench import clinic, footprint
from bench.figures import Report, Target, share
from bench.history import Size
from bench.house import at_work
from bench.installation import Installation
from bench.staff import Staff
from scripts.pictures import QUIET
from tests.chromium import find_chromium

# From the key going down to the first change that can be seen in the list.
_KEY_TO_CHANGE = """
() => new Promise((done) => {
  const list = document.querySelector("li.row").parentElement;
  let began = 0;
  addEventListener("keydown", () => { began = performance.now(); }, { capture: true, once: true });
  const watch = new MutationObserver(() => {
    watch.disconnect();
    requestAnimationFrame(() => done(performance.now() - began));
  });
  watch.observe(list, { attributes: true, childList: true, subtree: true });
})
"""


# When each text was first seen in the list, by its number, in seconds since 1970.
_WATCH_TEXTS = """
() => {
  window.seen = {};
  const look = () => {
    for (const [, number] of document.querySelector("main").textContent.matchAll(/live text number (\\d+)\\./g)) {
      window.seen[number] ??= (performance.timeOrigin + performance.now()) / 1000;
    }
  };
  new MutationObserver(() => requestAnimationFrame(look)).observe(document.body, { childList: true, subtree: true });
}
"""
TEXTS_A_SECOND = 20
STREAMS = 50


def measure(report: Report) -> None:
    count = 15 if report.is_quick else 60
    with (
        at_work(Size(patients=2_500, tasks=2_000, open_tasks=40)) as house,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        page = browser.new_page()
        with _transferred(page) as kilobytes:
            _sign_in(page, house)
        report.add("first_load_kb", sum(kilobytes), "KB", Target(at_most=150), "sign-in page and inbox")
        page.goto(f"{house.web_url}/inbox/all?sort=newest")
        seen = _until_painted(page, house, seconds=8 if report.is_quick else 30)
        note = f"{TEXTS_A_SECOND} a second, {STREAMS} other pages open"
        report.add("live_latency_p50_ms", statistics.median(seen), "ms", note=note)
        report.add("live_latency_p95_ms", share(seen, 0.95), "ms", Target(at_most=400), note)
        report.add("row_action_ms", _key_times(page, count), "ms", Target(at_most=100), "star by its key")
        browser.close()


@contextmanager
def _transferred(page: Page) -> Iterator[list[float]]:
    """Kilobytes that come over the wire inside; what the browser has already is not among them."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    kilobytes: list[float] = []
    network.on("Network.loadingFinished", lambda done: kilobytes.append(done["encodedDataLength"] / 1000))
    yield kilobytes
    network.detach()


def _sign_in(page: Page, house: Installation) -> None:
    page.goto(f"{house.web_url}/sign-in")
    page.fill("[name=login]", clinic.MEMBERS[0])
    page.fill("[name=password]", clinic.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#counts")
    page.wait_for_load_state("load")


def _until_painted(page: Page, house: Installation, *, seconds: int) -> list[float]:
    """Milliseconds from a patient's Send to the words on the screen of somebody who watches the list."""
    count = seconds * TEXTS_A_SECOND
    sent: dict[int, float] = {}

    def send(place: int) -> None:
        sent[place] = time.time()
        number = clinic.phone_number(400 + place)
        text = {"from": number, "to": clinic.NUMBER, "body": f"live text number {place}."}
        carrier.post("/_control/texts", json=text).raise_for_status()

    with (
        httpx.Client(base_url=house.carrier_url) as carrier,
        ExitStack() as open_pages,
        ThreadPoolExecutor(8) as phones,
    ):
        staff = Staff(house.web_url, clinic.MEMBERS[1], clinic.PASSWORD)
        staff.sign_in()
        open_pages.callback(staff.close)
        for _ in range(STREAMS):
            open_pages.callback(footprint.open_stream(house, staff.cookie).close)
        page.evaluate(_WATCH_TEXTS)
        threading.Thread(target=_in_time, args=(phones, send, count), daemon=True).start()
        page.wait_for_function(f"() => window.seen[{count - 1}]", polling=200, timeout=(seconds + 60) * 1000)
        found = {int(number): at for number, at in page.evaluate("() => window.seen").items()}
    return [(at - sent[place]) * 1000 for place, at in found.items()]


def _in_time(phones: ThreadPoolExecutor, send: Callable[[int], None], count: int) -> None:
    began = time.monotonic()
    for place in range(count):
        time.sleep(max(0.0, began + place / TEXTS_A_SECOND - time.monotonic()))
        phones.submit(send, place)


def _key_times(page: Page, count: int) -> list[float]:
    page.locator("main ol a").first.click()
    page.wait_for_selector("a.row-link[aria-current=true]")
    took = []
    for _ in range(count):
        watched = page.evaluate_handle(f"() => ({{ change: ({_KEY_TO_CHANGE})() }})")
        page.keyboard.press("s")
        took.append(float(page.evaluate("watched => watched.change", watched)))
        page.wait_for_timeout(150)
    return took
