"""The inbox pages: folders, rows, an open conversation."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit, wording
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import folders, rows, scope, searching
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Counts, Folder, Slug
from triage.domain.inbox.rows import Row
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound, NotPossible
from triage.web import filtering, opened, render, shell
from triage.web.auth import current_member, needs, now_of_request
from triage.web.render import Piece, Toast

inbox = Blueprint("inbox", __name__)
# What a page that was left open for a day may ask for at once.
MOST_ROWS = 500


class Page(NamedTuple):
    """One page of a folder; `total` is capped at a thousand."""

    rows: list[Row]
    next_cursor: str | None
    shown: int
    total: int


@inbox.get("/")
@needs(Privilege.SIGNED_IN)
def home() -> Response:
    """The first folder of the role; members without messages have their preferences."""
    slugs = folders.slugs_for(current_member())
    target = url_for("inbox.folder", folder=slugs[0].value) if slugs else url_for("settings.preferences")
    return _to(target)


@inbox.get("/inbox/<folder>")
@needs(Privilege.MESSAGES)
def folder(folder: str) -> Response:
    # Before the list takes a connection: who holds one and waits for another can wait for himself.
    counts = shell.counts_of_page()
    with db.statements() as session:
        context = listed(session, folders.find_slug(current_member(), folder), counts)
    return render.page("inbox/index.html", **context)


@inbox.get("/inbox/<folder>/filters")
@needs(Privilege.MESSAGES)
def choose_filters(folder: str) -> Response:
    """Everything that a list can be narrowed by, as a form."""
    member = current_member()
    with db.statements() as session:
        slug = folders.find_slug(member, folder)
        choices = {
            "facilities": filtering.facility_choices(session, member),
            "numbers": filtering.number_choices(session, member),
            "people": _people_to_choose(session, member, slug),
            "languages": list(wording.LANGUAGES.items()),
        }
    return render.page_or_fragment(
        "inbox/filters.html", "inbox/_filters.html", **_around(slug), choices=choices
    )


def _people_to_choose(session: Session, member: Member, slug: Slug) -> list[tuple[str, str]]:
    """Whom work is with is asked by those who see the work of others."""
    if member.messages is not Messages.ALL or not folders.asks_for_assignee(slug):
        return []
    return filtering.people_choices(session, member)


@inbox.post("/inbox/<folder>/search")
@needs(Privilege.MESSAGES)
def search(folder: str) -> Response:
    """Look for words in a folder: they are kept here, and the address gets an id that says nothing."""
    member = current_member()
    query: dict[str, Any] = filtering.of_page()
    if not request.form.get("q", "").strip():
        return _to(url_for("inbox.folder", folder=folder, **{**query, "search": None, "all": None}))
    try:
        with db.transaction() as session:
            slug = folders.find_slug(member, folder)
            begun = searching.begin(session, member, request.form.get("q", ""), now=clock.now(session))
            query = {**query, "search": begun.id, "all": None}
    except (Invalid, NotPossible) as refusal:
        if render.is_partial():
            raise
        render.flash_toast(Toast(refusal.sentence, tone="danger"))
    return _to(url_for("inbox.folder", folder=slug.value, **query))


@inbox.get("/inbox/<folder>/c/<uuid:conversation_id>")
@needs(Privilege.MESSAGES)
def conversation(folder: str, conversation_id: UUID) -> Response:
    """Opening marks as read; a page that fetches again by itself reads nothing for anybody."""
    member = current_member()
    with db.transaction() as session:
        slug = folders.find_slug(member, folder)
        found = scope.find_conversation(session, member, conversation_id, lock=True)
        shown = opened.look(
            session,
            member,
            found,
            task_id=_uuid(request.args.get("task")),
            is_full="full" in request.args,
            before=request.args.get("before"),
        )
        if request.method == "GET" and "X-Background" not in request.headers:
            note_reading(session, member, found)
        row = _row_of(session, member, shown.task.id) if shown.task else None
        narrowed = filtering.read(session, member, filtering.of_page())
        context = {**_around(slug), **shown.context(), "words": narrowed.words}
        if not render.is_partial():
            context |= listed(session, slug)
    if not render.is_partial():
        return render.page("inbox/index.html", **context)
    return _in_place(context, row)


@inbox.get("/inbox/<folder>/rows", endpoint="rows")
@needs(Privilege.MESSAGES, is_activity=False)
def rows_of_folder(folder: str) -> Response:
    """The list; `after` a mark its next rows, and with `only` the rows of these tasks, whether or not they are in it."""
    with db.statements() as session:
        slug = folders.find_slug(current_member(), folder)
        is_whole = not {"after", "only"} & request.args.keys()
        context = _some(session, slug, _ids()) if "only" in request.args else listed(session, slug)
    return render.fragment("inbox/_list.html" if is_whole else "inbox/_rows.html", **context)


@inbox.get("/inbox/<folder>/rows/<uuid:task_id>")
@needs(Privilege.MESSAGES, is_activity=False)
def row(folder: str, task_id: UUID) -> Response:
    """One row of a folder of tasks, with the reason when it no longer belongs there."""
    with db.statements() as session:
        listed = _some(session, folders.find_slug(current_member(), folder), [task_id])
    if not listed["page"].rows:
        raise NotFound("There is no such task.")
    return render.fragment("inbox/_rows.html", **listed)


def _some(session: Session, slug: Slug, task_ids: list[UUID]) -> dict[str, Any]:
    """The rows of these tasks as far as the member may see them, with the reason where one is not in the folder."""
    if slug in folders.OF_MESSAGES:
        raise NotFound("Rows of this folder are messages.")
    member = current_member()
    found = rows.task_rows(session, member, task_ids, now=now_of_request())
    narrowed = filtering.read(session, member, filtering.of_page())
    return {
        **_around(slug),
        "page": Page(found, None, len(found), len(found)),
        "reasons": whys_gone(session, member, slug, found, narrowed.filters),
        "words": narrowed.words,
    }


def _ids() -> list[UUID]:
    """The tasks of which a page has heard something new."""
    asked = [_uuid(one) for one in request.args["only"].split(",")[: folders.PAGE_SIZE]]
    return [one for one in asked if one]


@inbox.get("/inbox/counts")
@needs(Privilege.MESSAGES, is_activity=False)
def counts() -> Response:
    """The navigation's numbers, and the one above the list that asks."""
    active = request.args.get("active", "")
    fragments = [render_template("inbox/_counts.html", active=active)]
    if active:
        member = current_member()
        with db.statements() as session:
            slug = folders.find_slug(member, active)
            filters = filtering.read(session, member, filtering.of_page()).filters
            total = folders.size_of(session, member, slug, now=now_of_request(), filters=filters)
        fragments.append(render.wrap(Piece("#shown", "inbox/_shown.html", {"total": total})))
    return render.join(fragments)


