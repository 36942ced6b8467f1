"""The product as an app: what a browser needs to install it, and what it may keep."""

import json
import re

from tests.web.conftest import Browser
from triage.kit.paths import STATIC
from triage.web.assets import Assets


def _shell(script: str) -> dict[str, object]:
    found = re.match(r"self\.SHELL = (\{.*\});\n", script)
    assert found
    shell: dict[str, object] = json.loads(found[1])
    return shell


def test_the_manifest_names_the_product_and_nobody(stranger: Browser) -> None:
    answer = stranger.get("/manifest.webmanifest")

    said = json.loads(answer.text)
    assert answer.mimetype == "application/manifest+json"
    assert (said["name"], said["display"], said["scope"]) == ("Triage", "standalone", "/")
    assert stranger.get(said["start_url"]).status_code == 303
    assert [stranger.get(icon["src"]).mimetype for icon in said["icons"]] == [
        icon["type"] for icon in said["icons"]
    ]


def test_the_worker_stands_at_the_root_and_is_asked_for_every_time(stranger: Browser) -> None:
    answer = stranger.get("/service-worker.js")

    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_worker_keeps_files_by_their_content_and_one_page(stranger: Browser) -> None:
    shell = _shell(stranger.get("/service-worker.js").text)

    version = Assets(STATIC).version
    files = shell["files"]
    assert isinstance(files, list)
    assert (shell["version"], shell["offline"]) == (version, "/offline")
    assert all(name.startswith(f"/static/{version}/") for name in files)
    assert f"/static/{version}/js/offline.js" in files


def test_the_page_without_network_is_the_same_for_everybody(stranger: Browser, ana: Browser) -> None:
    for_nobody, for_ana = stranger.get("/offline"), ana.get("/offline")

    assert for_nobody.text == for_ana.text
    assert "csrf" not in for_nobody.text
    assert Assets(STATIC).url("css/all.css") in for_nobody.text
    assert "Set-Cookie" not in for_nobody.headers


def test_a_page_that_polls_hears_which_version_pages_have_now(ana: Browser) -> None:
    answer = ana.get("/live/since?after=")

    assert json.loads(answer.text)["version"] == Assets(STATIC).version
