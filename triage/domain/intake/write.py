"""Write: everything a plan says, in bulk statements that are built once, in one transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select, update
from sqlalchemy.orm import Session

from triage.domain.audit import Action
from triage.domain.conversations import asking_out
from triage.domain.conversations.message import Direction
from triage.domain.inbox.task import State, TaskKind
from triage.domain.intake.decide import Filed, Plan, Step, Work
from triage.domain.intake.ledger import InboundState, Lease, LeaseLost
from triage.domain.patients import consent, told, troubles, verification
from triage.domain.patients.consent import Keyword
from triage.domain.patients.phones import Phone
from triage.kit import db, live, metrics
from triage.kit.bulk import Addition, Rows

# Statements on the bare tables: a batch has no use for objects.
_TABLES = db.Base.metadata.tables

_MESSAGES = Addition(
    _TABLES["message"],
    (
        "id",
        "practice_id",
        "conversation_id",
        "patient_id",
        "direction",
        "body",
        "media",
        "is_automatic",
        "at",
    ),
)
_TASKS = Addition(
    _TABLES["task"],
    (
        "id",
        "practice_id",
        "conversation_id",
        "patient_id",
        "facility_id",
        "kind",
        "state",
        "version",
        "gathers",
        "owner_id",
        "last_message_id",
        "opened_at",
        "waiting_since",
        "answered_at",
    ),
)
_TASK_MESSAGES = Addition(_TABLES["task_message"], ("message_id", "practice_id", "task_id"))
_ASSIGNMENTS = Addition(_TABLES["assignment"], ("id", "practice_id", "task_id", "member_id", "assigned_at"))
_EVENTS = Addition(
    _TABLES["task_event"],
    (
        "id",
        "practice_id",
        "task_id",
        "version",
        "move",
        "from_state",
        "to_state",
        "why",
        "assignees",
        "at",
    ),
)
_EXPLANATIONS = Addition(
    _TABLES["assignment_explanation"],
    ("id", "practice_id", "task_id", "task_version", "rule", "tried", "at"),
)
_AUDITS = Addition(
    _TABLES["audit"], ("id", "practice_id", "action", "subject_id", "patient_id", "detail", "at")
)
_TALKED = Rows.of(
    _TABLES["conversation"],
    ("id", "patient_id", "facility_id", "last_inbound_at", "last_message_at", "unread_since"),
)
_GONE_ON = Rows.of(
    _TABLES["task"],
    (
        "id",
        "patient_id",
        "facility_id",
        "state",
        "version",
        "owner_id",
        "waiting_since",
        "answered_at",
        "last_message_id",
    ),
)
_FILED = Rows("filed", {"id": Uuid(), "message_id": Uuid()})


def _take_over(table: Any, rows: Rows) -> Any:
    """An update of rows by their id, with everything else that is given."""
    columns = rows.table.c
    values = {column.name: column for column in columns if column.name != "id"}
    return update(table).where(table.c.id == columns.id).values(values)


_inbound = _TABLES["inbound"].c
# One statement writes all: every other trip to the server would cost as much as ten more rows.
_WRITE = (
    update(_TABLES["inbound"])
    .where(
        _inbound.id == _FILED.table.c.id,
        _inbound.lease_id == bindparam("lease"),
        _inbound.state == InboundState.NEW,
    )
    .values(
        state=InboundState.FILED,
        message_id=_FILED.table.c.message_id,
        filed_at=bindparam("now"),
        lease_id=None,
        lease_until=None,
    )
    .returning(_inbound.id)
    .add_cte(
        _take_over(_TABLES["conversation"], _TALKED).cte("talked"),
        _MESSAGES.statement.cte("messages"),
        _TASKS.statement.cte("tasks"),
        _take_over(_TABLES["task"], _GONE_ON).cte("gone_on"),
        _TASK_MESSAGES.statement.cte("task_messages"),
        _ASSIGNMENTS.statement.cte("assignments"),
        _EVENTS.statement.cte("events"),
        _EXPLANATIONS.statement.cte("explanations"),
        _AUDITS.statement.cte("audits"),
    )
)


def write(session: Session, lease: Lease, plan: Plan) -> None:
    """Write the plan of a batch. Raises `LeaseLost` where another worker may have its rows by now."""
    works = plan.works
    filed = session.execute(
        _WRITE,
        {
            **_TALKED.given(_conversations(plan)),
            **_MESSAGES.given(_message(filed) for filed in plan.filed),
            **_TASKS.given(_task(work) for work in works.values() if work.existing is None),
            **_GONE_ON.given(_changed_task(work) for work in works.values() if work.existing is not None),
            **_TASK_MESSAGES.given(_belongs(filed) for filed in plan.filed if filed.work),
            **_ASSIGNMENTS.given(row for work in works.values() for row in _assignments(plan, work)),
            **_EVENTS.given(_event(step, works[step.task_id]) for step in plan.steps),
            **_EXPLANATIONS.given(_why(s, works[s.task_id]) for s in plan.steps if s.decision),
            **_AUDITS.given(_audit(step, works[step.task_id]) for step in plan.steps),
            **_FILED.given((filed.row.id, filed.message_id) for filed in plan.filed),
            "lease": lease.id,
            "now": plan.now,
        },
    ).all()
    if len(filed) < len(lease.texts):
        raise LeaseLost
    _obey_commands(session, plan)
    _note_possible_opt_outs(session, plan)
    _hear_from(session, plan)
    _note_birth_dates(session, plan)
    _announce(session, plan)
    _measure(plan)


class _Talk(NamedTuple):
    """What becomes of a conversation, in the order of the columns."""

    id: UUID
    patient_id: UUID | None
    facility_id: UUID | None
    last_inbound_at: datetime
    last_message_at: datetime
    unread_since: datetime | None


def _conversations(plan: Plan) -> Iterable[_Talk]:
    talks: dict[UUID, _Talk] = {}
    for filed in plan.filed:
        conversation, at = filed.conversation, filed.row.sent_at
        so_far = talks.get(conversation.id, conversation)
        unread_since = so_far.unread_since
        talks[conversation.id] = _Talk(
            conversation.id,
            conversation.patient_id,
            conversation.facility_id,
            max(so_far.last_inbound_at or at, at),
            max(so_far.last_message_at or at, at),
            min(unread_since or at, at) if filed.is_for_people else unread_since,
        )
    return talks.values()


def _message(filed: Filed) -> dict[str, Any]:
    return {
        "id": filed.message_id,
        "practice_id": filed.row.practice_id,
        "conversation_id": filed.conversation.id,
        "patient_id": filed.conversation.patient_id,
        "direction": Direction.IN,
        "body": filed.row.body,
        "media": filed.row.media,
        "is_automatic": False,
        "at": filed.row.sent_at,
    }


def _task(work: Work) -> dict[str, Any]:
    conversation = work.conversation
    return {
        "id": work.id,
        "practice_id": conversation.practice_id,
        "conversation_id": conversation.id,
        "patient_id": conversation.patient_id,
        "facility_id": conversation.facility_id,
        "kind": TaskKind.MESSAGE,
        "state": work.state,
        "version": work.version,
        "gathers": work.gathers,
        "owner_id": work.owner_id if work.state is State.ASSIGNED else None,
        "last_message_id": work.last_message_id,
        "opened_at": work.opened_at,
        "waiting_since": work.waiting_since,
        "answered_at": work.answered_at,
    }


def _changed_task(work: Work) -> tuple[Any, ...]:
    """The tasks were locked when the facts were gathered, so nobody has moved them since."""
    conversation = work.conversation
    return (
        work.id,
        conversation.patient_id,
        conversation.facility_id,
        work.state,
        work.version,
        _owner(work),
        work.waiting_since,
        work.answered_at,
        work.last_message_id,
    )


def _owner(work: Work) -> Any:
    """An existing task keeps the owner it has; only the rules' choice makes a new one."""
    if work.given_to:
        return work.given_to[0]
    return work.existing.owner_id if work.existing else work.owner_id


