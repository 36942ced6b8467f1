"""What would become of a text now: what intake would decide, and no trace of it."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import NORTH_NUMBER, PAT_NUMBER, Cast
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import transitions
from triage.domain.inbox.assignment import Settings
from triage.domain.inbox.task import Task, TaskEvent
from triage.domain.intake import trying
from triage.domain.intake.trying import Trial
from triage.domain.patients.phones import Phone
from triage.kit import clock

CARE_TEAM_ALONE = Settings(last_sender=False, care_team=True)


def a_trial(
    session: Session, cast: Cast, *, number: str = PAT_NUMBER, rules: Settings | None = None
) -> Trial:
    return trying.try_text(
        session,
        cast.practice_id,
        from_number=number,
        to_number=NORTH_NUMBER,
        now=clock.now(session),
        rules=rules,
    )


def counts(session: Session) -> list[int]:
    tables = (Task, TaskEvent, Message, Conversation, Phone)
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def answered_by_ana(session: Session, cast: Cast) -> Task:
    """A task that Ana answered and that is done."""
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    builders.a_reply(session, by=cast.ana, task=task)
    transitions.complete(session, task, by=cast.admin)
    session.commit()
    return task


def test_it_goes_to_who_wrote_last_and_nothing_is_written(session: Session, cast: Cast) -> None:
    answered_by_ana(session, cast)
    before = counts(session)

    trial = a_trial(session, cast)

    assert (trial.names, trial.rule, trial.joins) == (("Ana Alvarez",), "Last sender", False)
    assert counts(session) == before


def test_a_number_that_nobody_knows_waits_for_anybody(session: Session, cast: Cast) -> None:
    before = counts(session)

    trial = a_trial(session, cast, number=builders.a_number())

    assert (trial.names, trial.rule) == ((), None)
    assert [rule.outcome for rule in trial.tried] == [
        "nobody has written to this patient",
        "switched off",
    ]
    assert counts(session) == before


def test_rules_that_are_not_saved_are_tried_in_place_of_the_practices_own(
    session: Session, cast: Cast
) -> None:
    answered_by_ana(session, cast)
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben)
    session.commit()

    trial = a_trial(session, cast, rules=CARE_TEAM_ALONE)

    assert (trial.names, trial.rule) == (("Ben Brook",), "Care team")
    assert a_trial(session, cast).names == ("Ana Alvarez",)


def test_a_window_that_is_too_short_says_so(session: Session, cast: Cast) -> None:
    task = answered_by_ana(session, cast)
    message = session.scalars(select(Message).where(Message.sent_by_id == cast.ana.id)).one()
    message.at -= timedelta(days=3)
    session.commit()

    trial = a_trial(session, cast, rules=Settings(last_sender_within=timedelta(days=1)))

    assert task.id
    assert trial.names == ()
    assert trial.tried[0].candidates == [("Ana Alvarez", "last wrote more than 1 days ago")]


def test_it_joins_what_somebody_has_already(session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])

    trial = a_trial(session, cast)

    assert (trial.joins, trial.names, trial.tried) == (True, ("Ben Brook",), [])