def whys_gone(
    session: Session, member: Member, slug: Slug, shown: Sequence[Row], filters: Filters
) -> dict[UUID, str]:
    """Why rows that are still on the page no longer belong to their folder, by task; those that do are not in it."""
    now, ids = now_of_request(), [row.task_id for row in shown if row.task_id]
    here = folders.held(session, member, slug, ids, now=now, filters=filters)
    gone = [row for row in shown if row.task_id and row.task_id not in here]
    still = folders.held(session, member, slug, [row.task_id for row in gone], now=now) if gone else set()
    return {
        row.task_id: _outside_filters(row, filters) if row.task_id in still else _state_of(row)
        for row in gone
        if row.task_id
    }


def _outside_filters(row: Row, filters: Filters) -> str:
    return "Read" if filters.is_unread_only and not row.is_unread else "Does not match the filters"


def _state_of(row: Row) -> str:
    match row.state:
        case "completed" | "deleted":
            by = f" by {row.closed_by.name}" if row.closed_by else ""
            return f"{row.state.capitalize()}{by}"
        case "assigned" if row.is_mine and len(row.assignees) == 1:
            return "Assigned to you"
        case "assigned":
            return f"Assigned to {', '.join(brief.name for brief in row.assignees)}"
        case _:
            return "Back in the shared queue"