def _belongs(filed: Filed) -> dict[str, Any]:
    assert filed.work is not None
    return {
        "message_id": filed.message_id,
        "practice_id": filed.row.practice_id,
        "task_id": filed.work.id,
    }


def _assignments(plan: Plan, work: Work) -> list[dict[str, Any]]:
    return [
        {
            "id": db.new_id(),
            "practice_id": work.conversation.practice_id,
            "task_id": work.id,
            "member_id": member_id,
            "assigned_at": plan.now,
        }
        for member_id in work.given_to
    ]


def _event(step: Step, work: Work) -> dict[str, Any]:
    return {
        "id": db.new_id(),
        "practice_id": work.conversation.practice_id,
        "task_id": step.task_id,
        "version": step.version,
        "move": step.move,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "why": step.why,
        "assignees": [str(id_) for id_ in step.assignees],
        "at": step.at,
    }


def _why(step: Step, work: Work) -> dict[str, Any]:
    assert step.decision is not None
    return {
        "id": db.new_id(),
        "practice_id": work.conversation.practice_id,
        "task_id": step.task_id,
        "task_version": step.version,
        "rule": step.decision.rule.value if step.decision.rule else None,
        "tried": [tried.as_json() for tried in step.decision.tried],
        "at": step.at,
    }


def _audit(step: Step, work: Work) -> dict[str, Any]:
    return {
        "id": db.new_id(),
        "practice_id": work.conversation.practice_id,
        "action": Action.TASK_OPENED if step.version == 1 else Action.TASK_JOINED,
        "subject_id": step.task_id,
        "patient_id": work.conversation.patient_id,
        "detail": {"why": step.why},
        "at": step.at,
    }


