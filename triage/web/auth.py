"""Who is asking, which privilege a route needs, and what stands between a member and the page."""

from collections.abc import Callable, Collection
from datetime import datetime
from enum import Enum, auto
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask_login import LoginManager, UserMixin, current_user
from markupsafe import Markup

from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Privilege
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock, db
from triage.kit.errors import NotAllowed
from triage.web import render

P = ParamSpec("P")
R = TypeVar("R")

manager = LoginManager()


class Gate(Enum):
    """What can stand between a signed-in member and a page."""

    SECOND_FACTOR = auto()
    LOCK = auto()


class SignedIn(UserMixin):  # type: ignore[misc]  # the library has no types
    """What Flask-Login carries: the session's token as id, the session, and the member it belongs to."""

    def __init__(self, token: str, member: Member, session: MemberSession | None = None) -> None:
        self.token = token
        self.member = member
        self.session = session

    def get_id(self) -> str:
        return self.token


@manager.user_loader
def _load(token: str) -> SignedIn | None:
    """Who is behind this token now: an ended, idle or expired session is nobody."""
    with db.statements() as session:
        now = clock.now(session)
        found = sign_in.member_of_session(session, token, now=now, is_activity=_is_activity())
    g.now = now
    return SignedIn(token, *found) if found else None


def _is_activity() -> bool:
    """Only what a person does renews the idle time: polling, refetching and live streams do not."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "is_activity", True) and "X-Background" not in request.headers


def current_member() -> Member:
    """The member who is asking; only behind `needs`."""
    member: Member = current_user.member
    return member


def current_session() -> MemberSession:
    """The session of the browser that is asking; only behind `needs`."""
    session: MemberSession = current_user.session
    return session


def is_locked() -> bool:
    """Whether the page is to stay hidden; only for somebody who is signed in."""
    return current_session().is_locked(current_member().practice.lock_minutes, now_of_request())


def now_of_request() -> datetime:
    """The moment at which the session was looked at; only behind `needs`."""
    now: datetime = g.now
    return now


def needs(
    privilege: Privilege, *, is_activity: bool = True, passes: Collection[Gate] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A route for signed-in members whose role holds `privilege`.

    `is_activity=False`: pages call it by themselves. `passes` names gates that it stands before.
    """

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if not current_user.is_authenticated:
                return ask_to_sign_in()  # type: ignore[return-value]  # a response, as every view returns
            member = current_member()
            g.time_zone = member.practice.time_zone
            if Gate.LOCK not in passes and is_locked():
                return _ask_to_unlock()  # type: ignore[return-value]  # a response
            if Gate.SECOND_FACTOR not in passes and member.must_add_second_factor:
                return _ask_for_second_factor()  # type: ignore[return-value]  # a response
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


def plain(response: object) -> Response:
    """A redirect or the like, which no browser may keep."""
    made = current_app.make_response(response)  # type: ignore[arg-type]  # a werkzeug response
    made.headers["Cache-Control"] = "no-store"
    return made


def to_page(endpoint: str, *, come_back: bool = True) -> Response:
    """Another page first; from there back to the one that was asked for, where looking changes nothing."""
    wanted = request.full_path.rstrip("?") if request.method == "GET" and come_back else ""
    query = f"?{urlencode({'next': wanted})}" if wanted not in ("", "/") else ""
    return plain(redirect(url_for(endpoint) + query, 303))


def is_for_a_part() -> bool:
    """Whether a script asked: it cannot follow people to another page."""
    accepted = request.headers.get("Accept", "")
    is_background = "X-Background" in request.headers
    return is_background or render.is_partial() or accepted.startswith(("application/json", "text/event"))


def ask_to_sign_in() -> Response:
    """To the first step; a part of a page is told so in words."""
    if is_for_a_part():
        response = render.fragment("errors/_refused.html", 401, sentence=_session_ended())
        response.headers["X-Sign-In"] = url_for("auth.sign_in")
        return response
    return to_page("auth.sign_in", come_back=not request.path.startswith(url_for("auth.sign_in")))


def _session_ended() -> Markup:
    link = Markup('<a href="{}">Sign in</a>').format(url_for("auth.sign_in"))
    return Markup("You were signed out for safety. {} to continue.").format(link)


def _ask_to_unlock() -> Response:
    if is_for_a_part():
        link = Markup('<a href="{}">Unlock</a>').format(url_for("auth.locked"))
        return render.fragment(
            "errors/_refused.html", 423, sentence=Markup("This is locked. {} to continue.").format(link)
        )
    return to_page("auth.locked")


def _ask_for_second_factor() -> Response:
    if is_for_a_part():
        link = Markup('<a href="{}">Add one</a>').format(url_for("settings.second_factor"))
        sentence = Markup("Your practice asks for a second factor. {} to continue.").format(link)
        return render.fragment("errors/_refused.html", 403, sentence=sentence)
    return to_page("settings.second_factor", come_back=False)


def install(app: Flask) -> None:
    manager.init_app(app)
