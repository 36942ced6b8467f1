"""What can be done with several rows at once, or with all of a view: one request, one notice, one way back."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import bulk, folders, rows, scope
from triage.domain.inbox.bulk import Chosen, Outcome, View
from triage.domain.inbox.task import Task, TaskEvent
from triage.domain.practice.member import Brief, Member, load_member, members_of
from triage.domain.practice.privileges import Messages, Privilege
from triage.kit import clock, db, secrets
from triage.kit.errors import Invalid, NotPossible
from triage.web import changed, filtering, inbox, once, render
from triage.web.auth import current_member, needs
from triage.web.changed import Changed
from triage.web.render import Toast

selection = Blueprint("selection", __name__)

# A task, and the version of it that the page shows.
CHOSEN = re.compile(r"([0-9a-fA-F-]{36})(?::([0-9]{1,9}))?")
# When a view was looked at, and what had been committed by then.
SEEN = re.compile(r"(\S{1,40}) (\d{1,20}:\d{1,20}:[\d,]{0,4000})")
Deed = Callable[..., Outcome]
# A view has more rows than anybody waits for; of fewer, each is drawn again where it stands.
MOST_DRAWN = 200
MOST_NAMED = 5


@selection.get("/selection/view/<folder>")
@needs(Privilege.ALL_MESSAGES)
def choose_view(folder: str) -> Response:
    """All that the asking page's view holds is chosen, as it is at this moment."""
    member = current_member()
    with db.reading() as session:
        snapshot = bulk.snapshot_of(session)
        view, of = _view(session, member, folder, clock.now(session), snapshot)
        total = bulk.size_of(session, member, view.slug, view.filters)
    return render.fragment(
        "inbox/_chosen_view.html", view=view, of=of, total=total, is_bounded=total == bulk.MOST
    )


@selection.get("/selection/assignees")
@needs(Privilege.ALL_MESSAGES)
def choose_assignees() -> Response:
    """Who shall have the chosen tasks."""
    member, chosen = current_member(), _tasks(request.args.getlist("tasks"))
    with db.reading() as session:
        people = colleagues(session, member)
    return render.page_or_fragment(
        "inbox/assign.html",
        "inbox/_assign.html",
        tasks=list(chosen.items()),
        assignees=(),
        members=people,
        member_id=member.id,
        back=render.local_path(request.args.get("back", "/")),
        assign_url=url_for("selection.assign"),
        unassign_url="",
    )


