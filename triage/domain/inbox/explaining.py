"""Why me? The stored reasons of an assignment, put into words for a member."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.domain.inbox.task import AssignmentExplanation, Task, TaskEvent
from triage.domain.practice.member import briefs

RULE_NAMES = {"last_sender": "Last sender", "care_team": "Care team"}


class RuleTried(NamedTuple):
    """`candidates` are (name, why passed over, or "chosen")."""

    name: str
    outcome: str
    candidates: list[tuple[str, str]]


class Explanation(NamedTuple):
    """`by_person` is set where a person, not a rule, decided last."""

    headline: str
    rule: str | None
    tried: list[RuleTried]
    at: datetime


def explain(session: Session, task: Task) -> Explanation | None:
    """The last decision of the rules about this task; None where they never ran."""
    stored = session.scalar(
        select(AssignmentExplanation)
        .where(AssignmentExplanation.task_id == task.id)
        .order_by(AssignmentExplanation.task_version.desc())
        .limit(1)
    )
    if stored is None:
        return None
    by_hand = session.scalar(
        select(TaskEvent)
        .where(
            TaskEvent.task_id == task.id,
            TaskEvent.version > stored.task_version,
            TaskEvent.move.in_(("assign", "unassign")),
            TaskEvent.member_id.is_not(None),
        )
        .order_by(TaskEvent.version.desc())
        .limit(1)
    )
    ids = {UUID(one["member"]) for rule in stored.tried for one in rule["candidates"]}
    if by_hand is not None and by_hand.member_id:
        ids.add(by_hand.member_id)
    names = {id_: brief.name for id_, brief in briefs(session, task.practice_id, ids).items()}
    tried = in_words(stored.tried, names)
    return Explanation(_headline(stored, by_hand, names), stored.rule, tried, stored.at)


def in_words(tried: Iterable[Mapping[str, Any]], names: Mapping[UUID, str]) -> list[RuleTried]:
    """Rules as they are stored, with the names of the people they looked at."""
    return [
        RuleTried(
            RULE_NAMES[rule["rule"]],
            rule["outcome"],
            [
                (names.get(UUID(one["member"]), "Somebody"), one["passed_over"] or "chosen")
                for one in rule["candidates"]
            ],
        )
        for rule in tried
    ]


def _headline(stored: AssignmentExplanation, by_hand: TaskEvent | None, names: dict[UUID, str]) -> str:
    if by_hand is not None:
        who = names.get(by_hand.member_id, "Somebody") if by_hand.member_id else "Somebody"
        return f"{who} took it by replying" if by_hand.why == "reply" else f"{who} decided this by hand"
    if stored.rule == "last_sender":
        return "Assigned to the member who last wrote to this patient"
    if stored.rule == "care_team":
        return "Assigned to the patient's care team"
    return "In the shared queue: no rule found anybody"
