"""`triage verify` holds on what the product writes, and sees every kind of broken row."""

import io
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from rich.console import Console
from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.orm import Session

from tests.builders import (
    a_member,
    a_number,
    a_patient,
    a_program,
    a_reply,
    a_role,
    a_task,
    a_text_from,
    an_inbound,
    received,
)
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import NORTH_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast, load, populate
from tests.databases import Databases, rolled_back, session_of_acts
from triage.demo.postgres import ADMINISTRATOR
from triage.domain import verify
from triage.domain.conversations import sending
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import merging, stars
from triage.domain.inbox.task import State
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db, heartbeat

SETTLE = timedelta(seconds=60)


@pytest.fixture(scope="module")
def busy_engine(databases: Databases) -> Iterator[Engine]:
    """A database of its own with a busy day in it; every test breaks it and takes that back."""
    name = f"busy_{os.getpid()}"
    databases.clone(name)
    db.connect(databases.url(name))
    engine = create_engine(databases.url(name, ADMINISTRATOR))
    with session_of_acts(engine) as session:
        populate(session)
        session.commit()
        a_busy_day(session, load(session))
    yield engine
    db.connect(databases.url(name)).dispose()
    engine.dispose()
    databases.drop(name)


@pytest.fixture
def superuser(busy_engine: Engine) -> Iterator[Connection]:
    yield from rolled_back(busy_engine)


def a_busy_day(session: Session, cast: Cast) -> None:
    """Tasks in every state, texts in and out, a duplicate, a STOP, a star, a tick."""
    for state in State:
        a_task(session, cast=cast, state=state)
    twice = an_inbound(session, cast=cast)
    received(session, a_text_from(sid=twice.provider_sid), practice_id=cast.practice_id)
    an_inbound(session, cast=cast, number=a_number(), body="STOP")
    task = a_task(session, cast=cast, assignees=[cast.ben, cast.ana])
    a_reply(session, by=cast.ben, task=task)
    a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    sending.deliver_due(PaperCarrier().of, nowhere, AtOnce(), settle=SETTLE)
    a_reply(session, by=cast.ana, task=task)
    message = session.get_one(Message, task.last_message_id)
    stars.star(session, message, by=cast.ben, now=clock.now(session))
    kept, merged = (a_patient(session, cast=cast, number=a_number()) for _ in range(2))
    merging.merge(session, kept, merged, take={}, by=cast.ana)
    heartbeat.take_slot(session, "sweep", every=timedelta(seconds=2))
    session.commit()


def broken_by(session: Session, superuser: Connection, statements: str) -> set[str]:
    """Which promises break after these statements, with triggers and references switched off."""
    superuser.execute(text("set local session_replication_role = replica"))
    for statement in statements.split(";"):
        assert superuser.execute(text(statement)).rowcount != 0, f"nothing was broken by {statement}"
    return verify.verify(session).broken


def named(name: str, report: verify.Report) -> verify.Finding:
    return next(finding for finding in report.findings if finding.name == name)


