"""What an action changes on the page that asked: header, row, thread, composer, counts, and a toast."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from flask import Response, request
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import folders, rows, scope
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.rows import Row
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import NotFound
from triage.web import filtering, inbox, opened, render, shell
from triage.web.auth import current_member
from triage.web.opened import Opened
from triage.web.render import Piece, Toast


class Asker(NamedTuple):
    """The page behind a request: its folder, its filters, and the conversation that is open in it."""

    slug: Slug
    query: dict[str, str]
    conversation_id: UUID | None
    task_id: UUID | None
    is_full: bool

    @property
    def around(self) -> dict[str, Any]:
        may_write = current_member().messages is Messages.ALL
        return {"folder": inbox.folder_entry(self.slug), "query": self.query, "may_write": may_write}


class Changed(NamedTuple):
    """Gathered inside the transaction, drawn after it; `reasons` are those of rows that left their folder."""

    asker: Asker
    shown: Opened | None
    rows: list[Row]
    reasons: dict[UUID, str]
    words: str

    @property
    def about(self) -> str:
        """Whose one row, or open conversation, it is."""
        names = {row.name for row in self.rows} or ({self.shown.conversation.title} if self.shown else set())
        return names.pop() if len(names) == 1 else ""

    def names(self, task_ids: Iterable[UUID]) -> list[str]:
        """Whose rows these are, as the page shows them."""
        names = {row.task_id: row.name for row in self.rows}
        return [names[task_id] for task_id in task_ids if task_id in names]


def asker() -> Asker:
    """By the browser's address, or by the form's `back`; a folder of the role in any case."""
    member = current_member()
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL") or render.back())
        steps = parts.path.strip("/").split("/")
        slug = folders.find_slug(member, steps[1] if steps[0] == "inbox" and len(steps) > 1 else "")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        is_open = len(steps) > 3 and steps[2] == "c"
        conversation_id = UUID(steps[3]) if is_open else None
        task_id = UUID(query["task"]) if is_open and "task" in query else None
    except (NotFound, ValueError):
        return Asker(folders.slugs_for(member)[0], {}, None, None, False)
    return Asker(slug, filtering.query_of(query), conversation_id, task_id, "full" in query)


def words_of_page(session: Session, member: Member) -> str:
    """What the asking page looks for."""
    return filtering.read(session, member, asker().query).words


def gather(
    session: Session, member: Member, conversation: Conversation, *, task_id: UUID | None = None
) -> Changed:
    """What the asking page shows of this conversation, as it is now."""
    page = asker()
    shown = None
    if page.conversation_id == conversation.id:
        shown = opened.look(session, member, conversation, task_id=task_id, is_full=page.is_full)
        task_id = task_id or (shown.task.id if shown.task else None)
    return _with_rows(session, member, page, shown, [task_id] if task_id else [])


def nothing() -> Changed:
    """Of a form that came again: the page has had its answer."""
    return Changed(asker(), None, [], {}, "")


def gather_task(session: Session, member: Member, task_id: UUID) -> Changed:
    """The same, by the task."""
    task = scope.find_task(session, member, task_id)
    conversation = scope.find_conversation(session, member, task.conversation_id)
    return gather(session, member, conversation, task_id=task_id)


def gather_tasks(session: Session, member: Member, task_ids: Sequence[UUID]) -> Changed:
    """The rows of several tasks, and the open conversation where one of them is its own."""
    page = asker()
    shown = None
    if page.conversation_id and page.task_id in task_ids:
        conversation = scope.find_conversation(session, member, page.conversation_id)
        shown = opened.look(session, member, conversation, task_id=page.task_id, is_full=page.is_full)
    return _with_rows(session, member, page, shown, task_ids)


def _with_rows(
    session: Session, member: Member, page: Asker, shown: Opened | None, task_ids: Sequence[UUID]
) -> Changed:
    narrowed = filtering.read(session, member, page.query)
    found: list[Row] = []
    reasons: dict[UUID, str] = {}
    if task_ids and page.slug not in folders.OF_MESSAGES:
        found = rows.task_rows(session, member, task_ids, now=clock.now(session))
        reasons = inbox.whys_gone(session, member, page.slug, found, narrowed.filters)
    return Changed(page, shown, found, reasons, narrowed.words)


def answer(
    changed: Changed,
    toast: Toast | None = None,
    *,
    composer: dict[str, Any] | None = None,
    around: bool = False,
    status: int = 200,
) -> Response:
    """The pieces for htmx, a redirect for a plain form. `composer` draws the composer anew, `around` who it is."""
    if not render.is_partial():
        return render.changed(toast=toast, back=render.back())
    shell.forget()
    pieces = _pieces(changed)
    if composer is not None and changed.shown is not None:
        context = {**changed.asker.around, **changed.shown.context(), **composer}
        pieces.insert(0, composer_piece(changed.shown, context))
    if around and changed.shown is not None:
        pieces += _who_pieces(changed.shown, {**changed.asker.around, **changed.shown.context()})
    return render.changed(*pieces, toast=toast, status=status)


def _who_pieces(shown: Opened, context: dict[str, Any]) -> list[Piece]:
    """Of whom the conversation is: its heading, and the patient beside it."""
    head = render.in_conversation(shown.conversation.id, "#conversation-head")
    panel = "conversations/_panel_slot.html"
    return [Piece(head, "conversations/_header.html", context), Piece("#panel-slot", panel, context)]


def answer_with_list(listed: dict[str, Any], toast: Toast | None) -> Response:
    """The page's whole list in place of single rows, after a deed to many."""
    if not render.is_partial():
        return render.changed(toast=toast, back=render.back())
    shell.forget()
    total = {
        "total": listed["page"].total,
        "shown": listed["page"].shown,
        "is_cut": listed["page"].next_cursor,
    }
    return render.changed(
        Piece("#counts", "inbox/_counts.html", {"active": listed["active"]}),
        Piece("#list", "inbox/_list.html", listed),
        Piece("#shown", "inbox/_shown.html", total),
        toast=toast,
    )


def composer_piece(shown: Opened, context: dict[str, Any]) -> Piece:
    """The composer anew, where the conversation is still the one on the page."""
    target = render.in_conversation(shown.conversation.id, "#composer")
    return Piece(target, "conversations/_composer.html", context, swap="outerHTML")


def _pieces(changed: Changed) -> list[Piece]:
    around = changed.asker.around
    pieces = [Piece("#counts", "inbox/_counts.html", {"active": changed.asker.slug.value})]
    shown = changed.shown
    for row in changed.rows:
        context = {
            **around,
            "row": row,
            "reason": changed.reasons.get(row.task_id) if row.task_id else None,
            "words": changed.words,
            "task": shown.task if shown else None,
        }
        pieces.append(Piece(f"#t-{row.task_id}", "inbox/_row.html", context))
    if shown is not None:
        context = {**around, **shown.context(), "words": changed.words}
        thread = render.in_conversation(shown.conversation.id, "#thread")
        pieces.append(Piece(thread, "conversations/_thread.html", context))
        banner = render.in_conversation(shown.conversation.id, "#banner")
        pieces.append(Piece(banner, "conversations/_banner.html", context))
        if shown.task:
            pieces.append(Piece(f"#task-{shown.task.id}", "inbox/_task.html", context))
    return pieces
