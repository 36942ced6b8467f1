"""Decide: for each text of a batch, in order, what becomes of it. Pure: facts in, a plan out."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from triage.domain.inbox import assignment
from triage.domain.inbox.assignment import Decision
from triage.domain.inbox.task import Move, State
from triage.domain.intake.facts import ConversationFacts, Facts, TaskFacts
from triage.domain.intake.gather import rule_facts
from triage.domain.intake.ledger import Leased
from triage.domain.patients import birth_dates, verification
from triage.domain.patients.consent import BY_TEXT, HELD_BY_CARRIER, Keyword, keyword_of, says_start
from triage.domain.patients.opting_out import found_in
from triage.domain.patients.verification import Asked, Heard
from triage.kit import db


@dataclass
class Step:
    """One event of a task, as it will be written."""

    task_id: UUID
    version: int
    move: Move
    from_state: State | None
    to_state: State
    why: str
    assignees: list[UUID]
    at: datetime
    decision: Decision | None


@dataclass(eq=False)
class Work:
    """A task while the plan is made: an open one from the database, or a new one."""

    id: UUID
    conversation: ConversationFacts
    state: State
    version: int
    assignees: list[UUID]
    waiting_since: datetime
    answered_at: datetime | None
    last_message_id: UUID
    is_touched: bool
    gathers: bool
    existing: TaskFacts | None
    opened_at: datetime
    given_to: list[UUID] = field(default_factory=list)

    @property
    def owner_id(self) -> UUID | None:
        return self.assignees[0] if self.assignees else None


@dataclass
class Filed:
    """One text, its message, its task if it has one, and the command it was if it was one.

    `asks_out` are the words of a text that may ask for no more texts; `heard` is what it answered to the question
    for a birth date.
    """

    row: Leased
    message_id: UUID
    conversation: ConversationFacts
    work: Work | None
    keyword: Keyword | None
    asks_out: str | None = None
    heard: Heard | None = None

    @property
    def is_for_people(self) -> bool:
        return self.keyword is None and (self.heard is None or self.heard.says_more)


@dataclass
class Plan:
    now: datetime
    facts: Facts
    filed: list[Filed] = field(default_factory=list)
    works: dict[UUID, Work] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def decide(facts: Facts) -> Plan:
    """The texts of a conversation are decided in their order, each on what the one before it left."""
    plan = Plan(facts.now, facts)
    open_works: dict[UUID, Work] = {}
    asked = dict(facts.asked)
    stopped = {phone.id: (phone.opted_out_at, phone.opted_out_how) for phone in facts.phones.values()}
    for row in facts.rows:
        conversation = facts.conversation_of[row.id]
        phone_id = conversation.phone_id
        keyword = _command(row, *stopped[phone_id])
        if keyword in (Keyword.STOP, Keyword.START):
            is_stop = keyword is Keyword.STOP
            before = stopped[phone_id][0] or row.sent_at
            stopped[phone_id] = (max(before, row.sent_at), BY_TEXT) if is_stop else (None, None)
        message_id = db.new_id()
        asks_out = found_in(row.body) if keyword is None else None
        filed = Filed(row, message_id, conversation, None, keyword, asks_out)
        if keyword is None and asks_out is None and stopped[phone_id][0] is None:
            filed.heard = _hear(row, conversation, asked)
        work = open_works.get(conversation.id) or _existing(facts, conversation)
        if work is not None:
            _join(plan, work, message_id, row.sent_at, runs_rules=filed.is_for_people)
        elif filed.is_for_people:
            work = _open(plan, conversation, message_id, row.sent_at)
        if work is not None and work.gathers:
            open_works[conversation.id] = work
        if work is not None:
            plan.works[work.id] = work
        filed.work = work
        plan.filed.append(filed)
    return plan


def _hear(row: Leased, conversation: ConversationFacts, asked: dict[UUID, tuple[Asked, ...]]) -> Heard | None:
    """Whether the text answers the question for a birth date; what it left of those asked is kept in `asked`."""
    number, of_number = conversation.number, asked.get(conversation.phone_id, ())
    if not number.asks_birth_dates or not of_number:
        return None
    heard = verification.hear(of_number, row.body, birth_dates.order_of(number.region), at=row.sent_at)
    if heard is not None:
        left = {one.use_id: one for one in heard.counted}
        asked[conversation.phone_id] = tuple(left.get(one.use_id, one) for one in of_number)
    return heard


def _command(row: Leased, stopped_at: datetime | None, how: str | None) -> Keyword | None:
    """A start word from a number that never stopped is an answer ("Yes"), and answers belong to somebody.

    So does one that was sent before the last stop and found later: it must not undo what came after it. And "Yes"
    undoes nothing that a member has recorded: the carrier, for which it is a command, knows nothing of that.
    """
    keyword = keyword_of(row.body, row.opt_out_type)
    if keyword is not Keyword.START:
        return keyword
    if how is not None and how not in HELD_BY_CARRIER and not says_start(row.body, row.opt_out_type):
        return None
    counts = bool(row.opt_out_type) if stopped_at is None else row.sent_at >= stopped_at
    return keyword if counts else None


def _existing(facts: Facts, conversation: ConversationFacts) -> Work | None:
    task = facts.open_tasks.get(conversation.id)
    if task is None:
        return None
    return Work(
        id=task.id,
        conversation=conversation,
        state=task.state,
        version=task.version,
        assignees=list(facts.assignees.get(task.id, [])),
        waiting_since=task.waiting_since,
        answered_at=task.answered_at,
        last_message_id=task.last_message_id,
        is_touched=task.is_touched,
        gathers=True,
        existing=task,
        opened_at=task.opened_at,
    )


def _open(plan: Plan, conversation: ConversationFacts, message_id: UUID, at: datetime) -> Work:
    decision = assignment.decide(rule_facts(plan.facts, conversation, at))
    state = State.ASSIGNED if decision.assignees else State.PENDING
    work = Work(
        id=db.new_id(),
        conversation=conversation,
        state=state,
        version=1,
        assignees=list(decision.assignees),
        waiting_since=at,
        answered_at=None,
        last_message_id=message_id,
        is_touched=False,
        gathers=not conversation.number.task_per_message,
        existing=None,
        opened_at=at,
        given_to=list(decision.assignees),
    )
    why = decision.rule.value if decision.rule else "no_rule"
    plan.steps.append(Step(work.id, 1, Move.OPENED, None, state, why, work.assignees[:], plan.now, decision))
    return work


def _join(plan: Plan, work: Work, message_id: UUID, at: datetime, *, runs_rules: bool) -> None:
    """The text joins the open task; a waiting one that no person has touched is offered to the rules again."""
    before, why, decision = work.state, "joined", None
    if runs_rules and work.state is State.PENDING and not work.is_touched:
        decision = assignment.decide(rule_facts(plan.facts, work.conversation, at))
        if decision.assignees:
            work.state, work.assignees = State.ASSIGNED, list(decision.assignees)
            work.given_to = work.assignees[:]
            why = decision.rule.value if decision.rule else why
    if work.answered_at is not None:
        work.waiting_since, work.answered_at = at, None
    work.version += 1
    work.last_message_id = message_id
    plan.steps.append(
        Step(
            work.id, work.version, Move.JOINED, before, work.state, why, work.assignees[:], plan.now, decision
        )
    )