BROKEN_ROWS = {
    "a birth date that nobody gave": (
        "I14",
        "update phone_use set verification = 'enabled', verified_since = now()",
    ),
    "a fourth try": (
        "I14",
        """alter table phone_use drop constraint ck_phone_use_wrong_dates;
        update phone_use set verification = 'pending', verified_since = now(), wrong_dates = 3""",
    ),
    "a question that waits for ever": (
        "I14",
        "update phone_use set verification = 'pending', verified_since = now() - interval '15 days'",
    ),
    "a question that was never asked": (
        "I14",
        "update phone_use set verification = 'pending', verified_since = now()",
    ),
    "a filed text without its message": (
        "I1",
        """alter table inbound drop constraint ck_inbound_filed_has_message;
        update inbound set message_id = null where state = 'filed'""",
    ),
    "two texts of one message": (
        "I1",
        """drop index uq_inbound_message;
        update inbound i set message_id = o.message_id from inbound o
        where i.state = 'filed' and o.state = 'filed' and i.id <> o.id""",
    ),
    "a text that was taken in twice": (
        "I1",
        """drop index uq_inbound_sid;
        update inbound set provider_sid = (select min(provider_sid) from inbound) where state = 'filed'
        """,
    ),
    "a duplicate of another text": (
        "I1",
        """update inbound i set duplicate_of_id = o.id from inbound o
        where i.state = 'duplicate' and o.provider_sid <> i.provider_sid""",
    ),
    "a message without a task": ("I1", "delete from task_message"),
    "a STOP without its event": ("I1", "delete from consent_event"),
    "a STOP with two events": (
        "I1",
        """insert into consent_event (id, practice_id, phone_id, kind, source, inbound_id, at)
        select gen_random_uuid(), practice_id, phone_id, kind, source, inbound_id, at from consent_event""",
    ),
    "a message in two tasks": (
        "I1",
        """alter table task_message drop constraint pk_task_message;
        insert into task_message select message_id, practice_id, task_id from task_message""",
    ),
    "messages in the tasks of other conversations": (
        "I1",
        """update task_message b set task_id = t.id from task t, message m
        where m.id = b.message_id and m.conversation_id <> t.conversation_id""",
    ),
    "a text that nobody files": (
        "I2",
        """insert into inbound (id, practice_id, provider_sid, via, conversation_key, from_number, to_number, body,
          media, params, sent_at, received_at, next_attempt_at, state, attempts)
        select gen_random_uuid(), practice_id, 'SM0', via, 'key', from_number, to_number, body, media, params,
          sent_at, now() - interval '1 hour', now() - interval '1 hour', 'new', 0
        from inbound limit 1""",
    ),
    "a sender that vanished": (
        "I2",
        """update outbound_text set state = 'sending', lease_until = now() - interval '2 minutes'
        where state = 'queued'""",
    ),
    "a gap in a history": ("I3", "delete from task_event where move = 'assign'"),
    "a history that ends elsewhere": (
        "I3",
        "update task_event set to_state = 'deleted' where move = 'complete'",
    ),
    "a version without its event": ("I3", "update task set version = version + 1 where state = 'pending'"),
    "a task that moved in secret": (
        "I3",
        "update task set state = 'deleted' where state = 'completed'",
    ),
    "an assignee whom the history does not know": (
        "I3",
        """insert into assignment (id, practice_id, task_id, member_id, assigned_at)
        select gen_random_uuid(), t.practice_id, t.id, m.id, now() from task t join member m
        on m.practice_id = t.practice_id and m.login = 'admin' where t.state = 'assigned'""",
    ),
    "a step that no table allows": ("I3", "update task_event set move = 'unassign' where move = 'assign'"),
    "an assignee who left": ("I4", "update member set is_active = false where login = 'ben'"),
    "an assignee who may not read": (
        "I4",
        """update role set messages = 'none' from member m where m.role_id = role.id and m.login = 'ben'""",
    ),
    "a closed task that somebody still has": (
        "I4",
        """insert into assignment (id, practice_id, task_id, member_id, assigned_at)
        select gen_random_uuid(), t.practice_id, t.id, m.id, now() from task t join member m
        on m.practice_id = t.practice_id and m.login = 'ana' where t.state = 'completed'""",
    ),
    "a sent text without the carrier's id": (
        "I5",
        """alter table outbound_text drop constraint ck_outbound_text_sent_has_sid;
        update outbound_text set provider_sid = null where state = 'sent'""",
    ),
    "two texts with the same id of the carrier": (
        "I5",
        """alter table outbound_text drop constraint uq_outbound_text_provider_sid;
        update outbound_text set provider_sid = 'SM1' where state = 'sent'""",
    ),
    "a reply that nothing sends": ("I5", "delete from outbound_text"),
    "a step without its audit row": ("I6", "delete from audit where action = 'task_moved'"),
    "an audit row of another transaction": (
        "I6",
        "update audit set transaction_id = transaction_id - 1 where action = 'task_opened'",
    ),
    "a text without its audit row": (
        "I6",
        "delete from audit where action in ('text_queued', 'text_changed')",
    ),
    "a tick that ran twice": (
        "I7",
        """alter table tick_run drop constraint pk_tick_run;
        insert into tick_run select job, slot, at from tick_run""",
    ),
    "a message of a record that was merged": (
        "I12",
        "update message set patient_id = (select merged_id from patient_merge limit 1) where direction = 'out'",
    ),
    "a number that stayed behind": (
        "I12",
        """update phone_use u set patient_id = g.merged_id from patient_merge g where g.kept_id = u.patient_id""",
    ),
    "a merged record without its merge": ("I12", "delete from patient_merge"),
    "a merge whose record is apart": (
        "I12",
        "update patient set merged_into_id = null where archived_at is not null",
    ),
    "a text that is another patient's than its task": (
        "I13",
        """insert into patient (id, practice_id, kind, first_name, last_name, name_key, chart_number, language,
          texting_on, created_at)
        select gen_random_uuid(), practice_id, kind, 'Ot', 'Her', 'ot her', '2', language, true, created_at
        from patient limit 1;
        update task set patient_id = (select id from patient where chart_number = '2') where state = 'completed';
        update message set patient_id = (select id from patient where chart_number = '1001')
        where direction = 'in'""",
    ),
    "an open task that did not follow its conversation": (
        "I13",
        """update task set patient_id = (select id from patient limit 1)
        where state = 'pending' and patient_id is null""",
    ),
    "a patient chosen who is not reached there": (
        "I13",
        """update task set patient_id = null; update message set patient_id = null;
        update conversation set patient_id = (select id from patient limit 1),
          chosen_patient_id = (select id from patient limit 1);
        update task t set patient_id = c.patient_id from conversation c where c.id = t.conversation_id""",
    ),
    "nobody's number that somebody has": (
        "I13",
        "update conversation set is_nobody = true where patient_id is not null",
    ),
    "a number of another practice's facility": (
        "I8",
        """update facility set practice_id = (select practice_id from member where login = 'dan')
        where name = 'North'""",
    ),
    "a task that a stranger assigned": (
        "I8",
        """update assignment set assigned_by_id = (select id from member where login = 'dan')""",
    ),
}


