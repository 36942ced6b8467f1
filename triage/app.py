"""The web application: the only place where all parts of it meet."""

import time
import uuid

import structlog
from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from triage import web
from triage.config import Settings
from triage.config import settings as settings_of_process
from triage.kit import logs, metrics
from triage.kit.paths import TEMPLATES

log = logs.logger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """An application on `settings`, or on the environment's. Raises `MissingFrontEnd` before the first build."""
    settings = settings or settings_of_process()
    app = Flask("triage", template_folder=str(TEMPLATES), static_folder=None)
    keys = settings.secret_keys
    app.config.update(
        SECRET_KEY=keys[0],
        SECRET_KEY_FALLBACKS=keys[1:],
        SESSION_COOKIE_NAME="__Host-triage" if settings.is_https else f"triage_{settings.port}",
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        MAX_CONTENT_LENGTH=1024 * 1024,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # as Flask says
    app.session_interface = _Sessions()
    _watch_requests(app)
    web.install(app, settings)
    return app


class _Sessions(SecureCookieSessionInterface):
    """Flask's own; a request without a cookie, as the carrier's all are, has nothing to be verified."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def _watch_requests(app: Flask) -> None:
    """One log line and one measurement for a request, by route template: an address can hold a secret."""

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        g.started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        route = request.url_rule.rule if request.url_rule else "none"
        response.headers["X-Request-Id"] = g.get("request_id", "")
        metrics.REQUESTS.labels(route, request.method, response.status_code).observe(seconds)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            ms=round(seconds * 1000, 1),
        )
        return response