def _obey_commands(session: Session, plan: Plan) -> None:
    for filed in plan.filed:
        if filed.keyword is None:
            continue
        phone = session.scalars(select(Phone).where(Phone.id == filed.conversation.phone_id)).one()
        match filed.keyword:
            case Keyword.STOP:
                consent.stop(
                    session,
                    phone,
                    how="text",
                    now=plan.now,
                    sent_at=filed.row.sent_at,
                    inbound_id=filed.row.id,
                    may_be_asked=filed.conversation.number.asks_birth_dates,
                )
            case Keyword.START:
                consent.start(
                    session, phone, now=plan.now, sent_at=filed.row.sent_at, inbound_id=filed.row.id
                )
            case Keyword.HELP:
                consent.ask_for_help(session, phone, now=plan.now, inbound_id=filed.row.id)
    session.flush()


def _note_possible_opt_outs(session: Session, plan: Plan) -> None:
    """Few texts are such, so one statement for each costs nothing."""
    for filed in plan.filed:
        if filed.asks_out is not None:
            phone_id = filed.conversation.phone_id
            asked_at = min(plan.now, filed.row.sent_at)
            asking_out.note(
                session, filed.row.practice_id, phone_id, filed.message_id, filed.asks_out, asked_at=asked_at
            )
    session.flush()


def _hear_from(session: Session, plan: Plan) -> None:
    """A number that texts is nobody's landline, and is reached again; few are marked, and no other costs anything."""
    phones = plan.facts.phones
    troubles.heard_from(
        session,
        {
            filed.conversation.phone_id
            for filed in plan.filed
            if (since := phones[filed.conversation.phone_id].trouble_at) and filed.row.sent_at > since
        },
    )


def _note_birth_dates(session: Session, plan: Plan) -> None:
    heard = [(filed, filed.heard) for filed in plan.filed if filed.heard is not None]
    if not heard:
        return
    verification.keep(session, [answer for _, answer in heard], now=plan.now)
    for filed, answer in heard:
        practice_id, inbound_id = filed.row.practice_id, filed.row.id
        verification.note_heard(session, practice_id, answer, inbound_id=inbound_id, now=plan.now)
    session.flush()


def _announce(session: Session, plan: Plan) -> None:
    steps_by_task = {step.task_id: step for step in plan.steps}
    for filed in plan.filed:
        work = filed.work
        step = steps_by_task.get(work.id) if work else None
        heard = plan.facts.listeners.get(filed.conversation.id, told.NOBODY)
        of_task: dict[str, UUID | int] = {"task": work.id, "version": work.version} if work else {}
        live.announce(
            session,
            filed.row.practice_id,
            "message",
            to=set(step.assignees) if step else None,
            followers=heard.patients_of,
            seers=heard.seers,
            conversation=filed.conversation.id,
            message=filed.message_id,
            **of_task,
        )


def _measure(plan: Plan) -> None:
    for filed in plan.filed:
        metrics.INBOUND.labels(_kind_of(filed)).inc()
        metrics.INBOUND_SECONDS.observe(max(0.0, (plan.now - filed.row.received_at).total_seconds()))


def _kind_of(filed: Filed) -> str:
    if filed.keyword:
        return filed.keyword.value
    return "filed" if filed.is_for_people else "birth_date"
