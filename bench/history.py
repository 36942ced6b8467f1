"""A practice of any size, written by a few statements: patients, and years of texts and tasks.

The rows are such as the product itself would have left. Ids follow from a row's number, so a statement needs no join.
"""

from typing import NamedTuple
from uuid import UUID

import psycopg

from bench import clinic

# One kind of row each; the first part of its ids.
(
    _PATIENT,
    _PHONE,
    _USE,
    _CONVERSATION,
    _MESSAGE,
    _REPLY,
    _TASK,
    _EVENT,
    _ASSIGNMENT,
    _AUDIT,
    _INBOUND,
    _WHY,
) = range(1, 13)


# Of the replies to so many of the newest tasks nobody has dismissed a failure yet.
FAILURES_AMONG = 10_000


class Size(NamedTuple):
    """`open_tasks` of the `tasks` wait, the newest ones; each is of a patient of its own.

    `strangers` come after the `patients`: they are in the records and have never written.
    """

    patients: int
    tasks: int = 0
    open_tasks: int = 0
    strangers: int = 0


def _number(place: str) -> str:
    """`clinic.phone_number`, in SQL."""
    return f"'+1' || (202 + {place} / 1000000) || lpad((5550200 + {place} %% 1000000)::text, 7, '0')"


_IDS = """
create or replace function bench_id(kind int, place bigint) returns uuid language sql immutable parallel safe as $$
select (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(place), 12, '0'))::uuid $$
"""

_NAMES = """
create or replace function bench_name(place bigint) returns text language sql immutable parallel safe as $$
select initcap(
  substr('bacadafagahalamanaparasatavaza', (place * 7 % 15)::int * 2 + 1, 2)
  || substr('lorinemiratonduskelvarbenhol', (place / 15 % 14)::int * 2 + 1, 2)
  || substr('sonmanleybergtonwoodfieldskiovich', (place / 210 % 16)::int * 2 + 1, 3))
|| case when place >= 3360 then ' ' || chr(65 + (place / 3360 % 26)::int) else '' end $$
"""

_PATIENTS = f"""
insert into patient (id, practice_id, kind, first_name, last_name, name_key, chart_number, language, texting_on, created_at)
select bench_id({_PATIENT}, n), %(practice)s, 'person', bench_name(n * 31 %% 200003), bench_name(n),
  lower(bench_name(n) || ' ' || bench_name(n * 31 %% 200003)), 'B' || n, 'en', true, now()
from generate_series(%(first)s, %(last)s) n;
insert into phone (id, practice_id, number, texting_on, is_landline, created_at)
select bench_id({_PHONE}, n), %(practice)s, {_number("n")}, true, false, now()
from generate_series(%(first)s, %(last)s) n;
insert into phone_use (id, practice_id, phone_id, patient_id, consented_at, consented_how)
select bench_id({_USE}, n), %(practice)s, bench_id({_PHONE}, n), bench_id({_PATIENT}, n), now(), 'paper'
from generate_series(%(first)s, %(last)s) n;
"""

_CARE_TEAMS = f"""
insert into care_team_member (practice_id, patient_id, member_id, role, is_primary)
select %(practice)s, bench_id({_PATIENT}, n), (%(members)s::uuid[])[1 + n %% %(member_count)s], '', true
from generate_series(%(first)s, %(last)s) n;
update practice set assign_care_team = true where id = %(practice)s;
"""

# What follows speaks of task n, of the patient n modulo the number of patients, opened at `_OPENED`.
_OPENED = "now() - interval '1 minute' * (%(last)s - n) * %(minutes)s"
_PATIENT_OF = "n %% %(patients)s"
_IS_OPEN = "n > %(last)s - %(open)s"
_STATE = f"case when {_IS_OPEN} then case when n %% 5 < 3 then 'pending' else 'assigned' end when n %% 20 = 0 then 'deleted' else 'completed' end"
_IS_ASSIGNED = "n %% 5 >= 3"
_IS_ANSWERED = f"(not ({_IS_OPEN}) and n %% 2 = 0)"
_MEMBER = "(%(members)s::uuid[])[1 + n %% %(member_count)s]"
_EACH = "from generate_series(%(first)s, %(last)s) n"

