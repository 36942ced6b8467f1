"""Texts that may ask for no more texts: noticed, shown, decided by a person, and never forgotten."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.builders import a_number, a_task, an_inbound, conversation_of
from tests.cast import PAT_NUMBER, Cast
from triage.domain.conversations import asking_out
from triage.domain.conversations.asking_out import Decision, PossibleOptOut
from triage.domain.inbox import bulk, deciding, replying, rows, transitions
from triage.domain.inbox.task import State
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.phones import Phone
from triage.kit import clock
from triage.kit.errors import NotAllowed, NotPossible

ASKS = "Wrong number, please stop texting me"


def test_such_a_text_opens_its_task_and_raises_the_question(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)

    asked = session.scalars(select(PossibleOptOut)).one()
    (row,) = rows.task_rows(session, cast.ana, [task.id], now=clock.now(session))
    assert (asked.phone_id, asked.message_id) == (cast.pat_phone.id, task.last_message_id)
    assert asked.words == "stop texting"
    assert "Possible opt-out" in [tag.text for tag in row.tags]
    assert session.get_one(Phone, cast.pat_phone.id).opted_out_at is None


@pytest.mark.parametrize("body", ["Good morning", "STOP", "Please don't stop texting me"])
def test_other_texts_raise_none(session: Session, cast: Cast, body: str) -> None:
    an_inbound(session, cast=cast, body=body)

    assert session.scalars(select(PossibleOptOut)).all() == []


def test_a_member_says_yes_and_no_text_leaves_any_more(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    conversation = conversation_of(session, task)

    deciding.decide(session, conversation, Decision.OPTED_OUT, by=cast.ana)

    composer = replying.composer(session, cast.ana, conversation)
    assert not composer.is_enabled
    assert "asked for no more texts" in composer.reason
    assert composer.way_out == "opt_in"
    event = session.scalars(select(ConsentEvent)).one()
    assert (event.kind, event.member_id) == (ConsentKind.OPTED_OUT_BY_STAFF, cast.ana.id)
    asked = session.scalars(select(PossibleOptOut)).one()
    assert (asked.decision, asked.decided_by_id) == (Decision.OPTED_OUT, cast.ana.id)


def test_a_member_says_no_and_nothing_else_changes(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)

    deciding.decide(session, conversation_of(session, task), Decision.DISMISSED, by=cast.ana)

    assert replying.composer(session, cast.ana, conversation_of(session, task)).is_enabled
    assert session.scalars(select(ConsentEvent)).all() == []
    assert asking_out.among(session, cast.practice_id, [cast.pat_phone.id]) == set()


@pytest.mark.parametrize("move", [transitions.complete, transitions.delete])
def test_the_task_stays_open_until_it_is_decided(session: Session, cast: Cast, move: object) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    assert callable(move)

    with pytest.raises(NotPossible, match="no more texts"):
        move(session, task, by=cast.ana)
    assert task.state is State.PENDING
    deciding.decide(session, conversation_of(session, task), Decision.DISMISSED, by=cast.ana)
    move(session, task, by=cast.ana)

    assert task.state in (State.COMPLETED, State.DELETED)


def test_of_several_tasks_that_one_is_left_and_named(session: Session, cast: Cast) -> None:
    asks = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    other = a_task(session, cast=cast)

    outcome = bulk.complete(session, {asks.id: asks.version, other.id: other.version}, by=cast.ana)

    assert outcome.done == [other.id]
    assert "no more texts" in outcome.left[asks.id]


def test_a_stop_that_follows_answers_the_question(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    an_inbound(session, cast=cast, body="STOP")

    session.refresh(task)
    transitions.complete(session, task, by=cast.ana)

    assert task.state is State.COMPLETED


def test_several_texts_are_one_question_and_the_first_counts(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    an_inbound(session, cast=cast, body="I said stop texting me!")
    conversation = conversation_of(session, task)

    found = asking_out.questions(session, cast.practice_id, [cast.pat_phone.id], time_zone="UTC")
    deciding.decide(session, conversation, Decision.OPTED_OUT, by=cast.ana)

    assert found[cast.pat_phone.id].words == "stop texting"
    decided = session.scalars(select(PossibleOptOut.decision)).all()
    assert decided == [Decision.OPTED_OUT, Decision.OPTED_OUT]


def test_two_members_at_once_are_told_of_each_other(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    conversation = conversation_of(session, task)
    deciding.decide(session, conversation, Decision.DISMISSED, by=cast.ana)

    with pytest.raises(NotPossible, match="decided this already"):
        deciding.decide(session, conversation, Decision.OPTED_OUT, by=cast.admin)


def test_ben_decides_only_what_is_his(session: Session, cast: Cast) -> None:
    past = a_task(session, cast=cast, number=a_number(), assignees=[cast.ben])
    conversation = conversation_of(session, past)
    transitions.complete(session, past, by=cast.ben)
    an_inbound(session, cast=cast, number=session.get_one(Phone, conversation.phone_id).number, body=ASKS)

    with pytest.raises(NotAllowed):
        deciding.decide(session, conversation, Decision.OPTED_OUT, by=cast.ben)


@pytest.mark.parametrize(
    ("noticed", "last"),
    [
        (datetime(2026, 11, 23, 12, tzinfo=UTC), date(2026, 12, 7)),
        (datetime(2026, 11, 21, 12, tzinfo=UTC), date(2026, 12, 4)),
        (datetime(2026, 11, 23, 3, tzinfo=UTC), date(2026, 12, 4)),
    ],
)
def test_there_are_ten_business_days_in_the_practice_s_zone(noticed: datetime, last: date) -> None:
    assert asking_out.honour_by(noticed, "America/New_York") == last