@selection.post("/selection/assignees")
@needs(Privilege.ALL_MESSAGES)
def assign() -> Response:
    wanted = [_uuid(value) for value in request.form.getlist("member_ids")]

    def give(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
        return bulk.assign(session, chosen, wanted, by=by)

    return _move(give, "Assigned", "assigned")


@selection.post("/selection/claim")
@needs(Privilege.ALL_MESSAGES)
def claim() -> Response:
    def take(session: Session, chosen: Chosen, *, by: Member) -> Outcome:
        return bulk.assign(session, chosen, [by.id], by=by)

    return _move(take, "Assigned to you", "assigned to you")


@selection.post("/selection/completion")
@needs(Privilege.ALL_MESSAGES)
def complete() -> Response:
    return _move(bulk.complete, "Completed", "completed")


@selection.post("/selection/deletion")
@needs(Privilege.ALL_MESSAGES)
def delete() -> Response:
    return _move(bulk.delete, "Deleted", "deleted")


@selection.post("/selection/reopening")
@needs(Privilege.ALL_MESSAGES)
def reopen() -> Response:
    return _move(bulk.reopen, "Reopened", "reopened")


@selection.post("/selection/star")
@needs(Privilege.ALL_MESSAGES)
def star() -> Response:
    return _mark(bulk.star, "Starred", "selection.unstar")


@selection.post("/selection/unstar")
@needs(Privilege.ALL_MESSAGES)
def unstar() -> Response:
    return _mark(bulk.unstar, "Stars removed")


@selection.post("/selection/unread")
@needs(Privilege.ALL_MESSAGES)
def mark_unread() -> Response:
    return _mark(bulk.mark_unread, "Marked unread", "selection.mark_read")


@selection.post("/selection/read")
@needs(Privilege.ALL_MESSAGES)
def mark_read() -> Response:
    return _mark(bulk.mark_read, "Marked read")


def toast_of(now: Changed, outcome: Outcome, alone: str, together: str) -> Toast:
    """What was done, and by name what was left; a redirect's notice, which a cookie carries, names nobody."""
    count, left = len(outcome.done), outcome.left
    undo_url = url_for("tasks.undo", event_id=outcome.event_id) if outcome.event_id else ""
    said = alone if count == 1 else f"{count:,} {together}"
    if not left:
        return Toast(said, undo_url=undo_url, about=now.about if count == 1 else "")
    names = now.names(left) if render.is_partial() else []
    who = ", ".join(names) if 0 < len(left) <= MOST_NAMED and names else f"{len(left):,} of them"
    why = next(iter(left.values()))
    rest = f"Left as it was: {who}. {why}" if len(left) == 1 else f"Left as they were: {who}. {why}"
    return Toast(f"{said}. {rest}" if count else rest, "neutral" if count else "danger", undo_url)


def undoable(sentence: str, event: TaskEvent, *, about: str) -> Toast:
    """A move of one task, and the way back for as long as nothing else happens to it."""
    undo_url = url_for("tasks.undo", event_id=event.id)
    return Toast(sentence, undo_url=undo_url, about=about, task=(event.task_id, event.version))


def colleagues(session: Session, member: Member, task: Task | None = None) -> list[tuple[Brief, str, bool]]:
    """Each with what to know before choosing them, and whether they can have this task, or any; oneself first."""
    people = [one for one in members_of(session, member.practice_id) if one.is_active]
    people.sort(key=lambda one: one.id != member.id)
    return [(one.brief, *_choice(session, one, task)) for one in people]


def _choice(session: Session, person: Member, task: Task | None) -> tuple[str, bool]:
    if person.role.messages is Messages.NONE:
        return "Cannot read messages", False
    with_walls = load_member(session, person.id)
    if task is not None and (with_walls is None or not scope.can_be_given(session, with_walls, task)):
        return "Cannot see this task", False
    if person.password_hash is None:
        return "Invited, not here yet", False
    return "Away" if person.is_away else "", True


def _move(deed: Deed, alone: str, together: str) -> Response:
    """Where a view was chosen its list comes anew; else each row stays where it is and says what happened."""
    member = current_member()
    with db.transaction() as session:
        chosen = _chosen(session, member)
        is_new = not once.is_repeated(session, member)
        outcome = deed(session, chosen, by=member) if is_new else Outcome([], {})
        now, listed = _page_after(session, member, chosen, outcome)
    toast = toast_of(now, outcome, alone, together) if is_new else None
    return changed.answer_with_list(listed, toast) if listed else changed.answer(now, toast)


def _mark(deed: Deed, said: str, back_by: str = "") -> Response:
    """`back_by` names the address that takes it back from those that it changed."""
    member = current_member()
    with db.transaction() as session:
        chosen = _chosen(session, member)
        is_new = not once.is_repeated(session, member)
        outcome = deed(session, chosen, by=member) if is_new else Outcome([], {})
        now, listed = _page_after(session, member, chosen, outcome)
    toast = Toast(said)
    if back_by and outcome.done and render.is_partial():
        toast = Toast(said, undo_url=url_for(back_by), fields={"tasks": [str(one) for one in outcome.done]})
    return changed.answer_with_list(listed, toast) if listed else changed.answer(now, toast)


def _page_after(
    session: Session, member: Member, chosen: Chosen, outcome: Outcome
) -> tuple[Changed, dict[str, Any]]:
    """What the asking page shows now: the rows that were chosen or, of a view and of many, its list."""
    if not isinstance(chosen, View) and len(chosen) <= MOST_DRAWN:
        return changed.gather_tasks(session, member, list(chosen)), {}
    return list_after(session, member, outcome)


def list_after(session: Session, member: Member, outcome: Outcome) -> tuple[Changed, dict[str, Any]]:
    """The list of the asking page, and as many of the tasks that were left as a notice names."""
    session.flush()
    page = changed.asker()
    left = rows.task_rows(session, member, list(outcome.left)[:MOST_NAMED], now=clock.now(session))
    return Changed(page, None, left, {}, ""), inbox.listed(session, page.slug)


def _chosen(session: Session, member: Member) -> Chosen:
    """The tasks that the form names, or the view that it was sent from."""
    form = request.form
    if "view" not in form:
        return _tasks(form.getlist("tasks"))
    found = SEEN.fullmatch(form.get("seen", ""))
    try:
        seen_at = datetime.fromisoformat(found[1] if found else "")
    except ValueError:
        raise Invalid("Choose the view again.") from None
    if found is None or seen_at.tzinfo is None:
        raise Invalid("Choose the view again.")
    view, of = _view(session, member, form["view"], seen_at, found[2])
    if of != form.get("of"):
        raise NotPossible("This view has changed. Look at it again.")
    return view


def _view(
    session: Session, member: Member, folder: str, seen_at: datetime, snapshot: str
) -> tuple[View, str]:
    """The page's folder with the filters of its address, which hold an id in place of words; and what tells it from
    every other view.

    Raises `NotPossible` where the page now shows something else than it did.
    """
    slug, page = folders.find_slug(member, folder), changed.asker()
    narrowed = filtering.read(session, member, page.query)
    if page.slug is not slug or narrowed.has_ended:
        raise NotPossible("This view has changed. Look at it again.")
    of = secrets.digest(repr((slug.value, sorted(narrowed.query.items()))))[:16]
    return View(slug, narrowed.filters, seen_at, snapshot), of


def _tasks(given: Sequence[str]) -> dict[UUID, int | None]:
    """Raises `Invalid` when nothing was chosen, or something that no page offers."""
    found = [CHOSEN.fullmatch(one) for one in given]
    if not found:
        raise Invalid("Choose at least one row.")
    return {_uuid(one[1] if one else ""): int(one[2]) if one and one[2] else None for one in found}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("Choose something from the list.") from None
