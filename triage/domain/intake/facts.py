"""What intake knows of a batch of texts when it decides, and nothing more."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from triage.domain.inbox.task import State
from triage.domain.intake.ledger import Leased
from triage.domain.patients.told import Listeners
from triage.domain.patients.verification import Asked
from triage.domain.practice.privileges import Messages


class NumberFacts(NamedTuple):
    """A number that was texted, and what its practice wants done."""

    id: UUID
    practice_id: UUID
    number: str
    facility_id: UUID | None
    task_per_message: bool
    assign_last_sender: bool
    last_sender_days: int
    assign_care_team: bool
    answers_when_closed: bool
    has_listeners: bool
    asks_birth_dates: bool
    region: str


class PhoneFacts(NamedTuple):
    id: UUID
    practice_id: UUID
    number: str
    opted_out_at: datetime | None
    opted_out_how: str | None
    trouble_at: datetime | None


class ConversationFacts(NamedTuple):
    """Patient and facility as they follow from the numbers now."""

    id: UUID
    practice_id: UUID
    number: NumberFacts
    phone_id: UUID
    patient_id: UUID | None
    facility_id: UUID | None
    last_inbound_at: datetime | None
    last_message_at: datetime | None
    unread_since: datetime | None


class TaskFacts(NamedTuple):
    """An open task that later texts join. A person has touched it, or only rules have."""

    id: UUID
    conversation_id: UUID
    state: State
    version: int
    owner_id: UUID | None
    waiting_since: datetime
    answered_at: datetime | None
    last_message_id: UUID
    opened_at: datetime
    is_touched: bool


class MemberFacts(NamedTuple):
    id: UUID
    name: str
    is_active: bool
    is_away: bool
    is_available_for_chat: bool
    messages: Messages
    own_facilities_only: bool
    facilities: frozenset[UUID]
    kept_out_of: frozenset[UUID]


class LastSent(NamedTuple):
    member_id: UUID
    at: datetime


class Facts(NamedTuple):
    """Everything `decide` needs. Conversations exist and are locked, and so are their open tasks.

    `asked` are those who were asked for a birth date, by number, locked as well.
    """

    now: datetime
    rows: Sequence[Leased]
    conversation_of: dict[UUID, ConversationFacts]
    phones: dict[UUID, PhoneFacts]
    open_tasks: dict[UUID, TaskFacts]
    assignees: dict[UUID, list[UUID]]
    last_sent: dict[UUID, LastSent]
    care_teams: dict[UUID, list[tuple[UUID, bool]]]
    members: dict[UUID, MemberFacts]
    open_counts: dict[UUID, int]
    programs: dict[UUID, set[UUID]]
    listeners: dict[UUID, Listeners]
    asked: dict[UUID, tuple[Asked, ...]]
