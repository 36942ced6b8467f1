"""Signing in and out, who is asking, and which privilege a route needs."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, current_app, g, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from markupsafe import Markup

from triage.config import settings
from triage.domain import audit
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db, metrics
from triage.kit.errors import NotAllowed
from triage.web import render

P = ParamSpec("P")
R = TypeVar("R")

auth = Blueprint("auth", __name__)
manager = LoginManager()

DEMO_SIGN_INS = [
    ("jo", "front desk, all messages"),
    ("dana", "nurse, all messages"),
    ("sato", "clinician, only assigned messages"),
    ("sam", "supervisor"),
    ("ada", "practice admin"),
    ("vera", "front desk of the veterinary practice"),
]
DEMO_PASSWORD = "triage-demo"


class SignedIn(UserMixin):  # type: ignore[misc]  # the library has no types
    """What Flask-Login carries: the session's token as id, and the member it belongs to."""

    def __init__(self, token: str, member: Member) -> None:
        self.token = token
        self.member = member

    def get_id(self) -> str:
        return self.token


@manager.user_loader
def _load(token: str) -> SignedIn | None:
    """Who is behind this token now: an ended, idle or expired session is nobody."""
    with db.statements() as session_:
        now = clock.now(session_)
        found = sign_in.member_of_session(session_, token, now=now, is_activity=_is_activity())
    g.now = now
    return SignedIn(token, found[0]) if found else None


def _is_activity() -> bool:
    """Only what a person does renews the idle time: polling, refetching and live streams do not."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "is_activity", True) and "X-Background" not in request.headers


def current_member() -> Member:
    """The member who is asking; only behind `needs`."""
    member: Member = current_user.member
    return member


def needs(privilege: Privilege, *, is_activity: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A route for signed-in members whose role holds `privilege`. `is_activity=False`: pages call it by themselves."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                return _ask_to_sign_in()  # type: ignore[return-value]  # a response, as every view returns
            member = current_member()
            g.time_zone = member.practice.time_zone
            if privilege not in (Privilege.SIGNED_IN,) and not member.may(privilege):
                raise NotAllowed("Your role does not allow this. A practice admin can change it.")
            return view(*args, **kwargs)

        guarded.privilege = privilege  # type: ignore[attr-defined]  # read by the rules tests
        guarded.is_activity = is_activity  # type: ignore[attr-defined]  # read before the view runs
        return guarded

    return wrap


def public(view: Callable[P, R]) -> Callable[P, R]:
    """A route for everybody."""
    view.privilege = None  # type: ignore[attr-defined]  # read by the rules tests
    return view


def _ask_to_sign_in() -> Response:
    if render.is_partial() or request.headers.get("Accept", "").startswith(
        ("application/json", "text/event")
    ):
        response = render.fragment("errors/_refused.html", 401, sentence=_session_ended())
        response.headers["X-Sign-In"] = url_for("auth.sign_in")
        return response
    come_back = request.full_path.rstrip("?") if request.method == "GET" else ""
    query = f"?{urlencode({'next': come_back})}" if come_back not in ("", "/") else ""
    return _plain(redirect(url_for("auth.sign_in") + query, 303))


def _session_ended() -> Markup:
    link = Markup('<a href="{}">Sign in</a>').format(url_for("auth.sign_in"))
    return Markup("You were signed out for safety. {} to continue.").format(link)


@auth.get("/sign-in")
@public
def sign_in_page() -> Response:
    if current_user.is_authenticated:
        return _plain(redirect(url_for("inbox.home"), 303))
    return _page({"next": request.args.get("next", "")}, {})


@auth.post("/sign-in", endpoint="sign_in")
@public
def sign_in_now() -> Response:
    login, password = request.form.get("login", ""), request.form.get("password", "")
    values = {"login": login, "next": request.form.get("next", "")}
    with db.transaction() as session_:
        now = clock.now(session_)
        wait = sign_in.wait_before_trying(session_, login, request.remote_addr or "", now=now)
    if wait is not None:
        metrics.SIGN_INS.labels("throttled").inc()
        minutes = max(1, round(wait.total_seconds() / 60))
        return _page(values, {"": f"Too many tries. Wait {minutes} min and try again."}, 429)
    with db.transaction() as session_:
        member = sign_in.check_password(session_, login, password)
        if member is not None:
            now = clock.now(session_)
            browser = request.headers.get("User-Agent", "")
            token = sign_in.start_session(session_, member, browser=browser, now=now)
            audit.record(
                session_,
                member.practice_id,
                audit.Action.SIGNED_IN,
                by=member.id,
                at=now,
                subject_id=member.id,
            )
    if member is None:
        metrics.SIGN_INS.labels("refused").inc()
        return _page(values, {"": "That login and password do not fit. Check both and try again."}, 422)
    metrics.SIGN_INS.labels("accepted").inc()
    session.clear()
    login_user(SignedIn(token, member))
    return _plain(redirect(render.local_path(values["next"] or "/"), 303))


@auth.post("/sign-out")
@needs(Privilege.SIGNED_IN)
def sign_out() -> Response:
    member = current_member()
    with db.transaction() as session_:
        now = clock.now(session_)
        sign_in.end_session(session_, current_user.token, now=now)
        audit.record(session_, member.practice_id, audit.Action.SIGNED_OUT, by=member.id, at=now)
    logout_user()
    session.clear()
    response = _plain(redirect(url_for("auth.sign_in"), 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _page(values: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    is_demo = settings().environment == "demo"
    return render.page(
        "auth/sign_in.html",
        status,
        values=values,
        errors=errors,
        demo_sign_ins=DEMO_SIGN_INS if is_demo else [],
        demo_password=DEMO_PASSWORD,
    )


def _plain(response: object) -> Response:
    made = current_app.make_response(response)  # type: ignore[arg-type]  # a werkzeug response
    made.headers["Cache-Control"] = "no-store"
    return made


def install(app: Flask) -> None:
    manager.init_app(app)
    app.register_blueprint(auth)
