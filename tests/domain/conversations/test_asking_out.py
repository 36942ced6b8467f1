"""Texts that may ask for no more texts: noticed, shown, decided by a person, and never forgotten."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.builders import a_number, a_task, an_inbound, conversation_of
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.audit import Action, Audit
from triage.domain.conversations import asking_out
from triage.domain.conversations.asking_out import Decision, PossibleOptOut
from triage.domain.inbox import bulk, deciding, replying, rows, transitions
from triage.domain.inbox.task import State, Task
from triage.domain.patients import consent
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit.errors import NotAllowed, NotPossible

ASKS = "Wrong number, please stop texting me"


def dismissed(session: Session, task: Task, by: Member) -> None:
    """As the page that shows the question does it."""
    asked = deciding.question(session, by, conversation_of(session, task))
    deciding.dismiss(session, conversation_of(session, task), asked.until if asked else None, by=by)


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

    deciding.opt_out(session, conversation, by=cast.ana)

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

    dismissed(session, task, cast.ana)

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
    dismissed(session, task, cast.ana)
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

    asked = deciding.question(session, cast.ana, conversation)
    deciding.opt_out(session, conversation, by=cast.ana)

    assert asked
    assert asked.words == "stop texting"
    decided = session.scalars(select(PossibleOptOut.decision)).all()
    assert decided == [Decision.OPTED_OUT, Decision.OPTED_OUT]


def test_who_comes_second_with_no_is_told(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    asked = deciding.question(session, cast.admin, conversation_of(session, task))
    assert asked
    dismissed(session, task, cast.ana)

    with pytest.raises(NotPossible, match="decided this already"):
        deciding.dismiss(session, conversation_of(session, task), asked.until, by=cast.admin)


def test_who_comes_second_with_yes_opts_the_number_out(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    dismissed(session, task, cast.ana)

    deciding.opt_out(session, conversation_of(session, task), by=cast.admin)

    assert session.get_one(Phone, cast.pat_phone.id).opted_out_how == "staff"


def test_a_text_that_came_after_the_page_was_drawn_is_not_dismissed(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body="Please end these texts")
    conversation = conversation_of(session, task)
    shown = deciding.question(session, cast.ana, conversation)
    assert shown
    an_inbound(session, cast=cast, body="I mean it, remove my number")

    deciding.dismiss(session, conversation, shown.until, by=cast.ana)

    left = deciding.question(session, cast.ana, conversation)
    assert left
    assert left.words == "remove my number"


def test_words_behind_a_wall_are_neither_shown_nor_dismissed(session: Session, cast: Cast) -> None:
    number = a_number()
    bens = a_task(session, cast=cast, number=number, assignees=[cast.ben])
    an_inbound(session, cast=cast, number=number, to=SOUTH_NUMBER, body=ASKS)
    conversation = conversation_of(session, bens)

    asked = deciding.question(session, cast.ben, conversation)

    assert asked
    assert (asked.words, asked.until) == ("", None)
    with pytest.raises(NotPossible):
        deciding.dismiss(session, conversation, asked.until, by=cast.ben)


@pytest.mark.parametrize("way", ["STOP", "staff"])
def test_a_question_that_an_opt_out_answered_does_not_come_back(
    session: Session, cast: Cast, way: str
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    phone = session.get_one(Phone, cast.pat_phone.id)
    if way == "STOP":
        an_inbound(session, cast=cast, body="STOP")
        an_inbound(session, cast=cast, body="START")
    else:
        now = clock.now(session)
        consent.opt_out(session, phone, how=consent.BY_STAFF, by=cast.ana.id, now=now)
        consent.opt_in(session, phone, how="phone", by=cast.ana.id, now=now)
    session.commit()

    assert deciding.question(session, cast.ana, conversation_of(session, task)) is None
    assert asking_out.among(session, cast.practice_id, [phone.id]) == set()


@pytest.mark.parametrize(("word", "opens"), [("Yes", False), ("START", True), ("Unstop", True)])
def test_what_a_member_recorded_is_undone_by_start_and_not_by_yes(
    session: Session, cast: Cast, word: str, opens: bool
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)
    deciding.opt_out(session, conversation_of(session, task), by=cast.ana)
    session.commit()

    an_inbound(session, cast=cast, body=word)

    session.expire_all()
    assert (session.get_one(Phone, cast.pat_phone.id).opted_out_at is None) is opens


def test_every_decision_stands_in_the_audit_trail(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body=ASKS)

    dismissed(session, task, cast.ana)

    noted = session.scalars(select(Audit).where(Audit.action == Action.OPT_OUT_DECIDED)).one()
    assert (noted.member_id, noted.subject_id) == (cast.ana.id, task.last_message_id)
    assert noted.detail == {"decision": "dismissed"}


def test_ben_decides_only_what_is_his(session: Session, cast: Cast) -> None:
    past = a_task(session, cast=cast, number=a_number(), assignees=[cast.ben])
    conversation = conversation_of(session, past)
    transitions.complete(session, past, by=cast.ben)
    an_inbound(session, cast=cast, number=session.get_one(Phone, conversation.phone_id).number, body=ASKS)

    with pytest.raises(NotAllowed):
        deciding.opt_out(session, conversation, by=cast.ben)


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
