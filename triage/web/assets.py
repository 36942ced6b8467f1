"""Static files, at addresses that carry a hash of them all, so that browsers may keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from flask import Flask, Response, abort, request
from lucide.jinja import lucide

VENDOR_FILES = ("vendor/htmx.min.js", "vendor/inter-latin.woff2", "vendor/inter-latin-ext.woff2")
STYLES = (
    "tokens",
    "base",
    "layout",
    "components",
    "inbox",
    "conversation",
    "patients",
    "settings",
    "auth",
    "demo",
    "contrast",
    "print",
)
# All of them as one file, beside them, so that what they point at is found.
STYLE_SHEET = "css/all.css"
SPRITE = "icons.svg"
ICONS = (
    "archive",
    "arrow-down-left",
    "arrow-left",
    "arrow-up-right",
    "ban",
    "bell",
    "bell-off",
    "bell-ring",
    "building-2",
    "calendar-check",
    "check",
    "check-check",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevrons-up",
    "circle-alert",
    "circle-check",
    "circle-question-mark",
    "circle-x",
    "clock",
    "clock-alert",
    "clock-check",
    "contact",
    "copy",
    "download",
    "ellipsis",
    "external-link",
    "eye",
    "file-text",
    "funnel",
    "heart-handshake",
    "history",
    "hourglass",
    "image",
    "inbox",
    "info",
    "key-round",
    "keyboard",
    "layout-dashboard",
    "link",
    "list-checks",
    "lock",
    "lock-open",
    "log-out",
    "mail",
    "menu",
    "merge",
    "message-square",
    "message-square-off",
    "minus",
    "monitor",
    "moon",
    "octagon-alert",
    "panel-left",
    "panel-right",
    "paperclip",
    "paw-print",
    "pencil",
    "phone",
    "picture-in-picture-2",
    "play",
    "plus",
    "printer",
    "refresh-cw",
    "rotate-ccw",
    "search",
    "send",
    "settings",
    "shield",
    "shield-alert",
    "shield-check",
    "smartphone",
    "sparkles",
    "square",
    "square-pen",
    "star",
    "sun",
    "trash-2",
    "triangle-alert",
    "undo-2",
    "upload",
    "user-check",
    "user-plus",
    "user-round",
    "user-x",
    "users",
    "waypoints",
    "wifi-off",
    "x",
    "zap",
)

COMMENT = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "no-cache"
IMPORTS = re.compile(r"""^import (?:[^"]+ from )?"\./([\w.-]+)";""", re.MULTILINE)
COMPRESSIBLE = ("text/", "image/svg+xml", "application/manifest+json", "application/json")


class MissingFrontEnd(RuntimeError):
    """A file that the build should have fetched is not there; the sentence names the command."""


@dataclass(frozen=True)
class File:
    content: bytes
    content_type: str


class Assets:
    """Every static file, read once, with one version for all: imports between modules keep working."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in VENDOR_FILES if not (folder / name).is_file()]
        if missing:
            raise MissingFrontEnd(
                f"{', '.join(missing)} not found in {folder}. Fetch the front-end files once with:"
                " python hatch_build.py"
            )
        self.files = {path.relative_to(folder).as_posix(): _read(path) for path in _shown(folder)}
        self.files[STYLE_SHEET] = File(style_sheet(folder), "text/css")
        self.files[SPRITE] = File(sprite(ICONS), "image/svg+xml")
        self.version = _version(self.files)

    def url(self, name: str) -> str:
        """The address of a file; an unknown name is a mistake in a template and raises KeyError."""
        if name not in self.files:
            raise KeyError(f"no static file named {name}")
        return f"/static/{self.version}/{name}"

    def modules(self) -> list[str]:
        """The JavaScript modules that every page starts with, for preloading them side by side.

        What a module imports only when it is needed is not among them.
        """
        found, waiting = set(), ["js/main.js"]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                source = self.files[name].content.decode()
                waiting += [f"js/{other}" for other in IMPORTS.findall(source)]
        return sorted(found)


def install(app: Flask, folder: Path) -> Assets:
    """Serves ``folder`` under /static/<version>/; create the app with ``static_folder=None``."""
    assets = Assets(folder)

    def file(version: str, name: str) -> Response:
        found = (Assets(folder) if app.debug else assets).files.get(name)
        if found is None:
            abort(404)
        return _answer(found, is_current=version == assets.version and not app.debug)

    app.extensions["assets"] = assets
    app.add_url_rule("/static/<version>/<path:name>", endpoint="static", view_func=file)
    return assets


def style_sheet(folder: Path) -> bytes:
    """The styles in their order: one request instead of ten, and without the comments that are meant for people."""
    parts = ((folder / "css" / f"{name}.css").read_text("utf-8") for name in STYLES)
    return COMMENT.sub("", "".join(parts)).encode()


def sprite(names: tuple[str, ...]) -> bytes:
    """One SVG with a symbol for each icon of the lucide package; strokes are set by ``.icon`` in CSS."""
    root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg"})
    for name in names:
        drawing = ElementTree.fromstring(str(lucide(name, size=None)))
        symbol = ElementTree.SubElement(root, "symbol", {"id": name, "viewBox": "0 0 24 24"})
        symbol.extend(list(drawing))
    return ElementTree.tostring(root)


def _shown(folder: Path) -> list[Path]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in paths if not path.name.startswith(".")]


def _read(path: Path) -> File:
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".js":
        content_type = "text/javascript"
    if path.suffix == ".woff2":
        content_type = "font/woff2"
    return File(path.read_bytes(), content_type)


def _version(files: dict[str, File]) -> str:
    everything = hashlib.sha256()
    for name in sorted(files):
        everything.update(name.encode() + b"\0" + hashlib.sha256(files[name].content).digest())
    return everything.hexdigest()[:12]


def _answer(file: File, *, is_current: bool) -> Response:
    response = Response(file.content, content_type=file.content_type)
    if file.content_type.startswith(COMPRESSIBLE):
        response.content_type = f"{file.content_type}; charset=utf-8"
        response.headers["Vary"] = "Accept-Encoding"
        if request.accept_encodings.quality("gzip") > 0:
            response.set_data(_gzipped(file.content))
            response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = FOR_EVER if is_current else BRIEFLY
    return response


@lru_cache(maxsize=128)
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
