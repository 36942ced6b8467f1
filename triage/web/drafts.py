"""Keeping what somebody has begun to write, and finding it again."""

from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from triage.domain.conversations import drafts as kept
from triage.domain.conversations.drafts import Saved
from triage.domain.inbox import begun, scope
from triage.domain.practice.privileges import Privilege
from triage.kit import db
from triage.web import once, render
from triage.web.auth import current_member, needs
from triage.web.render import Toast

drafts = Blueprint("drafts", __name__)


@drafts.get("/conversations/<uuid:conversation_id>/draft")
@needs(Privilege.MESSAGES, is_activity=False)
def draft(conversation_id: UUID) -> Response:
    """One's own words, for a page that shows older ones."""
    member = current_member()
    with db.reading() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        found = kept.draft_of(session, member, conversation.id)
    return jsonify(body=found.body if found else "", version=found.version if found else 0)


@drafts.post("/conversations/<uuid:conversation_id>/draft", endpoint="save")
@needs(Privilege.MESSAGES)
def save_draft(conversation_id: UUID) -> Response:
    """Pages send it by themselves, `quietly`; the button of the form does where no script runs.

    The conversation is locked as sending locks it: words that were sent meanwhile are not kept again.
    """
    member = current_member()
    with db.transaction() as session:
        conversation = scope.find_conversation(session, member, conversation_id, lock=True)
        body = request.form.get("body", "")
        # The answer to sending may have been lost: what was written after it is new all the same.
        if once.was_received(session, member) and begun.has_left(session, conversation, body, by=member):
            saved = Saved(0, None)
        else:
            saved = begun.save(session, conversation, body, by=member, based_on=_version())
    if "quietly" in request.form:
        return jsonify(version=saved.version, replaced=saved.replaced)
    return render.changed(toast=Toast("Draft saved"), back=render.back())


def _version() -> int:
    """Of the draft that the page knew; 0 for none."""
    given = request.form.get("draft_version", "")
    return int(given) if given.isdecimal() and len(given) < 9 else 0
