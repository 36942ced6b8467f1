"""Answers as HTML: a whole page, the fragment a page is made of, or the pieces that an action changed."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, flash, get_flashed_messages, make_response, redirect, render_template, request
from markupsafe import Markup

# Below this a piece fits one packet either way.
SMALL = 1200

Swap = Literal["outerMorph", "innerMorph", "outerHTML", "innerHTML", "beforeend", "afterbegin", "delete"]


@dataclass(frozen=True)
class NavLink:
    """A line of the navigation that is not a folder."""

    slug: str
    name: str
    icon: str
    url: str
    is_external: bool = False


@dataclass(frozen=True)
class Shell:
    """What every signed-in page shows around its content; a context processor builds it as ``shell``."""

    practice_name: str
    practice_kind: str
    member: Any
    member_id: str
    login: str
    role_name: str
    counts: Any
    query: dict[str, str] = field(default_factory=dict)
    links: tuple[NavLink, ...] = ()
    commands_of: Callable[[], tuple[Any, ...]] = tuple
    theme: str = "system"
    density: str = "comfortable"
    has_single_keys: bool = True
    enter_sends: bool = False
    notify_sound: str = "mine"
    notify_popup: str = "mine"
    notify_tune: str = "chime"
    notify_verification: str = "mine"
    # "22:00-07:00" by the practice's clock; empty: never quiet.
    quiet: str = ""
    is_away: bool = False
    idle_minutes: int = 15
    lock_minutes: int = 0
    is_demo: bool = False
    may_find_patients: bool = False
    masks_birth_dates: bool = False
    reminders: NavLink | None = None

    @cached_property
    def commands(self) -> tuple[Any, ...]:
        """Everything that can be asked for by key or by name; made where a page names it."""
        return self.commands_of()

    @property
    def words(self) -> dict[str, str]:
        """How this kind of practice calls the person who texts."""
        if self.practice_kind == "veterinary":
            return {"patient": "client", "patients": "clients and patients"}
        return {"patient": "patient", "patients": "patients"}


@dataclass(frozen=True)
class Piece:
    """A fragment and the element on the page that it replaces; a page without that element ignores it."""

    target: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)
    swap: Swap = "outerMorph"


def in_conversation(conversation_id: UUID, target: str) -> str:
    """A part of this conversation's pane alone: whoever has moved on must not see it under another name."""
    return f'#conversation[data-conversation="{conversation_id}"] {target}'


@dataclass(frozen=True)
class Toast:
    """A line at the foot of the page: what happened, and the way to take it back.

    `lasts_for` is given where that way ends at a moment, in milliseconds from now: then it is there for exactly so
    long. `about` is whose task or conversation it is: on the page itself alone, for a redirect's notice is carried
    by a cookie. `task` is the task that Undo is about, in the version that it takes back.
    """

    text: str
    tone: Literal["neutral", "danger"] = "neutral"
    undo_url: str = ""
    version: int | None = None
    lasts_for: int = 0
    fields: dict[str, list[str]] = field(default_factory=dict)
    about: str = ""
    task: tuple[UUID, int] | None = None


def is_partial() -> bool:
    """Whether a piece of a page was asked for (by htmx), and not the page."""
    return request.headers.get("HX-Request-Type") == "partial"


def page(template: str, status: int = 200, **context: Any) -> Response:
    """A whole page, with the toasts that a redirect left behind."""
    return _html(render_template(template, toasts=flashed(), **context), status)


def fragment(template: str, status: int = 200, **context: Any) -> Response:
    """One fragment, the very file that its page includes."""
    return _html(render_template(template, **context), status)


def page_or_fragment(
    page_template: str, fragment_template: str, status: int = 200, **context: Any
) -> Response:
    """The fragment for a partial request, the page around it otherwise."""
    if is_partial():
        return fragment(fragment_template, status, **context)
    return page(page_template, status, **context)


def changed(
    *pieces: Piece,
    toast: Toast | None = None,
    back: str = "/",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer to an action: the changed pieces for htmx, a redirect to ``back`` for a plain form."""
    if not is_partial():
        if toast:
            flash_toast(toast)
        return _vary(make_response(redirect(local_path(back), 303)))
    parts = [wrap(piece) for piece in pieces]
    if toast:
        parts.append(_toast_piece(toast))
    response = _html("\n".join(parts), status)
    response.headers.update(headers or {})
    return response


def wrap(piece: Piece) -> str:
    """The fragment in an envelope that tells htmx where it goes."""
    body = Markup(render_template(piece.template, **piece.context))
    return str(
        Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(
            piece.target, piece.swap, body
        )
    )


def flash_toast(toast: Toast) -> None:
    """Keeps a toast for the next page that this browser asks for."""
    flash([toast.text, toast.tone, toast.undo_url, toast.version, toast.lasts_for], "toast")  # type: ignore[arg-type]  # any JSON will do


def flashed() -> list[Toast]:
    """The toasts that waited for a page."""
    return [Toast(*values) for values in get_flashed_messages(category_filter=["toast"])]


def local_path(address: str) -> str:
    """``address`` if it is a path of this site, else the start page: a form cannot send people elsewhere."""
    try:
        parts = urlsplit(address.replace("\\", "/"))
    except ValueError:
        return "/"
    is_local = not parts.scheme and not parts.netloc and parts.path.startswith("/") and address.isprintable()
    return address if is_local and not parts.path.startswith("//") else "/"


def back() -> str:
    """Where the submitted form wants to return to."""
    return local_path(request.form.get("back", "/"))


def join(fragments: Iterable[str]) -> Response:
    """Several rendered fragments in one answer."""
    return _html("\n".join(fragments), 200)


def compress(response: Response) -> Response:
    """Pages and pieces in a tenth of their size, for browsers that take it.

    A compressed secret can be guessed only by who makes a browser ask again and again with the session: the
    cookie is not sent with requests of other sites (SameSite), and their forms are refused.
    """
    is_page = response.mimetype == "text/html" and not response.is_streamed
    if not is_page or request.accept_encodings.quality("gzip") <= 0 or "Content-Encoding" in response.headers:
        return response
    response.vary.add("Accept-Encoding")
    if len(response.get_data()) > SMALL:
        response.set_data(gzip.compress(response.get_data(), 4))
        response.headers["Content-Encoding"] = "gzip"
    return response


def _toast_piece(toast: Toast) -> str:
    return wrap(Piece("#toasts", "components/_toast.html", {"toast": toast}, swap="beforeend"))


def _html(body: str, status: int) -> Response:
    response = make_response(body, status)
    response.headers["Cache-Control"] = "no-store"
    return _vary(response)


def _vary(response: Response) -> Response:
    response.vary.update(("HX-Request", "HX-Request-Type"))
    return response
