"""Auto-assignment rules: facts in, members out. Pure; the facts are gathered by intake.

Order and defaults: CharmHealth's "last sender" (A10, on, within the last week) before "care team" (A9, off).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

LEFT, READS_NOTHING = "no longer works here", "role may not read messages"


class Rule(StrEnum):
    LAST_SENDER = "last_sender"
    CARE_TEAM = "care_team"


class Candidate(NamedTuple):
    """A member as the rules see one, for one conversation."""

    id: UUID
    name: str
    is_active: bool = True
    may_read: bool = True
    is_at_facility: bool = True
    is_in_program: bool = True
    is_away: bool = False
    is_available: bool = True
    open_tasks: int = 0


class Settings(NamedTuple):
    last_sender: bool = True
    last_sender_within: timedelta = timedelta(days=7)
    care_team: bool = False


class Facts(NamedTuple):
    """`care_team` holds (member id, is primary) in a steady order."""

    now: datetime
    settings: Settings
    last_sender_id: UUID | None
    last_sent_at: datetime | None
    care_team: Sequence[tuple[UUID, bool]]
    members: Mapping[UUID, Candidate]


class Tried(NamedTuple):
    """One rule and what came of it; `candidates` are (member id, why passed over, or None when chosen)."""

    rule: Rule
    outcome: str
    candidates: tuple[tuple[UUID, str | None], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.value,
            "outcome": self.outcome,
            "candidates": [{"member": str(id_), "passed_over": why} for id_, why in self.candidates],
        }


class Decision(NamedTuple):
    """`assignees` has the owner first and is empty where the task stays in the shared queue."""

    rule: Rule | None
    assignees: tuple[UUID, ...]
    tried: tuple[Tried, ...]


def decide(facts: Facts) -> Decision:
    """The first rule that finds an eligible member wins."""
    tried: list[Tried] = []
    for rule in (_last_sender, _care_team):
        attempt, assignees = rule(facts)
        tried.append(attempt)
        if assignees:
            return Decision(attempt.rule, assignees, tuple(tried))
    return Decision(None, (), tuple(tried))


def why_not(candidate: Candidate) -> str | None:
    """Why this member cannot be given the task; None for an eligible one."""
    if not candidate.is_active:
        return LEFT
    if not candidate.may_read:
        return READS_NOTHING
    if not candidate.is_at_facility:
        return "works at another facility"
    if not candidate.is_in_program:
        return "has no access to the patient's program"
    if candidate.is_away:
        return "away"
    if not candidate.is_available:
        return "not available for chat"
    return None


def _last_sender(facts: Facts) -> tuple[Tried, tuple[UUID, ...]]:
    rule, window = Rule.LAST_SENDER, facts.settings.last_sender_within
    if not facts.settings.last_sender:
        return Tried(rule, "switched off"), ()
    sender = facts.members.get(facts.last_sender_id) if facts.last_sender_id else None
    if sender is None or facts.last_sent_at is None:
        return Tried(rule, "nobody has written to this patient"), ()
    if facts.now - facts.last_sent_at > window:
        too_old = f"last wrote more than {window.days} days ago"
        return Tried(rule, "nobody wrote recently", ((sender.id, too_old),)), ()
    objection = why_not(sender)
    if objection:
        return Tried(rule, "the last sender is not eligible", ((sender.id, objection),)), ()
    return Tried(rule, "chosen", ((sender.id, None),)), (sender.id,)


def _care_team(facts: Facts) -> tuple[Tried, tuple[UUID, ...]]:
    rule = Rule.CARE_TEAM
    if not facts.settings.care_team:
        return Tried(rule, "switched off"), ()
    team = [(facts.members[id_], primary) for id_, primary in facts.care_team if id_ in facts.members]
    if not team:
        return Tried(rule, "the patient has no care team"), ()
    looked_at = tuple((member.id, why_not(member)) for member, _ in team)
    eligible = [(member, primary) for member, primary in team if why_not(member) is None]
    if not eligible:
        return Tried(rule, "nobody of the care team is eligible", looked_at), ()
    eligible.sort(key=lambda pair: (not pair[1], pair[0].open_tasks))
    return Tried(rule, "chosen", looked_at), tuple(member.id for member, _ in eligible)
