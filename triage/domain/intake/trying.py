"""What would become of a text now: intake's own facts and its own decision, and nothing written."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from triage.domain.inbox import explaining
from triage.domain.inbox.assignment import Settings
from triage.domain.inbox.explaining import RuleTried
from triage.domain.inbox.task import Move
from triage.domain.intake import gather
from triage.domain.intake.decide import decide
from triage.domain.intake.ledger import Leased
from triage.domain.patients.phones import identities
from triage.domain.practice.member import briefs
from triage.kit import db

# No keyword; the rules do not read what is written.
ANY_WORDS = "Good morning"


class Trial(NamedTuple):
    """`joins` an open task or opens one; `tried` is empty where no rule was asked, because a person had decided.

    `names` are the people who would have the task, its owner first; empty where it would wait for anybody.
    `patient_ids` are all whose number it is.
    """

    patient_ids: frozenset[UUID]
    joins: bool
    names: tuple[str, ...]
    rule: str | None
    tried: list[RuleTried]


def try_text(
    session: Session,
    practice_id: UUID,
    *,
    from_number: str,
    to_number: str,
    now: datetime,
    rules: Settings | None = None,
) -> Trial:
    """`rules` in place of the practice's own, to try them before they are saved. Raises `NotFound`."""
    text = Leased(db.new_id(), practice_id, from_number, to_number, ANY_WORDS, [], None, now, now)
    facts = gather.look_ahead(session, text, rules)
    step = decide(facts).steps[-1]
    stored = [one.as_json() for one in step.decision.tried] if step.decision else []
    ids = {UUID(one["member"]) for rule in stored for one in rule["candidates"]} | set(step.assignees)
    names = {id_: brief.name for id_, brief in briefs(session, practice_id, ids).items()}
    phone_id, patient_id = facts.conversation_of[text.id].phone_id, facts.conversation_of[text.id].patient_id
    holders = {person.patient_id for person in identities(session, {phone_id})[phone_id].people}
    return Trial(
        patient_ids=frozenset(holders | ({patient_id} if patient_id else set())),
        joins=step.move is Move.JOINED,
        names=tuple(names.get(id_, "Somebody") for id_ in step.assignees),
        rule=explaining.RULE_NAMES[step.decision.rule] if step.decision and step.decision.rule else None,
        tried=explaining.in_words(stored, names),
    )
