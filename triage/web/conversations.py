"""A conversation: replying, the thread, the patient beside it, and starting a new one."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from triage.domain import audit
from triage.domain.conversations import reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import begun, deciding, folders, replying, requesting, scope, transitions
from triage.domain.inbox.record import Number, numbers_of
from triage.domain.inbox.task import TaskEvent
from triage.domain.patients import directory, following
from triage.domain.practice.member import Member, hue_of, initials_of
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotAllowed, NotPossible
from triage.web import changed, filtering, inbox, once, opened, render
from triage.web.auth import current_member, needs
from triage.web.patients.care_team import SAID
from triage.web.render import Piece, Toast
from triage.web.selection import undoable

conversations = Blueprint("conversations", __name__)
VERSION = re.compile(r"[0-9]{1,9}")


class Found(NamedTuple):
    """A patient in the results of a search."""

    patient_id: UUID
    name: str
    note: str
    initials: str
    hue: int
    numbers: list[Number]


@conversations.post("/conversations/<uuid:conversation_id>/messages")
@needs(Privilege.MESSAGES)
def send(conversation_id: UUID) -> Response:
    """Queue a reply, and complete the task with `then=complete`. A refusal keeps the text."""
    member = current_member()
    try:
        with db.transaction() as session:
            conversation = scope.find_conversation(session, member, conversation_id, lock=True)
            sent = None if once.is_repeated(session, member) else _reply(session, member, conversation)
            now = changed.gather(session, member, conversation, task_id=_task_id())
    except (Invalid, NotAllowed, NotPossible) as refusal:
        return _keep_text(conversation_id, refusal)
    return changed.answer(now, _sent_toast(member, sent, now.about), composer={})


class Sent(NamedTuple):
    """What a form led to: a text that waits or leaves, and perhaps a task that was completed with it."""

    message_id: UUID
    completion: TaskEvent | None


def _reply(session: Session, member: Member, conversation: Conversation) -> Sent:
    message = replying.reply(
        session,
        conversation,
        request.form.get("body", ""),
        by=member,
        last_seen_message_id=_uuid(request.form.get("last_seen_message_id")),
        seen=_seen(),
        hold=replying.hold_of(member),
        about=opened.about_of_page(session, member, conversation),
    )
    once.led_to(session, member, message.id)
    task_id = _task_id()
    if request.form.get("then") != "complete" or task_id is None:
        return Sent(message.id, None)
    task = scope.find_task(session, member, task_id, lock=True)
    return Sent(message.id, transitions.complete(session, task, by=member))


def _seen() -> tuple[UUID, int] | None:
    """The task beside the composer, as the page showed it."""
    task_id, version = _uuid(request.form.get("task")), request.form.get("version", "")
    return (task_id, int(version)) if task_id and VERSION.fullmatch(version) else None


def _sent_toast(member: Member, sent: Sent | None, about: str) -> Toast | None:
    """It says what the bubble says: nothing has left yet. Undo is offered for as long as the text waits; one that leaves at once cannot be taken back, completing can."""
    if sent is None:
        return None if render.is_partial() else Toast("Queued")
    words = "Queued and completed" if sent.completion else "Queued"
    hold = replying.hold_of(member)
    if hold:
        undo_url = url_for("messages.withdraw", message_id=sent.message_id)
        return Toast(words, undo_url=undo_url, lasts_for=int(hold.total_seconds() * 1000), about=about)
    if sent.completion:
        return undoable(words, sent.completion, about=about)
    return None if render.is_partial() else Toast(words)


def _keep_text(conversation_id: UUID, refusal: Invalid | NotAllowed | NotPossible) -> Response:
    """The composer again, with text and reason; what was written since stands in the thread."""
    member = current_member()
    status = 409 if isinstance(refusal, NotPossible) else 403 if isinstance(refusal, NotAllowed) else 422
    with db.reading() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        shown = opened.look(session, member, conversation, task_id=_task_id())
        words = changed.words_of_page(session, member)
    values = {
        "words": words,
        "body": request.form.get("body", ""),
        "problem": {
            "text": refusal.sentence,
            "tone": "warn" if status == 409 else "danger",
            "can_send_anyway": status == 409 and shown.composer.is_enabled,
        },
    }
    asker = changed.asker()
    context = {**asker.around, **shown.context(), **values}
    if not render.is_partial():
        return render.page("conversations/kept.html", status, active=asker.slug.value, **context)
    target = render.in_conversation(conversation_id, "#thread")
    pieces = [
        changed.composer_piece(shown, context),
        Piece(target, "conversations/_thread.html", context),
    ]
    response = render.join(map(render.wrap, pieces))
    response.status_code = status
    return response


@conversations.post("/conversations/<uuid:conversation_id>/unread")
@needs(Privilege.MESSAGES)
def mark_unread(conversation_id: UUID) -> Response:
    member = current_member()
    with db.transaction() as session:
        conversation = scope.find_conversation(session, member, conversation_id, lock=True)
        if not scope.may_write_in(session, member, conversation):
            raise NotAllowed("Only somebody who has this task can do that.")
        reading.mark_unread(session, conversation, by=member, now=clock.now(session))
        session.flush()
        now = changed.gather(session, member, conversation, task_id=_task_id())
    return changed.answer(now, Toast("Marked unread", about=now.about))


@conversations.post("/conversations/<uuid:conversation_id>/opt-out")
@needs(Privilege.MESSAGES)
def opt_out(conversation_id: UUID) -> Response:
    """The patient asked, in whatever words, for no more texts."""
    return _decide(conversation_id, deciding.opt_out, "Opted out. This number gets no more texts.")


@conversations.post("/conversations/<uuid:conversation_id>/opt-in")
@needs(Privilege.MESSAGES)
def opt_in(conversation_id: UUID) -> Response:
    """The patient told a member that texts are welcome again."""
    return _decide(conversation_id, deciding.opt_in, "Opted in again. This number may be texted.")


@conversations.post("/conversations/<uuid:conversation_id>/verification")
@needs(Privilege.MESSAGES)
def ask_birth_date(conversation_id: UUID) -> Response:
    """Ask one of those who are reached here to confirm who they are, or ask once more."""

    def ask(session: Session, conversation: Conversation, *, by: Member) -> None:
        requesting.request(session, conversation, _needed(request.form.get("use_id")), by=by)

    return _decide(conversation_id, ask, "Asked for the birth date.")


@conversations.post("/conversations/<uuid:conversation_id>/opt-out/dismissal")
@needs(Privilege.MESSAGES)
def dismiss_opt_out(conversation_id: UUID) -> Response:
    """The texts that the page asked about meant something else."""
    dismiss = partial(deciding.dismiss, until=_uuid(request.form.get("until")))
    return _decide(conversation_id, dismiss, "Noted: not an opt-out.")


def _decide(conversation_id: UUID, deed: Callable[..., None], said: str) -> Response:
    member = current_member()
    with db.transaction() as session:
        conversation = scope.find_conversation(session, member, conversation_id, lock=True)
        if not once.is_repeated(session, member):
            deed(session, conversation, by=member)
        now = changed.gather(session, member, conversation, task_id=changed.asker().task_id)
    return changed.answer(now, Toast(said), composer={})


@conversations.get("/conversations/<uuid:conversation_id>/thread")
@needs(Privilege.MESSAGES, is_activity=False)
def thread(conversation_id: UUID) -> Response:
    """The thread, and what stands around it; with `before`, only the messages before that mark."""
    member = current_member()
    before = request.args.get("before")
    with db.reading() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        shown = opened.look(
            session,
            member,
            conversation,
            task_id=_uuid(request.args.get("task")),
            is_full="full" in request.args,
            before=before,
        )
        words = changed.words_of_page(session, member)
    context = {**changed.asker().around, **shown.context(), "words": words}
    if before:
        return render.fragment("conversations/_entries.html", **context)
    parts = [render_template("conversations/_thread.html", **context)]
    for target, template in (
        ("#conversation-head", "conversations/_header.html"),
        ("#banner", "conversations/_banner.html"),
        ("#composer", "conversations/_composer.html"),
    ):
        piece = Piece(render.in_conversation(conversation_id, target), template, context)
        parts.append(render.wrap(piece))
    return render.join(parts)


@conversations.get("/inbox/<folder>/c/<uuid:conversation_id>/window")
@needs(Privilege.MESSAGES)
def window(folder: str, conversation_id: UUID) -> Response:
    """The conversation alone, for a small window that stays while one moves through other pages (Instinct, B57)."""
    member = current_member()
    with db.transaction() as session:
        slug = folders.find_slug(member, folder)
        conversation = scope.find_conversation(session, member, conversation_id, lock=True)
        shown = opened.look(session, member, conversation, task_id=_uuid(request.args.get("task")))
        inbox.note_reading(session, member, conversation)
    context = {"folder": inbox.folder_entry(slug), "query": {}, **shown.context()}
    return render.page("conversations/window.html", **context)


@conversations.get("/conversations/<uuid:conversation_id>/panel")
@needs(Privilege.MESSAGES, is_activity=False)
def panel(conversation_id: UUID) -> Response:
    member = current_member()
    with db.reading() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        shown = opened.look(session, member, conversation)
    context = {**changed.asker().around, **shown.context()}
    return render.page_or_fragment("conversations/panel.html", "conversations/_panel_slot.html", **context)


@conversations.post("/conversations/<uuid:conversation_id>/following")
@needs(Privilege.ALL_MESSAGES)
def follow(conversation_id: UUID) -> Response:
    """Whether to be notified about the patient beside the conversation; `answer` is yes or no."""
    member, yes = current_member(), request.form.get("answer") == "yes"
    with db.transaction() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        patient = opened.patient_asked_about(session, member, conversation)
        if not once.is_repeated(session, member):
            following.answer(session, patient, yes=yes, by=member, now=clock.now(session))
        shown = opened.look(session, member, conversation, task_id=changed.asker().task_id)
    context = {**changed.asker().around, **shown.context()}
    beside = f'#page:has(#conversation[data-conversation="{conversation_id}"]) #panel-slot'
    piece = Piece(beside, "conversations/_panel_slot.html", context)
    return render.changed(piece, toast=Toast(SAID[yes]), back=render.back())


@conversations.get("/new-message")
@needs(Privilege.ALL_MESSAGES)
def find() -> Response:
    return _find_page({}, {}, None)


@conversations.post("/new-message", endpoint="search")
@needs(Privilege.ALL_MESSAGES)
def search() -> Response:
    """Find somebody to write to; what was looked for stands in no address."""
    member, words = current_member(), request.form.get("q", "").strip()
    if len(words) < 2:
        return _find_page({"q": words}, {"q": "Write at least two letters."}, None, 422)
    with db.transaction() as session:
        now = clock.now(session)
        wait = directory.wait_before_searching(session, member, now=now)
        if wait is None:
            found = [_found(session, member, one) for one in directory.search(session, member, words)]
            audit.record(session, member.practice_id, audit.Action.SEARCHED_PATIENTS, by=member.id, at=now)
    if wait is not None:
        minutes = max(1, round(wait.total_seconds() / 60))
        return _find_page({"q": words}, {"q": f"Too many searches. Wait {minutes} min."}, None, 429)
    return _find_page({"q": words}, {}, found)


@conversations.post("/conversations")
@needs(Privilege.ALL_MESSAGES)
def start() -> Response:
    member, form = current_member(), request.form
    with db.transaction() as session:
        conversation = replying.start(
            session,
            patient_id=_needed(form.get("patient_id")),
            phone_id=_needed(form.get("phone_id")),
            practice_number_id=_uuid(form.get("practice_number_id")),
            by=member,
        )
    patient_id = _needed(form.get("patient_id"))
    chosen = None if conversation.patient_id == patient_id else patient_id
    address = url_for("inbox.conversation", folder="all", conversation_id=conversation.id, patient=chosen)
    response: Response = redirect(address, 303)  # type: ignore[assignment]  # werkzeug names its own class
    return response


def _find_page(
    values: dict[str, str], errors: dict[str, str], results: list[Found] | None, status: int = 200
) -> Response:
    with db.reading() as session:
        numbers = filtering.number_choices(session, current_member())
        unsent = begun.listing(session, current_member())
    context: dict[str, Any] = {
        "values": values,
        "errors": errors,
        "results": results,
        "practice_numbers": numbers,
        "unsent": unsent,
    }
    return render.page("conversations/find.html", status, **context)


def _found(session: Session, member: Member, found: directory.Found) -> Found:
    patient = found.patient
    notes = [patient.species or "", *found.owners[:2], f"no. {patient.chart_number}"]
    return Found(
        patient_id=patient.id,
        name=patient.name,
        note=" · ".join(note for note in notes if note),
        initials=initials_of(patient.name),
        hue=hue_of(patient.id),
        numbers=[one for one in numbers_of(session, member, patient) if one.is_current],
    )


def _task_id() -> UUID | None:
    return _uuid(request.form.get("task")) or changed.asker().task_id


def _uuid(text: str | None) -> UUID | None:
    """An id of a form; anything else than an id is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _needed(text: str | None) -> UUID:
    found = _uuid(text)
    if found is None:
        raise Invalid("Choose somebody and a number first.")
    return found
