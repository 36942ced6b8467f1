"""Which Chromium the tests of pages drive; as a script it prints the path, and fails when there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It asks nobody on the network for anything, and needs no rights of its own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_chromium() -> str | None:
    """The one TRIAGE_CHROMIUM names, else one on the PATH, else Playwright's own; None when none runs."""
    return next((path for path in _candidates() if _runs(path)), None)


def _candidates() -> Iterator[str]:
    named = os.environ.get("TRIAGE_CHROMIUM")
    if named:
        yield named
        return
    yield from filter(None, map(shutil.which, NAMES))
    yield str(MAC)
    yield from _of_playwright()


def _of_playwright() -> Iterator[str]:
    # Here, because starting Playwright takes longer than finding a browser on the PATH.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def _runs(path: str) -> bool:
    """Some systems ship a stub of that name that only prints where to get the browser."""
    try:
        return (
            subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def launched() -> "Iterator[Browser]":
    """A browser without a window; two of these at once in one process do not work."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        browser.close()


if __name__ == "__main__":
    found = find_chromium()
    print(found or "no Chromium was found")
    sys.exit(found is None)
