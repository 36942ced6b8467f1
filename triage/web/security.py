"""What every answer carries, and which requests are refused before a view sees them."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Response, current_app, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect

from triage.config import Settings

View = TypeVar("View", bound=Callable[..., object])

csrf = CSRFProtect()

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self';"
    " connect-src 'self'; frame-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'"
)

# No browser shows these as a document: what is said about documents would be repeated forty times for nothing.
OF_A_PAGE = {"text/css", "text/javascript", "font/woff2"}
HEADERS_OF_PART = {"X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"}


class CrossSite(CSRFError):  # type: ignore[misc]  # the library has no types
    """A form of another site, by the browser's own word."""

    description = "This form came from another site."


def takes_up_to(size: int) -> Callable[[View], View]:
    """A view that takes more bytes than others, from members alone who may use it."""

    def mark(view: View) -> View:
        view.takes_up_to = size  # type: ignore[attr-defined]  # read before the request is
        return view

    return mark


def install(app: Flask, settings: Settings) -> None:
    # Before anybody reads the form, which the check of its token does.
    app.before_request(_take_large_files)
    csrf.init_app(app)
    framed_by = "'self'" if settings.simulator_url else "'none'"
    page_policy = f"{POLICY}; frame-ancestors {framed_by}"
    demo_policy = page_policy.replace("frame-src 'self'", f"frame-src 'self' {settings.simulator_url}")
    # The small window is a page inside our own pages, and inside nobody else's.
    window_policy = f"{POLICY}; frame-ancestors 'self'"
    always = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "SAMEORIGIN" if settings.simulator_url else "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ]
    if settings.is_https:
        always.append(("Strict-Transport-Security", "max-age=31536000; includeSubDomains"))

    of_part = [one for one in always if one[0] in HEADERS_OF_PART]

    @app.before_request
    def refuse_other_sites() -> None:
        is_safe = request.method in ("GET", "HEAD", "OPTIONS")
        if not is_safe and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
            raise CrossSite

    @app.before_request
    def refuse_to_be_fetched_ahead() -> Response | None:
        """Looking is noted, and marks as read: a page that nobody asked to see is not given away."""
        if "prefetch" not in request.headers.get("Sec-Purpose", "") or request.endpoint == "static":
            return None
        return Response(status=503)

    @app.after_request
    def add_headers(response: Response) -> Response:
        if request.endpoint == "static" and response.mimetype in OF_A_PAGE:
            response.headers.extend(of_part)
            return response
        own = {"demo.show": demo_policy, "conversations.window": window_policy}
        response.headers.extend(always)
        if request.endpoint == "conversations.window":
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers.add("Content-Security-Policy", own.get(request.endpoint or "", page_policy))
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _take_large_files() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    size = getattr(view, "takes_up_to", None)
    privilege = getattr(view, "privilege", None)
    if size and privilege and current_user.is_authenticated and current_user.member.may(privilege):
        request.max_content_length = size
