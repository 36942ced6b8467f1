"""A member says whether a text asked for no more texts; every page that shows the question hears the answer."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.conversations import asking_out
from triage.domain.conversations.asking_out import Decision
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import scope, transitions
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member
from triage.kit.errors import NotAllowed


def decide(session: Session, conversation: Conversation, decision: Decision, *, by: Member) -> None:
    """Raises `NotAllowed`, and `NotPossible` where somebody has decided meanwhile."""
    if not scope.may_write_in(session, by, conversation):
        raise NotAllowed("Only somebody who has this task can do that.")
    phone = session.scalars(select(Phone).where(Phone.id == conversation.phone_id).with_for_update()).one()
    if decision is Decision.OPTED_OUT:
        asking_out.opt_out(session, phone, by=by)
    else:
        asking_out.dismiss(session, phone, by=by)
    session.flush()
    task = scope.open_task_of(session, conversation.id)
    if task is not None:
        transitions.announce(session, task, set(transitions.assignees_of(session, task)))
