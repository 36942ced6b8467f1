"""Who else looks at a conversation, or writes in it, as far as the one who asks may see it."""

from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.orm import Session

from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import scope, transitions
from triage.domain.practice.member import Member, briefs
from triage.domain.practice.privileges import Privilege
from triage.kit import db, live
from triage.kit import presence as kept
from triage.web.auth import current_member, needs

presence = Blueprint("presence", __name__)

VIEWING, WRITING = "viewing", "writing"
Someone = dict[str, str | bool]


@presence.get("/presence", endpoint="everybody")
@needs(Privilege.MESSAGES, is_activity=False)
def everybody() -> Response:
    member = current_member()
    with db.statements() as session:
        return jsonify(conversations=_others(session, member))


@presence.post("/conversations/<uuid:conversation_id>/presence", endpoint="note")
@needs(Privilege.MESSAGES, is_activity=False)
def note(conversation_id: UUID) -> Response:
    """An open page says every 20 seconds that it is there; anything but `viewing` and `writing` means that it left."""
    member = current_member()
    with db.transaction() as session:
        conversation = scope.find_conversation(session, member, conversation_id)
        doing = _doing(session, member, conversation)
        if kept.note(member.practice_id, conversation.id, member.id, _window(), doing):
            live.announce(
                session,
                member.practice_id,
                "presence",
                to=_who_has(session, conversation),
                conversation=conversation.id,
            )
        others = _others(session, member) if doing else {}
    return jsonify(conversations=others)


def _doing(session: Session, member: Member, conversation: Conversation) -> str | None:
    doing = request.form.get("doing")
    if doing == WRITING and not scope.may_write_in(session, member, conversation):
        return VIEWING
    return doing if doing in (VIEWING, WRITING) else None


def _window() -> str:
    """One of a person's windows, by an id that it made itself."""
    try:
        return str(UUID(request.form.get("window", "")))
    except ValueError:
        return "one"


def _who_has(session: Session, conversation: Conversation) -> set[UUID]:
    task = scope.open_task_of(session, conversation.id)
    return set(transitions.assignees_of(session, task)) if task else set()


def _others(session: Session, member: Member) -> dict[str, list[Someone]]:
    """By conversation; of several windows of one person the one in which they write counts."""
    here = [one for one in kept.everybody(member.practice_id) if one.who != str(member.id)]
    if not here:
        return {}
    seen = scope.visible_conversations(member).where(
        Conversation.id.in_({UUID(one.place_id) for one in here})
    )
    visible = {str(id_) for id_ in session.scalars(seen.with_only_columns(Conversation.id))}
    names = briefs(session, member.practice_id, {UUID(one.who) for one in here})
    found: dict[str, dict[str, bool]] = {}
    for one in here:
        if one.place_id in visible and UUID(one.who) in names:
            people = found.setdefault(one.place_id, {})
            people[one.who] = people.get(one.who, False) or one.doing == WRITING
    return {
        place_id: [{"name": names[UUID(who)].name, "writes": writes} for who, writes in people.items()]
        for place_id, people in found.items()
    }
