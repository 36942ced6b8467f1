"""Installed on a computer or a phone: what it keeps, what it shows without a network, and how it learns of a newer one."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests import builders
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk

DeskOf = Callable[..., Desk]
KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const answer = await cache.match(request);
      found.push([new URL(request.url).pathname, answer.headers.get("Content-Type"), await answer.text()]);
    }
  }
  return found;
}"""


def installed(desk: Desk) -> Desk:
    """The worker of the browser is there, and this page is under it."""
    desk.page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
    desk.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    return desk


def test_a_browser_would_install_it(desk_of: DeskOf) -> None:
    ana = installed(desk_of("ana", service_workers="allow"))

    asked = ana.context.new_cdp_session(ana.page)
    errors: Any = asked.send("Page.getInstallabilityErrors")
    manifest: Any = asked.send("Page.getAppManifest")

    # The windows of tests are private ones.
    assert {one["errorId"] for one in errors["installabilityErrors"]} <= {"in-incognito"}
    assert manifest["errors"] == []


def test_nothing_of_anybody_is_kept(clinic: Clinic, desk_of: DeskOf) -> None:
    clinic.text("Kept by nobody", from_number=builders.a_number())
    clinic.soon(lambda: clinic.task_of("Kept by nobody"))
    ana = installed(desk_of("ana", service_workers="allow"))
    ana.open("/inbox/unassigned").row("Kept by nobody").click()
    expect(ana.bubble("Kept by nobody")).to_be_visible()
    ana.page.reload()
    ana.open("/patients").open("/inbox/all")

    kept: Any = ana.page.evaluate(KEPT)

    pages = [path for path, kind, _ in kept if kind.startswith("text/html")]
    assert pages == ["/offline"]
    assert all(path.startswith("/static/") for path, _, _ in kept if path != "/offline")
    assert [path for path, _, words in kept if "Kept by nobody" in words or "Elm Street" in words] == []


def test_without_a_network_it_says_so_and_comes_back_by_itself(desk_of: DeskOf) -> None:
    ana = installed(desk_of("ana", service_workers="allow"))
    ana.context.set_offline(True)

    ana.open("/inbox/all")
    expect(ana.heading).to_have_text("No connection")
    expect(ana.page.get_by_role("link", name="Try again")).to_be_visible()

    ana.context.set_offline(False)
    expect(ana.heading).to_have_text("All pending")


def test_a_newer_version_is_offered_and_never_forced(desk_of: DeskOf) -> None:
    ana = desk_of("ana")
    ana.stay()
    ana.page.evaluate(
        "() => document.dispatchEvent(new CustomEvent('live:deploy', { detail: { version: 'newer' } }))"
    )

    offer = ana.toast("Updated.")
    expect(offer).to_be_visible()
    ana.has_stayed()
    offer.get_by_role("button", name="Reload").click()
    ana.page.wait_for_function("() => window.hasStayed === undefined")


def test_what_an_older_version_kept_goes(desk_of: DeskOf) -> None:
    ana = desk_of("ana", service_workers="allow")
    ana.page.evaluate("() => caches.open('triage-older').then(() => null)")

    ana.page.evaluate(
        "async () => { await (await navigator.serviceWorker.ready).unregister(); await caches.open('triage-older'); }"
    )
    installed(ana.open("/inbox/all"))

    ana.page.wait_for_function("async () => !(await caches.keys()).includes('triage-older')")
    assert len(ana.page.evaluate("() => caches.keys()")) == 1
