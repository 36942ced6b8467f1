"""What can be done with a task: assign, complete, delete, reopen, undo, and asking why."""

import re
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from sqlalchemy.orm import Session

from triage.domain.inbox import bulk, explaining, scope, transitions
from triage.domain.inbox.task import Task, TaskEvent
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.kit.errors import Invalid
from triage.web import changed, once, opened, render
from triage.web.auth import current_member, needs
from triage.web.changed import Changed
from triage.web.render import Toast
from triage.web.selection import MOST_DRAWN, colleagues, list_after, toast_of, undoable

tasks = Blueprint("tasks", __name__)
Verb = Callable[..., TaskEvent]
VERSION = re.compile(r"[0-9]{1,9}")


@tasks.post("/tasks/<uuid:task_id>/assignees")
@needs(Privilege.MESSAGES)
def assign(task_id: UUID) -> Response:
    member = current_member()
    chosen = [_uuid(value) for value in request.form.getlist("member_ids")]
    with db.transaction() as session:
        event = None
        if not once.is_repeated(session, member):
            task = scope.find_task(session, member, task_id, lock=True)
            event = transitions.assign(session, task, chosen, by=member, expected_version=_version())
        now = changed.gather_task(session, member, task_id)
        view = opened.task_view(session, member, scope.find_task(session, member, task_id))
    return changed.answer(now, _toast(now, event, f"Assigned to {_names(view, member)}"))


@tasks.post("/tasks/<uuid:task_id>/assignees/none")
@needs(Privilege.MESSAGES)
def unassign(task_id: UUID) -> Response:
    return _move(task_id, transitions.unassign, "Back in the shared queue")


@tasks.post("/tasks/<uuid:task_id>/claim")
@needs(Privilege.MESSAGES)
def claim(task_id: UUID) -> Response:
    return _move(task_id, _assign_to_self, "Assigned to you")


@tasks.post("/tasks/<uuid:task_id>/release")
@needs(Privilege.MESSAGES)
def release(task_id: UUID) -> Response:
    """Not mine any more; whoever else has it keeps it."""
    return _move(task_id, transitions.let_go, "No longer yours")


@tasks.post("/tasks/<uuid:task_id>/completion")
@needs(Privilege.MESSAGES)
def complete(task_id: UUID) -> Response:
    return _move(task_id, transitions.complete, "Completed")


@tasks.post("/tasks/<uuid:task_id>/deletion")
@needs(Privilege.MESSAGES)
def delete(task_id: UUID) -> Response:
    return _move(task_id, transitions.delete, "Deleted")


@tasks.post("/tasks/<uuid:task_id>/reopening")
@needs(Privilege.MESSAGES)
def reopen(task_id: UUID) -> Response:
    return _move(task_id, transitions.reopen, "Reopened")


@tasks.post("/task-events/<uuid:event_id>/undo")
@needs(Privilege.MESSAGES)
def undo(event_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        outcome = bulk.undo(session, event_id, by=member)
        if len(outcome.done) > MOST_DRAWN:
            now, listed = list_after(session, member, outcome)
        else:
            now, listed = changed.gather_tasks(session, member, [*outcome.done, *outcome.left]), {}
    toast = toast_of(now, outcome, "Undone", "undone")
    return changed.answer_with_list(listed, toast) if listed else changed.answer(now, toast)


@tasks.get("/tasks/<uuid:task_id>/assignees")
@needs(Privilege.ALL_MESSAGES)
def choose_assignees(task_id: UUID) -> Response:
    member = current_member()
    with db.reading() as session:
        task = scope.find_task(session, member, task_id)
        view = opened.task_view(session, member, task)
        people = colleagues(session, member, task)
        back = _page_of(task)
    return render.page_or_fragment(
        "inbox/assign.html",
        "inbox/_assign.html",
        tasks=[(view.id, view.version)],
        assignees=view.assignees,
        members=people,
        member_id=member.id,
        back=back,
        assign_url=url_for("tasks.assign", task_id=task_id),
        unassign_url=url_for("tasks.unassign", task_id=task_id),
    )


@tasks.get("/tasks/<uuid:task_id>/why")
@needs(Privilege.MESSAGES)
def why(task_id: UUID) -> Response:
    with db.reading() as session:
        task = scope.find_task(session, current_member(), task_id)
        explanation = explaining.explain(session, task)
        back = _page_of(task)
    return render.page_or_fragment(
        "inbox/why.html", "inbox/_why.html", explanation=explanation, task_id=task_id, back=back
    )


def _assign_to_self(session: Session, task: Task, *, by: Member, expected_version: int | None) -> TaskEvent:
    return transitions.assign(session, task, [by.id], by=by, expected_version=expected_version)


def _move(task_id: UUID, move: Verb, sentence: str) -> Response:
    """One verb on one task, once, and what changed by it."""
    member = current_member()
    with db.transaction() as session:
        event = None
        if not once.is_repeated(session, member):
            task = scope.find_task(session, member, task_id, lock=True)
            event = move(session, task, by=member, expected_version=_version())
        now = changed.gather_task(session, member, task_id)
    return changed.answer(now, _toast(now, event, sentence))


def _toast(now: Changed, event: TaskEvent | None, sentence: str) -> Toast | None:
    return undoable(sentence, event, about=now.about) if event else None


def _version() -> int | None:
    text = request.form.get("version", "")
    return int(text) if VERSION.fullmatch(text) else None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(member_ids="Choose somebody from the list.") from None


def _names(view: opened.TaskView, member: Member) -> str:
    return ", ".join("you" if one.id == member.id else one.name for one in view.assignees)


def _page_of(task: Task) -> str:
    asker = changed.asker()
    return url_for(
        "inbox.conversation", folder=asker.slug.value, conversation_id=task.conversation_id, task=task.id
    )
