"""What the address of a folder asks for beside the folder: its filters as rules, and as chips to take off."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import folders, reach, searching
from triage.domain.inbox.filters import Filters, Sort
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.searching import LOOKS_BACK, Sought
from triage.domain.practice.member import Member, members_of
from triage.domain.wording import LANGUAGES
from triage.kit import clock
from triage.kit.errors import Invalid, NotFound
from triage.web import filters as words
from triage.web import render

# They stay in the address while one goes from folder to folder.
KEPT = ("loc", "who", "number", "lang", "media", "unread", "since", "until", "search", "all", "sort")
YES = "1"


class Chip(NamedTuple):
    """One filter that is on; `url` is the same list without it."""

    name: str
    label: str
    url: str


class Narrowed(NamedTuple):
    """`words` is what is looked for, `has_ended` says that the address names a search that is gone."""

    query: dict[str, str]
    filters: Filters
    words: str
    has_ended: bool


def query_of(given: Mapping[str, str]) -> dict[str, str]:
    """What links to other folders keep of an address."""
    return {name: given[name] for name in KEPT if given.get(name)}


def of_page() -> dict[str, str]:
    """The filters of the page that is being made, or of the one that asks for a piece or sends a form."""
    if request.method == "GET" and request.path.startswith("/inbox/"):
        return query_of(request.args)
    return of_address(request.headers.get("HX-Current-URL") or render.back())


def of_address(address: str) -> dict[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return {}
    if not parts.path.startswith("/inbox/"):
        return {}
    return query_of({name: values[0] for name, values in parse_qs(parts.query).items()})


def location_of_page() -> UUID | None:
    """Where the numbers of the navigation are counted; None for everywhere."""
    try:
        return _uuid(of_page().get("loc"))
    except NotFound:
        return None


def patient_of_page() -> UUID | None:
    """Whom the address of an open conversation names: one of several that a number reaches."""
    try:
        asked = urlsplit(request.headers.get("HX-Current-URL") or render.back()).query
        given = request.args.get("patient") or parse_qs(asked).get("patient", [""])[0]
        return _uuid(given)
    except (NotFound, ValueError):
        return None


def read(session: Session, member: Member, query: dict[str, str]) -> Narrowed:
    """Raises `NotFound` and `Invalid` for an address that no page gave out."""
    search_id = _uuid(query.get("search"))
    looked_for = searching.words_of(session, member, search_id) if search_id else None
    since = clock.now(session) - LOOKS_BACK if looked_for and not query.get("all") else None
    sort = query.get("sort")
    filters = Filters(
        facility_id=_uuid(query.get("loc")),
        assignee_id=_uuid(query.get("who")),
        practice_number_id=_uuid(query.get("number")),
        language=query.get("lang"),
        has_media="media" in query,
        is_unread_only="unread" in query,
        since=_begin_of(member, query.get("since")),
        until=_begin_of(member, query.get("until"), days_later=1),
        sought=Sought(looked_for, since) if looked_for else None,
        sort=Sort(sort) if sort in set(Sort) else None,
    )
    return Narrowed(query, filters, looked_for or "", search_id is not None and looked_for is None)


def chips(session: Session, member: Member, slug: Slug, narrowed: Narrowed) -> list[Chip]:
    """What is on, in words, each with the way to switch it off."""
    query, filters = narrowed.query, narrowed.filters
    labels: dict[str, str | None] = {
        "search": f"“{narrowed.words}”" if narrowed.words else None,
        "loc": _named(facility_choices, session, member, query.get("loc"), "Another location"),
        "who": _who(session, member, slug, filters.assignee_id),
        "number": _named(number_choices, session, member, query.get("number"), "Another number"),
        "lang": LANGUAGES.get(filters.language, filters.language) if filters.language else None,
        "media": "With photo" if filters.has_media else None,
        "unread": "Unread" if filters.is_unread_only else None,
        "since": f"From {words.short_date(filters.since)}" if filters.since else None,
        "until": f"Until {words.short_date(filters.until - timedelta(days=1))}" if filters.until else None,
    }
    return [Chip(name, label, without(slug, query, name)) for name, label in labels.items() if label]


def without(slug: Slug, query: dict[str, str], name: str) -> str:
    """The same list without one of its filters."""
    gone = {name, "all"} if name == "search" else {name}
    left: dict[str, Any] = {key: query[key] for key in query if key not in gone}
    return url_for("inbox.folder", folder=slug.value, **left)


def facility_choices(session: Session, member: Member) -> list[tuple[str, str]]:
    return [(str(one.id), one.name) for one in reach.facilities_for(session, member)]


def number_choices(session: Session, member: Member) -> list[tuple[str, str]]:
    return [(str(one.id), one.label) for one in reach.numbers_for(session, member)]


def people_choices(session: Session, member: Member) -> list[tuple[str, str]]:
    """Colleagues that work may be with, oneself first."""
    people = [one for one in members_of(session, member.practice_id) if one.is_active]
    people.sort(key=lambda one: one.id != member.id)
    return [(str(one.id), f"{one.name} (you)" if one.id == member.id else one.name) for one in people]


def _who(session: Session, member: Member, slug: Slug, assignee_id: UUID | None) -> str | None:
    if assignee_id is None or not folders.asks_for_assignee(slug):
        return None
    if assignee_id == member.id:
        return "Assigned to me"
    return f"Assigned to {_named(people_choices, session, member, str(assignee_id), 'somebody else')}"


def _named(
    choices: Callable[[Session, Member], list[tuple[str, str]]],
    session: Session,
    member: Member,
    value: str | None,
    otherwise: str,
) -> str | None:
    if not value:
        return None
    return next((label for key, label in choices(session, member) if key == value), otherwise)


def _begin_of(member: Member, text: str | None, *, days_later: int = 0) -> datetime | None:
    """The first moment of a day, where the practice is."""
    if not text:
        return None
    try:
        on = date.fromisoformat(text) + timedelta(days=days_later)
    except (ValueError, OverflowError):
        raise Invalid("Write days as 2026-11-25.") from None
    return datetime.combine(on, time(), ZoneInfo(member.practice.time_zone))


def _uuid(text: str | None) -> UUID | None:
    """Raises `NotFound` for an address that we did not make."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound("There is nothing at this address.") from None