@pytest.mark.parametrize("what", BROKEN_ROWS)
def test_each_broken_row_is_seen_as_what_it_is(what: str, superuser: Connection, session: Session) -> None:
    name, statements = BROKEN_ROWS[what]

    assert broken_by(session, superuser, statements) == {name}


def test_an_assignment_that_ended_in_secret_breaks_history_and_state(
    superuser: Connection, session: Session
) -> None:
    assert broken_by(session, superuser, "update assignment set ended_at = assigned_at") == {"I3", "I4"}


def test_a_number_of_rows_in_the_wrong_practice_makes_wrong_counts(
    superuser: Connection, session: Session
) -> None:
    enrolled_elsewhere = """
        insert into program (id, practice_id, name)
        select gen_random_uuid(), practice_id, 'Elsewhere' from member where login = 'dan';
        insert into program_restriction (practice_id, member_id, program_id)
        select m.practice_id, m.id, p.id from member m, program p where m.login = 'ana';
        insert into enrolment (practice_id, patient_id, program_id)
        select p.practice_id, t.id, p.id from program p, patient t where t.chart_number = '1001'
        """

    assert broken_by(session, superuser, enrolled_elsewhere) == {"I8", "I10"}


def test_a_busy_day_breaks_nothing(superuser: Connection, session: Session) -> None:
    report = verify.verify(session)

    assert report.broken == set()
    assert report.is_clean
    assert [finding.name for finding in report.findings] == [
        "I1",
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I8",
        "I10",
        "I11",
        "I12",
        "I13",
        "I14",
    ]
    assert all(finding.looked_at > 0 for finding in report.findings if finding.name != "I11")