_CONVERSATIONS = f"""
insert into conversation (id, practice_id, practice_number_id, phone_id, patient_id, last_inbound_at, last_message_at,
  unread_since, created_at)
select bench_id({_CONVERSATION}, p), %(practice)s, %(number)s, bench_id({_PHONE}, p), bench_id({_PATIENT}, p),
  now() - interval '1 day', now() - interval '1 day', case when p %% 7 = 0 then now() - interval '1 day' end, now() - interval '3 years'
from generate_series(0, %(patients)s - 1) p;
"""

_MESSAGES = f"""
insert into message (id, practice_id, conversation_id, patient_id, direction, body, media, is_automatic, at)
select bench_id({_MESSAGE}, n), %(practice)s, bench_id({_CONVERSATION}, {_PATIENT_OF}), bench_id({_PATIENT}, {_PATIENT_OF}), 'in',
  'Hello, it is about my prescription, question ' || n || '. Could somebody call me back this afternoon, please?', '[]', false, {_OPENED}
{_EACH};
insert into message (id, practice_id, conversation_id, patient_id, direction, body, media, sent_by_id, is_automatic, at)
select bench_id({_REPLY}, n), %(practice)s, bench_id({_CONVERSATION}, {_PATIENT_OF}), bench_id({_PATIENT}, {_PATIENT_OF}), 'out',
  'Thank you for writing. We will call you today. (' || n || ')', '[]', {_MEMBER}, false, {_OPENED} + interval '20 seconds'
{_EACH} where {_IS_ANSWERED};
insert into outbound_text (message_id, practice_id, from_number, to_number, state, due_at, queued_at, attempts, looks,
  was_requeued, provider_sid, carrier_status, carrier_rank, is_failed, dismissed_at, changed_at)
select bench_id({_REPLY}, n), %(practice)s, '{clinic.NUMBER}', {_number("p")}, 'sent', at, at, 1, 0,
  false, 'SM' || md5(n::text), case when n %% 500 = 0 then 'undelivered' else 'delivered' end, 70, n %% 500 = 0,
  case when n %% 500 = 0 and n <= %(last)s - {FAILURES_AMONG} then at end, at
from (select n, {_PATIENT_OF} as p, {_OPENED} as at {_EACH} where {_IS_ANSWERED}) r;
"""

_TASKS = f"""
insert into task (id, practice_id, conversation_id, patient_id, kind, state, version, gathers, owner_id, last_message_id,
  opened_at, waiting_since, closed_at, closed_by_id)
select bench_id({_TASK}, n), %(practice)s, bench_id({_CONVERSATION}, {_PATIENT_OF}), bench_id({_PATIENT}, {_PATIENT_OF}), 'message', {_STATE},
  case when {_IS_OPEN} then 1 else 2 end, true, case when {_IS_OPEN} and {_IS_ASSIGNED} then {_MEMBER} end,
  bench_id({_MESSAGE}, n), {_OPENED}, {_OPENED},
  case when not ({_IS_OPEN}) then {_OPENED} + interval '25 seconds' end, case when not ({_IS_OPEN}) then {_MEMBER} end
{_EACH};
insert into task_message (message_id, practice_id, task_id)
select bench_id({_MESSAGE}, n), %(practice)s, bench_id({_TASK}, n) {_EACH};
insert into assignment (id, practice_id, task_id, member_id, assigned_at, ended_at)
select bench_id({_ASSIGNMENT}, n), %(practice)s, bench_id({_TASK}, n), {_MEMBER}, {_OPENED},
  case when not ({_IS_OPEN}) then {_OPENED} + interval '25 seconds' end
{_EACH} where {_IS_ASSIGNED};
insert into task_event (id, practice_id, task_id, version, move, from_state, to_state, member_id, why, assignees, at)
select bench_id({_EVENT}, 2 * n), %(practice)s, bench_id({_TASK}, n), 1, 'opened', null,
  case when {_IS_ASSIGNED} then 'assigned' else 'pending' end, null, 'no_rule', '[]', {_OPENED} {_EACH};
insert into task_event (id, practice_id, task_id, version, move, from_state, to_state, member_id, why, assignees, at)
select bench_id({_EVENT}, 2 * n + 1), %(practice)s, bench_id({_TASK}, n), 2, 'complete',
  case when {_IS_ASSIGNED} then 'assigned' else 'pending' end, {_STATE}, {_MEMBER}, '', '[]', {_OPENED} + interval '25 seconds'
{_EACH} where not ({_IS_OPEN});
insert into assignment_explanation (id, practice_id, task_id, task_version, rule, tried, at)
select bench_id({_WHY}, n), %(practice)s, bench_id({_TASK}, n), 1, null,
  '[{{"rule": "last_sender", "outcome": "nobody has written to this patient", "candidates": []}}]', {_OPENED} {_EACH};
insert into audit (id, practice_id, action, subject_id, patient_id, detail, at)
select bench_id({_AUDIT}, n), %(practice)s, 'task_opened', bench_id({_TASK}, n), bench_id({_PATIENT}, {_PATIENT_OF}), '{{}}', {_OPENED}
{_EACH};
insert into inbound (id, practice_id, provider_sid, via, conversation_key, from_number, to_number, body, media, params,
  sent_at, received_at, state, message_id, attempts, next_attempt_at, filed_at)
select bench_id({_INBOUND}, n), %(practice)s, 'SM' || md5('in' || n), 'webhook', 'past', '+12025550000', '{clinic.NUMBER}',
  'Hello, it is about my prescription, question ' || n, '[]', '{{}}', {_OPENED}, {_OPENED}, 'filed', bench_id({_MESSAGE}, n),
  1, {_OPENED}, {_OPENED} {_EACH};
"""

