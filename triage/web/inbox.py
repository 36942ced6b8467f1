"""The inbox pages: folders, rows, an open conversation."""

from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import folders, rows, scope
from triage.domain.inbox.folders import Filters, Folder, Slug, Sort
from triage.domain.inbox.rows import Row
from triage.domain.practice.member import Member
from triage.domain.practice.practice import facilities_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db
from triage.kit.errors import NotFound
from triage.web import opened, render
from triage.web.auth import current_member, needs
from triage.web.render import Piece

inbox = Blueprint("inbox", __name__)


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
    with db.statements() as session:
        listed = _listed(session, folders.find_slug(current_member(), folder))
    return render.page("inbox/index.html", **listed)


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
        context = {**_around(slug), **shown.context()}
        if not render.is_partial():
            context |= _listed(session, slug)
    if not render.is_partial():
        return render.page("inbox/index.html", **context)
    return _in_place(context, row)


@inbox.get("/inbox/<folder>/rows", endpoint="rows")
@needs(Privilege.MESSAGES, is_activity=False)
def rows_of_folder(folder: str) -> Response:
    with db.statements() as session:
        listed = _listed(session, folders.find_slug(current_member(), folder))
    return render.fragment("inbox/_rows.html" if "after" in request.args else "inbox/_list.html", **listed)


@inbox.get("/inbox/<folder>/rows/<uuid:task_id>")
@needs(Privilege.MESSAGES, is_activity=False)
def row(folder: str, task_id: UUID) -> Response:
    """One row of a folder of tasks, with the reason when it no longer belongs there."""
    member = current_member()
    with db.statements() as session:
        slug = folders.find_slug(member, folder)
        if slug in folders.OF_MESSAGES:
            raise NotFound("Rows of this folder are messages.")
        found = _row_of(session, member, task_id)
        if found is None:
            raise NotFound("There is no such task.")
        is_here = folders.holds(session, member, slug, task_id, now=clock.now(session))
    return render.fragment(
        "inbox/_row.html", row=found, reason=None if is_here else reason_of(found), **_around(slug)
    )


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
            total = folders.size_of(session, member, slug, now=clock.now(session), filters=_filters())
        fragments.append(render.wrap(Piece("#shown", "inbox/_shown.html", {"total": total})))
    return render.join(fragments)


def reason_of(row: Row) -> str:
    """Why a row that is still on the page no longer belongs to its folder."""
    match row.state:
        case "completed" | "deleted":
            by = f" by {row.closed_by.name}" if row.closed_by else ""
            return f"{row.state.capitalize()}{by}"
        case "assigned":
            return f"Assigned to {', '.join(brief.name for brief in row.assignees)}"
        case _:
            return "Back in the shared queue"


def folder_entry(slug: Slug) -> Folder:
    """The folder as its own page names it; the navigation counts."""
    return Folder(slug.value, *folders.NAMES[slug], None, False)


def _listed(session: Session, slug: Slug) -> dict[str, Any]:
    member, now = current_member(), clock.now(session)
    listing = folders.listing(
        session, member, slug, now=now, filters=_filters(), after=request.args.get("after")
    )
    found = rows.rows_of(session, member, listing, now=now)
    return {
        **_around(slug),
        "page": Page(found, listing.next_cursor, len(found), listing.total),
        "facilities": [(str(one.id), one.name) for one in facilities_of(session, member.practice_id)],
    }


def _around(slug: Slug) -> dict[str, Any]:
    """What every piece of a folder's page needs to make its links."""
    return {
        "folder": folder_entry(slug),
        "active": slug.value,
        "query": _query(),
        "may_write": current_member().messages is Messages.ALL,
    }


def _query() -> dict[str, str]:
    """The filters of the address, for links that keep them."""
    return {name: request.args[name] for name in ("loc", "sort", "unread") if request.args.get(name)}


def _filters() -> Filters:
    sort = request.args.get("sort")
    return Filters(
        facility_id=_uuid(request.args.get("loc")),
        is_unread_only="unread" in request.args,
        sort=Sort(sort) if sort in set(Sort) else None,
    )


def _uuid(text: str | None) -> UUID | None:
    """Raises `NotFound` for an address that we did not make."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound("There is nothing at this address.") from None


def _row_of(session: Session, member: Member, task_id: UUID) -> Row | None:
    return next(iter(rows.task_rows(session, member, [task_id], now=clock.now(session))), None)


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
