"""What somebody at a screen notices: a text that appears, a key that acts, in a real browser."""

import statistics
import time

from playwright.sync_api import Page, sync_playwright

from bench import clinic
from bench.figures import Report, Target
from bench.history import Size
from bench.house import at_work
from bench.installation import Installation
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


def measure(report: Report) -> None:
    count = 15 if report.is_quick else 60
    with (
        at_work(Size(patients=500, tasks=2_000, open_tasks=40)) as house,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=QUIET)
        page = browser.new_page()
        transferred: list[int] = []
        page.on("response", lambda answer: transferred.append(int(answer.headers.get("content-length") or 0)))
        _sign_in(page, house)
        report.add("first_load_kb", sum(transferred) / 1000, "KB", Target(at_most=150))
        page.goto(f"{house.web_url}/inbox/all?sort=newest")
        seen = [_until_painted(page, house, place) for place in range(count)]
        report.add("live_latency_p50_ms", statistics.median(seen), "ms")
        report.add(
            "live_latency_p95_ms", sorted(seen)[int(count * 0.95)], "ms", Target(at_most=400), "one at a time"
        )
        report.add("row_action_ms", _key_times(page, count), "ms", Target(at_most=100), "star by its key")
        browser.close()


def _sign_in(page: Page, house: Installation) -> None:
    page.goto(f"{house.web_url}/sign-in")
    page.fill("[name=login]", clinic.MEMBERS[0])
    page.fill("[name=password]", clinic.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#counts")
    page.wait_for_load_state("load")


def _until_painted(page: Page, house: Installation, place: int) -> float:
    """Milliseconds from the patient's Send to the words on the screen of somebody who watches the list."""
    body = f"live text number {place}"
    began = time.perf_counter()
    house.text(body, from_number=clinic.phone_number(400 + place), to_number=clinic.NUMBER)
    page.wait_for_function("words => document.body.textContent.includes(words)", arg=body, polling=10)
    return (time.perf_counter() - began) * 1000


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
