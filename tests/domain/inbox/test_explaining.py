"""Why me? The stored reasons of an assignment in words."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, an_inbound, task_of
from tests.cast import PAT_NUMBER, Cast
from triage.domain.inbox import transitions
from triage.domain.inbox.explaining import Explanation, explain
from triage.domain.inbox.task import Task
from triage.domain.practice.member import Member


def why(session: Session, task: Task) -> Explanation:
    explanation = explain(session, task)
    assert explanation is not None
    return explanation


def a_task_after_ana_wrote(session: Session, cast: Cast) -> Task:
    before = a_task(session, cast=cast, number=PAT_NUMBER)
    a_reply(session, by=cast.ana, task=before)
    transitions.complete(session, before, by=cast.admin)
    session.commit()
    task = task_of(session, an_inbound(session, cast=cast))
    assert task is not None
    return task


def test_the_last_sender_is_told_so(session: Session, cast: Cast) -> None:
    explanation = why(session, a_task_after_ana_wrote(session, cast))

    assert explanation.headline == "Assigned to the member who last wrote to this patient"
    assert explanation.rule == "last_sender"
    assert [(rule.name, rule.outcome, rule.candidates) for rule in explanation.tried] == [
        ("Last sender", "chosen", [("Ana Alvarez", "chosen")])
    ]


def test_a_task_in_the_queue_says_that_no_rule_found_anybody(session: Session, cast: Cast) -> None:
    explanation = why(session, a_task(session, cast=cast))

    assert explanation.headline == "In the shared queue: no rule found anybody"
    assert [rule.name for rule in explanation.tried] == ["Last sender", "Care team"]


def test_who_was_passed_over_is_named_with_the_reason(session: Session, cast: Cast) -> None:
    session.execute(update(Member).where(Member.id == cast.ana.id).values(is_away=True))

    explanation = why(session, a_task_after_ana_wrote(session, cast))

    assert explanation.tried[0].candidates == [("Ana Alvarez", "away")]


def test_the_decision_of_a_person_is_told_before_the_rules(session: Session, cast: Cast) -> None:
    task = a_task_after_ana_wrote(session, cast)

    transitions.assign(session, task, [cast.ben.id], by=cast.admin)

    assert why(session, task).headline == "Ada Admin decided this by hand"


def test_taking_a_task_by_replying_is_told(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)

    a_reply(session, by=cast.ana, task=task)

    assert why(session, task).headline == "Ana Alvarez took it by replying"
