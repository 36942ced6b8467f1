"""Write: everything a plan says, in bulk statements that are built once, in one transaction."""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from triage.domain.audit import Action, Audit
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox.task import (
    Assignment,
    AssignmentExplanation,
    State,
    Task,
    TaskEvent,
    TaskKind,
    TaskMessage,
)
from triage.domain.intake.decide import Filed, Plan, Step, Work
from triage.domain.intake.ledger import InboundState
from triage.domain.patients import consent
from triage.domain.patients.consent import Keyword
from triage.kit import db, live, metrics

# Statements on the bare tables: a batch has no use for objects.
_TABLES = db.Base.metadata.tables
_INTO = {
    table: insert(_TABLES[table.__tablename__])
    for table in (Message, Task, TaskMessage, Assignment, TaskEvent, AssignmentExplanation, Audit)
}
_TASK_GOES_ON = (
    update(_TABLES["task"])
    .where(_TABLES["task"].c.id == bindparam("task_id"))
    .values(
        state=bindparam("new_state"),
        version=bindparam("new_version"),
        owner_id=bindparam("new_owner"),
        waiting_since=bindparam("new_waiting"),
        answered_at=bindparam("new_answered"),
        last_message_id=bindparam("new_message"),
        patient_id=bindparam("new_patient"),
        facility_id=bindparam("new_facility"),
    )
)
_ROW_IS_FILED = (
    update(_TABLES["inbound"])
    .where(_TABLES["inbound"].c.id == bindparam("row_id"))
    .values(
        state=InboundState.FILED,
        message_id=bindparam("new_message"),
        filed_at=bindparam("now"),
        lease_id=None,
        lease_until=None,
    )
)


def write(session: Session, plan: Plan) -> None:
    """Write the plan of a batch; its rows are filed afterwards."""
    steps_by_task = {step.task_id: step for step in plan.steps}
    works = plan.works
    _touch_conversations(plan)
    session.flush()
    _add(session, Message, [_message(filed) for filed in plan.filed])
    _add(session, Task, [_task(work) for work in works.values() if work.existing is None])
    _carry_on(session, [work for work in works.values() if work.existing is not None])
    _add(session, TaskMessage, [_belongs(filed) for filed in plan.filed if filed.work])
    _add(session, Assignment, [row for work in works.values() for row in _assignments(plan, work)])
    _add(session, TaskEvent, [_event(step, works[step.task_id]) for step in plan.steps])
    _add(session, AssignmentExplanation, [_why(s, works[s.task_id]) for s in plan.steps if s.decision])
    _add(session, Audit, [_audit(step, works[step.task_id]) for step in plan.steps])
    _obey_commands(session, plan)
    session.execute(
        _ROW_IS_FILED,
        [{"row_id": f.row.id, "new_message": f.message_id, "now": plan.now} for f in plan.filed],
    )
    _announce(session, plan, steps_by_task)
    _measure(plan)


def _add(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(_INTO[table], rows)


def _touch_conversations(plan: Plan) -> None:
    for filed in plan.filed:
        conversation, at = filed.conversation, filed.row.sent_at
        conversation.last_inbound_at = max(conversation.last_inbound_at or at, at)
        conversation.last_message_at = max(conversation.last_message_at or at, at)
        if filed.keyword is None:
            conversation.unread_since = min(conversation.unread_since or at, at)


def _message(filed: Filed) -> dict[str, Any]:
    return {
        "id": filed.message_id,
        "practice_id": filed.row.practice_id,
        "conversation_id": filed.conversation.id,
        "patient_id": filed.conversation.patient_id,
        "direction": Direction.IN,
        "body": filed.row.body,
        "media": filed.row.media,
        "sent_by_id": None,
        "is_automatic": False,
        "resend_of_id": None,
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
        "closed_at": None,
        "closed_by_id": None,
    }


def _carry_on(session: Session, works: list[Work]) -> None:
    """The tasks were locked when the facts were gathered, so nobody has moved them since."""
    if works:
        session.execute(
            _TASK_GOES_ON,
            [
                {
                    "task_id": work.id,
                    "new_state": work.state,
                    "new_version": work.version,
                    "new_owner": _owner(work),
                    "new_waiting": work.waiting_since,
                    "new_answered": work.answered_at,
                    "new_message": work.last_message_id,
                    "new_patient": work.conversation.patient_id,
                    "new_facility": work.conversation.facility_id,
                }
                for work in works
            ],
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
            "assigned_by_id": None,
            "ended_at": None,
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
        "member_id": None,
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
        "member_id": None,
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
        phone = plan.facts.phones[filed.conversation.phone_id]
        match filed.keyword:
            case Keyword.STOP:
                consent.stop(
                    session,
                    phone,
                    how="text",
                    now=plan.now,
                    sent_at=filed.row.sent_at,
                    inbound_id=filed.row.id,
                )
            case Keyword.START:
                consent.start(session, phone, now=plan.now, inbound_id=filed.row.id)
            case Keyword.HELP:
                consent.ask_for_help(session, phone, now=plan.now, inbound_id=filed.row.id)
    session.flush()


def _announce(session: Session, plan: Plan, steps_by_task: dict[Any, Step]) -> None:
    for filed in plan.filed:
        work = filed.work
        step = steps_by_task.get(work.id) if work else None
        of_task: dict[str, UUID | int] = {"task": work.id, "version": work.version} if work else {}
        live.announce(
            session,
            filed.row.practice_id,
            "message",
            to=set(step.assignees) if step else None,
            conversation=filed.conversation.id,
            message=filed.message_id,
            **of_task,
        )


def _measure(plan: Plan) -> None:
    for filed in plan.filed:
        metrics.INBOUND.labels(filed.keyword.value if filed.keyword else "filed").inc()
        metrics.INBOUND_SECONDS.observe(max(0.0, (plan.now - filed.row.received_at).total_seconds()))