def folder_entry(slug: Slug) -> Folder:
    """The folder as its own page names it; the navigation counts."""
    return Folder(slug.value, *folders.NAMES[slug], None, False)


def listed(session: Session, slug: Slug, counts: Counts | None = None) -> dict[str, Any]:
    """A folder as its page shows it, with the filters of the address; `counts` where the navigation has been counted already."""
    member, now = current_member(), now_of_request()
    narrowed = filtering.read(session, member, filtering.of_page())
    listing = folders.listing(
        session,
        member,
        slug,
        now=now,
        filters=narrowed.filters,
        after=request.args.get("after"),
        size=_size(),
        total=_counted(counts, slug, narrowed.filters),
    )
    found = rows.rows_of(session, member, listing, now=now, sought=narrowed.filters.sought)
    return {
        **_around(slug),
        "page": Page(found, listing.next_cursor, len(found), listing.total),
        "facilities": filtering.facility_choices(session, member),
        "chips": filtering.chips(session, member, slug, narrowed),
        "words": narrowed.words,
        "has_ended": narrowed.has_ended,
        "is_new": not found and not narrowed.query and not folders.has_ever_had_one(session, member),
    }


def _counted(counts: Counts | None, slug: Slug, filters: Filters) -> int | None:
    """What the navigation says, which knows no filter but the location; None where it says nothing of this list."""
    if counts is None or filters != Filters(facility_id=filters.facility_id, sort=filters.sort):
        return None
    return next((one.count for one in counts.folders if one.slug == slug), None)


def _size() -> int:
    """As many rows as a page that fetches its list again has; a page of them otherwise."""
    asked = request.args.get("size", type=int) or 0
    return min(max(asked, folders.PAGE_SIZE), MOST_ROWS)


def _around(slug: Slug) -> dict[str, Any]:
    """What every piece of a folder's page needs to make its links."""
    return {
        "folder": folder_entry(slug),
        "active": slug.value,
        "query": filtering.of_page(),
        "may_write": current_member().messages is Messages.ALL,
    }


def _uuid(text: str | None) -> UUID | None:
    """Raises `NotFound` for an address that we did not make."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound("There is nothing at this address.") from None


def _row_of(session: Session, member: Member, task_id: UUID) -> Row | None:
    return next(iter(rows.task_rows(session, member, [task_id], now=now_of_request())), None)


def note_reading(session: Session, member: Member, conversation: Conversation) -> None:
    """Somebody looks at it: read for the team where they may answer, and in the audit trail in any case."""
    now = clock.now(session)
    if scope.may_write_in(session, member, conversation):
        reading.mark_read(session, conversation, by=member, now=now)
    audit.record(
        session,
        member.practice_id,
        audit.Action.READ_CONVERSATION,
        by=member.id,
        at=now,
        subject_id=conversation.id,
        patient_id=conversation.patient_id,
    )
    session.flush()


def _in_place(context: dict[str, Any], row: Row | None) -> Response:
    """The conversation pane, and beside it the patient and the row that is now read."""
    pieces = [Piece("#panel-slot", "conversations/_panel_slot.html", context)]
    if row is not None and context["folder"].slug not in folders.OF_MESSAGES:
        pieces.append(Piece(f"#t-{row.task_id}", "inbox/_row.html", {**context, "row": row}))
    pane = render_template("conversations/_conversation.html", **context)
    return render.join([pane, *map(render.wrap, pieces)])


def _to(address: str) -> Response:
    response: Response = redirect(address, 303)  # type: ignore[assignment]  # werkzeug names its own class
    response.headers["Cache-Control"] = "no-store"
    return response
