"""The product as an app of its own: manifest, service worker, and the page for when there is no network."""

import json

from flask import Blueprint, Response, current_app, url_for

from triage.web import render
from triage.web.assets import SPRITE, STYLE_SHEET, VENDOR_FILES, Assets
from triage.web.auth import public

installed = Blueprint("installed", __name__)

WORKER = "service-worker.js"
# What a page needs to look as it should; pictures of the app are for the system.
SHELL = (STYLE_SHEET, "js/", *VENDOR_FILES, SPRITE, "favicon")


@installed.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    assets = _assets()
    icons = [
        _icon(assets, "favicon.svg", "any", "image/svg+xml"),
        _icon(assets, "icons/app-192.png", "192x192", "image/png"),
        _icon(assets, "icons/app-512.png", "512x512", "image/png"),
        _icon(assets, "icons/maskable.svg", "any", "image/svg+xml", purpose="maskable"),
    ]
    said = {
        "id": "/",
        "name": "Triage",
        "short_name": "Triage",
        "description": "Texts of patients as tasks that somebody owns.",
        "lang": "en",
        "start_url": url_for("inbox.home"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#f2f4f7",
        "theme_color": "#2f5fd0",
        "icons": icons,
    }
    return Response(json.dumps(said), content_type="application/manifest+json")


@installed.get("/service-worker.js")
@public
def worker() -> Response:
    """At the root, since a worker may serve only what lies below it."""
    assets = _assets()
    shell = {
        "version": assets.version,
        "files": [assets.url(name) for name in sorted(assets.files) if name.startswith(SHELL)],
        "offline": url_for("installed.offline"),
    }
    script = f"self.SHELL = {json.dumps(shell)};\n".encode() + assets.files[WORKER].content
    return Response(script, content_type="text/javascript; charset=utf-8")


@installed.get("/offline")
@public
def offline() -> Response:
    """Kept by the browser: the same for everybody, without a word about anybody."""
    return render.page("errors/offline.html")


def _assets() -> Assets:
    assets: Assets = current_app.extensions["assets"]
    return assets


def _icon(assets: Assets, name: str, sizes: str, kind: str, *, purpose: str = "any") -> dict[str, str]:
    return {"src": assets.url(name), "sizes": sizes, "type": kind, "purpose": purpose}
