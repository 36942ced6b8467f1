"""`triage verify` holds on what the product writes, and sees every kind of broken row."""

import io
from datetime import timedelta

import pytest
from rich.console import Console
from sqlalchemy import Connection, text
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
    conversation_of,
    received,
)
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import NORTH_NUMBER, PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations import sending
from triage.domain.conversations.message import Message
from triage.domain.inbox import stars, transitions
from triage.domain.inbox.task import State
from triage.domain.intake import process
from triage.domain.practice.privileges import Messages
from triage.kit import clock, heartbeat

SETTLE = timedelta(seconds=60)


@pytest.fixture
def carrier() -> PaperCarrier:
    return PaperCarrier()


def a_busy_day(session: Session, cast: Cast, carrier: PaperCarrier) -> None:
    """Tasks in every state, texts in and out, a duplicate, a STOP, a star, a tick."""
    for state in State:
        a_task(session, cast=cast, state=state)
    twice = an_inbound(session, cast=cast)
    received(session, a_text_from(sid=twice.provider_sid), practice_id=cast.practice_id)
    an_inbound(session, cast=cast, number=a_number(), body="STOP")
    task = a_task(session, cast=cast, assignees=[cast.ben, cast.ana])
    a_reply(session, by=cast.ben, task=task)
    a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=SETTLE)
    a_reply(session, by=cast.ana, task=task)
    message = session.get_one(Message, task.last_message_id)
    stars.star(session, message, by=cast.ben, now=clock.now(session))
    heartbeat.take_slot(session, "sweep", every=timedelta(seconds=2))
    session.commit()


def broken_by(session: Session, superuser: Connection, statements: str) -> set[str]:
    """Which promises break after these statements, with triggers and references switched off."""
    assert verify.verify(session).broken == set()
    superuser.execute(text("set local session_replication_role = replica"))
    for statement in statements.split(";"):
        assert superuser.execute(text(statement)).rowcount != 0, f"nothing was broken by {statement}"
    return verify.verify(session).broken


BROKEN_ROWS = {
    "a filed text without its message": (
        "I1",
        """alter table inbound drop constraint ck_inbound_filed_has_message;
        update inbound set message_id = null where id = (select max(id::text)::uuid from inbound where state = 'filed')""",
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
    "a history that ends elsewhere": ("I3", "update task_event set to_state = 'deleted' where move = 'complete'"),
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
    "a text without its audit row": ("I6", "delete from audit where action in ('text_queued', 'text_changed')"),
    "a tick that ran twice": (
        "I7",
        """alter table tick_run drop constraint pk_tick_run;
        insert into tick_run select job, slot, at from tick_run""",
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
def test_each_broken_row_is_seen_as_what_it_is(
    what: str, superuser: Connection, session: Session, cast: Cast, carrier: PaperCarrier
) -> None:
    a_busy_day(session, cast, carrier)
    name, statements = BROKEN_ROWS[what]

    assert broken_by(session, superuser, statements) == {name}


def test_an_assignment_that_ended_in_secret_breaks_history_and_state(
    superuser: Connection, session: Session, cast: Cast, carrier: PaperCarrier
) -> None:
    a_busy_day(session, cast, carrier)

    assert broken_by(session, superuser, "update assignment set ended_at = assigned_at") == {"I3", "I4", "I10"}