def test_one_practice_is_checked_without_the_others(superuser: Connection, session: Session) -> None:
    cast = load(session)
    superuser.execute(text("set local session_replication_role = replica"))
    superuser.execute(text("delete from task_event"))

    assert verify.verify(session, practice_id=cast.practice_id).broken == {"I3"}
    assert verify.verify(session, practice_id=cast.other_practice.id).is_clean


def test_no_more_ids_are_shown_than_a_person_can_read(superuser: Connection, session: Session) -> None:
    cast = load(session)
    for _ in range(verify.MOST_SHOWN + 1):
        a_task(session, cast=cast)
    superuser.execute(text("set local session_replication_role = replica"))
    superuser.execute(text("delete from task_event"))

    finding = next(one for one in verify.verify(session).findings if one.name == "I3")

    assert len(finding.problems[0].ids) == verify.MOST_SHOWN


def test_walls_count_as_they_do_on_the_pages(session: Session, superuser: Connection) -> None:
    cast = load(session)
    role = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    program = a_program(session, cast=cast)
    fern = a_member(session, cast=cast, role=role, facilities=[cast.south])
    a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    a_task(session, cast=cast, to=SOUTH_NUMBER, assignees=[fern])
    session.commit()

    assert verify.verify(session).broken == set()


def test_texts_that_never_arrived_are_seen(superuser: Connection, session: Session) -> None:
    carrier = PaperCarrier(now=lambda: clock.now(session) - timedelta(minutes=5))
    lost = carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Are you there?", is_inbound=True)
    sent = session.scalars(select(OutboundText).where(OutboundText.state == OutboundState.SENT)).all()

    finding = named("I11", verify.verify(session, carrier.of))

    assert finding.problems[0].ids == (lost.sid,)
    assert sent


def test_texts_that_the_carrier_does_not_have_are_seen(superuser: Connection, session: Session) -> None:
    superuser.execute(text("update outbound_text set first_claim_at = first_claim_at - interval '5 minutes'"))
    sent = session.scalars(select(OutboundText).where(OutboundText.state == OutboundState.SENT)).all()

    finding = named("I11", verify.verify(session, PaperCarrier().of))

    assert set(finding.problems[0].ids) == {str(one.message_id) for one in sent}


def test_what_is_on_its_way_is_not_missed(superuser: Connection, session: Session) -> None:
    carrier = PaperCarrier()
    carrier.keep(PAT_NUMBER, NORTH_NUMBER, "Just now", is_inbound=True)

    assert verify.verify(session, carrier.of).is_clean


def test_a_carrier_that_does_not_answer_is_said(superuser: Connection, session: Session) -> None:
    carrier = PaperCarrier()
    carrier.is_away = True

    report = verify.verify(session, carrier.of)

    assert report.is_clean
    assert named("I11", report).note == "3 numbers were not compared: the carrier did not answer"


def printed(report: verify.Report) -> str:
    shown = io.StringIO()
    report.print(Console(file=shown, width=200))
    return shown.getvalue()


def test_a_clean_report_is_printed_with_its_figures(fresh_cast: Cast) -> None:
    shown = printed(verify.verify_now())

    assert "I10" in shown
    assert "Every promise holds." in shown


def test_a_broken_promise_is_printed_with_the_ids(fresh_cast: Cast, fresh_session: Session) -> None:
    task = a_task(fresh_session, cast=fresh_cast)
    fresh_session.execute(text("delete from task_event"))
    fresh_session.commit()

    report = verify.verify_now()

    assert not report.is_clean
    assert str(task.id) in printed(report)
    assert "BROKEN: I3" in printed(report)


def test_a_report_can_be_read_by_a_program(superuser: Connection, session: Session) -> None:
    superuser.execute(text("set local session_replication_role = replica"))
    superuser.execute(text("delete from task_event"))

    found = {one["name"]: one for one in verify.verify(session).as_json()}

    assert found["I3"]["problems"][0]["what"] == "task that is not where its history ends"
    assert found["I4"]["problems"] == []