_YEARS_IN_MINUTES = 3 * 365 * 24 * 60


def write(administrator_url: str, size: Size, *, care_teams: bool = False) -> None:
    """Into a migrated database that `clinic.populate` has filled, without patients of its own.

    As administrator: references are known to hold here, and checking a million of them takes longer than all else.
    """
    with psycopg.connect(administrator_url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set synchronous_commit = off")
        connection.execute("set maintenance_work_mem = '256MB'")
        connection.execute(_IDS)
        connection.execute(_NAMES)
        given = _given(connection, size)
        everybody = given | {"first": 0, "last": size.patients + size.strangers - 1}
        _run(connection, _PATIENTS, everybody)
        if care_teams:
            _run(connection, _CARE_TEAMS, everybody)
        if size.tasks:
            for part in (_CONVERSATIONS, _MESSAGES, _TASKS):
                _run(connection, part, given)
        connection.execute("vacuum analyze")


def lengthen(administrator_url: str, conversation_id: UUID, messages: int) -> None:
    """Older texts for a conversation, until it has so many."""
    with psycopg.connect(administrator_url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(_OLDER, {"conversation": conversation_id, "messages": messages})


_OLDER = """
insert into message (id, practice_id, conversation_id, patient_id, direction, body, media, is_automatic, at)
select gen_random_uuid(), practice_id, id, patient_id, 'in', 'An older question, number ' || n, '[]', false,
  now() - interval '4 years' + interval '1 day' * n
from conversation, generate_series(1, %(messages)s - (select count(*) from message where conversation_id = %(conversation)s)) n
where id = %(conversation)s
"""


def _given(connection: psycopg.Connection, size: Size) -> dict[str, object]:
    practice, number = (
        connection.execute("select practice_id, id from practice_number limit 1").fetchone() or ()
    )
    members = [row[0] for row in connection.execute("select id from member order by login")]
    return {
        "practice": practice,
        "number": number,
        "members": members,
        "member_count": len(members),
        "patients": size.patients,
        "open": size.open_tasks,
        "first": 1,
        "last": size.tasks,
        "minutes": _YEARS_IN_MINUTES / max(size.tasks, 1),
    }


def _run(connection: psycopg.Connection, statements: str, given: dict[str, object]) -> None:
    with psycopg.ClientCursor(connection) as cursor:
        for statement in statements.split(";\n"):
            if statement.strip():
                cursor.execute(statement, given)
