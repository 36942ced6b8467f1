"""What `triage verify` proves, as queries for the rows that break it."""

from typing import NamedTuple

from sqlalchemy import text

from triage.domain.inbox.transitions import MOVES


class Promise(NamedTuple):
    """`rows` are the tables whose rows are looked at; each check is a sentence and a query for offending ids.

    In a query, `mine(x)` stands for "x belongs to the practice that was asked for".
    """

    name: str
    sentence: str
    rows: tuple[str, ...]
    checks: tuple[tuple[str, str], ...]


def _legal_moves() -> str:
    """Every step that the table of moves allows, and the two that a text makes."""
    steps = [
        (move.value, before.value, after.value)
        for move, (befores, afters) in MOVES.items()
        for before in befores
        for after in afters
    ]
    steps += [("joined", "pending", "pending"), ("joined", "pending", "assigned")]
    steps += [("joined", "assigned", "assigned")]
    return ", ".join(f"('{move}', '{before}', '{after}')" for move, before, after in sorted(steps))


PROMISES = (
    Promise(
        "I1",
        "Every text is filed exactly once, with one task or one event that says why it has none",
        ("inbound", "message", "task_message"),
        (
            (
                "filed without its message",
                """
                select i.id from inbound i
                left join message m
                  on m.id = i.message_id and m.practice_id = i.practice_id and m.direction = 'in'
                where mine(i) and i.state = 'filed' and m.id is null
                """,
            ),
            (
                "message that no text was filed as",
                """
                select m.id from message m left join inbound i on i.message_id = m.id and i.state = 'filed'
                where mine(m) and m.direction = 'in' and i.id is null
                """,
            ),
            (
                "message that several texts were filed as",
                """
                select i.message_id from inbound i where mine(i) and i.message_id is not null
                group by i.message_id having count(*) > 1
                """,
            ),
            (
                "carrier's id that was taken in twice",
                """
                select i.provider_sid from inbound i
                where mine(i) and i.state not in ('duplicate', 'quarantined')
                group by i.practice_id, i.provider_sid having count(*) > 1
                """,
            ),
            (
                "duplicate of something else",
                """
                select i.id from inbound i left join inbound o on o.id = i.duplicate_of_id
                where mine(i) and i.state = 'duplicate'
                  and (o.id is null or o.state = 'duplicate' or o.provider_sid <> i.provider_sid)
                """,
            ),
            (
                "message without a task and without one event that says why",
                """
                select m.id from message m
                join inbound i on i.message_id = m.id
                left join task_message b on b.message_id = m.id
                left join (
                  select c.inbound_id, count(*) as events from consent_event c
                  where c.inbound_id is not null group by c.inbound_id) c on c.inbound_id = i.id
                where mine(m) and m.direction = 'in' and b.message_id is null and coalesce(c.events, 0) <> 1
                """,
            ),
            (
                "message in several tasks",
                """
                select b.message_id from task_message b where mine(b)
                group by b.message_id having count(*) > 1
                """,
            ),
            (
                "message in a task of another conversation",
                """
                select b.message_id from task_message b
                join message m on m.id = b.message_id join task t on t.id = b.task_id
                where mine(b) and (m.conversation_id <> t.conversation_id or m.direction <> 'in')
                """,
            ),
            (
                "task whose newest message is not its own",
                """
                select t.id from task t
                left join task_message b on b.message_id = t.last_message_id and b.task_id = t.id
                where mine(t) and t.kind = 'message' and b.message_id is null
                """,
            ),
        ),
    ),
    Promise(
        "I2",
        "Nothing is stuck: no text waits unfiled, no sender holds one past its lease",
        ("inbound", "outbound_text"),
        (
            (
                "text that nobody files",
                """
                select i.id from inbound i where mine(i) and i.state = 'new'
                  and (greatest(i.next_attempt_at, i.lease_until) < :now - interval '60 seconds'
                       or i.received_at < :now - interval '10 minutes')
                """,
            ),
            (
                "text whose sender vanished",
                """
                select o.message_id from outbound_text o
                where mine(o) and o.state = 'sending' and o.lease_until < :now - interval '60 seconds'
                """,
            ),
        ),
    ),
    Promise(
        "I3",
        "A task's history has no gap, and replaying it gives its state and its assignees",
        ("task", "task_event"),
        (
            (
                "gap or jump in the history",
                """
                select distinct h.task_id from (
                  select e.task_id, e.version, e.move, e.from_state,
                    row_number() over history as place, lag(e.to_state) over history as before
                  from task_event e where mine(e)
                  window history as (partition by e.task_id order by e.version)) h
                where h.version <> h.place or h.from_state is distinct from h.before
                   or (h.move = 'opened') <> (h.place = 1)
                """,
            ),
            (
                "step that the table of moves does not know",
                f"""
                select e.task_id from task_event e where mine(e) and e.move not in ('opened', 'undo')
                  and (e.move, e.from_state, e.to_state) not in ({_legal_moves()})
                """,
            ),
            (
                "task that is not where its history ends",
                """
                select t.id from task t left join (
                  select e.task_id, max(e.version) as version from task_event e where mine(e) group by e.task_id
                ) newest on newest.task_id = t.id
                left join task_event e on e.task_id = t.id and e.version = newest.version
                where mine(t)
                  and (newest.version is distinct from t.version or e.to_state is distinct from t.state)
                """,
            ),
            (
                "task that others have than its history says",
                """
                select t.id from task t
                join task_event e on e.task_id = t.id and e.version = t.version
                left join (
                  select a.task_id, array_agg(a.member_id::text order by a.member_id::text) as who
                  from assignment a where a.ended_at is null group by a.task_id) has on has.task_id = t.id
                cross join lateral (
                  select array_agg(one order by one) as who
                  from jsonb_array_elements_text(e.assignees) as one) said
                where mine(t) and t.state in ('pending', 'assigned')
                  and (said.who is distinct from has.who
                       or (e.assignees ->> 0) is distinct from t.owner_id::text)
                """,
            ),
        ),
    ),
    Promise(
        "I4",
        "A task is assigned exactly when somebody who may read it has it",
        ("task", "assignment"),
        (
            (
                "assigned to nobody, or its owner does not have it",
                """
                select t.id from task t where mine(t) and t.state = 'assigned' and not exists (
                  select from assignment a
                  where a.task_id = t.id and a.member_id = t.owner_id and a.ended_at is null)
                """,
            ),
            (
                "not assigned, and somebody has it",
                """
                select t.id from task t where mine(t) and t.state <> 'assigned'
                  and (t.owner_id is not null or exists (
                    select from assignment a where a.task_id = t.id and a.ended_at is null))
                """,
            ),
            (
                "with a member who left, may not read, or works elsewhere",
                """
                select a.task_id from assignment a
                join member m on m.id = a.member_id join role r on r.id = m.role_id
                where mine(a) and a.ended_at is null
                  and (not m.is_active or r.messages = 'none' or m.practice_id <> a.practice_id)
                """,
            ),
        ),
    ),
    Promise(
        "I5",
        "A text that was sent has the carrier's id, and no other text has the same",
        ("outbound_text",),
        (
            (
                "sent without the carrier's id",
                """
                select o.message_id from outbound_text o
                where mine(o) and o.state = 'sent' and o.provider_sid is null
                """,
            ),
            (
                "carrier's id of several texts",
                """
                select o.provider_sid from outbound_text o where mine(o) and o.provider_sid is not null
                group by o.provider_sid having count(*) > 1
                """,
            ),
            (
                "outgoing message that nothing sends",
                """
                select m.id from message m left join outbound_text o on o.message_id = m.id
                where mine(m) and m.direction = 'out' and o.message_id is null
                """,
            ),
        ),
    ),
    Promise(
        "I6",
        "Every step of a task or a text has its audit row, written in the same transaction",
        ("task_event", "outbound_text", "audit"),
        (
            (
                "step of a task without its audit row",
                """
                select e.task_id from (
                  select e.task_id, e.transaction_id, count(*) as steps from task_event e
                  where mine(e) group by e.task_id, e.transaction_id) e
                left join (
                  select a.subject_id, a.transaction_id, count(*) as deeds from audit a
                  where mine(a) and a.action in ('task_opened', 'task_joined', 'task_moved')
                  group by a.subject_id, a.transaction_id) a
                  on a.subject_id = e.task_id and a.transaction_id = e.transaction_id
                where coalesce(a.deeds, 0) < e.steps
                """,
            ),
            (
                "change of a text without its audit row",
                """
                select o.message_id from outbound_text o
                where mine(o) and not exists (
                  select from audit a
                  where a.subject_id = o.message_id and a.transaction_id = o.changed_in
                    and a.practice_id = o.practice_id and a.action in ('text_queued', 'text_changed'))
                """,
            ),
        ),
    ),
    Promise(
        "I13",
        "A text is one patient's: what is chosen for a number holds for its open tasks, and their texts follow",
        ("conversation", "task", "message"),
        (
            (
                "text of one patient in a task of another",
                """
                select m.id from task_message b
                join message m on m.id = b.message_id join task t on t.id = b.task_id
                where mine(b) and m.patient_id <> t.patient_id
                """,
            ),
            (
                "open task of another patient than its conversation",
                """
                select t.id from task t join conversation c on c.id = t.conversation_id
                where mine(t) and t.state in ('pending', 'assigned')
                  and t.patient_id is distinct from c.patient_id
                """,
            ),
            (
                "patient chosen who is not reached at the number",
                """
                select c.id from conversation c
                where mine(c) and c.chosen_patient_id is not null
                  and (c.patient_id is distinct from c.chosen_patient_id or not exists (
                    select from phone_use u where u.phone_id = c.phone_id
                      and u.patient_id = c.chosen_patient_id and u.ended_at is null))
                """,
            ),
            (
                "number of nobody that somebody uses",
                """
                select c.id from conversation c join patient p on p.id = c.patient_id
                where mine(c) and c.is_nobody
                """,
            ),
        ),
    ),
    Promise(
        "I7",
        "No tick of the scheduler ran twice",
        ("tick_run",),
        (
            (
                "slot that was taken twice",
                "select r.job || ':' || r.slot from tick_run r group by r.job, r.slot having count(*) > 1",
            ),
        ),
    ),
    Promise(
        "I12",
        "A record that was merged into another has nothing of its own, and its merge is written down",
        ("patient", "patient_merge"),
        (
            (
                "message, task or conversation of a record that was merged",
                """
                select x.id from (
                  select id, practice_id, patient_id from message union all
                  select id, practice_id, patient_id from task union all
                  select id, practice_id, patient_id from conversation) x
                join patient p on p.id = x.patient_id
                where mine(x) and p.merged_into_id is not null
                """,
            ),
            (
                "number of a merged record that the other does not have",
                """
                select u.id from phone_use u join patient p on p.id = u.patient_id
                where mine(u) and p.merged_into_id is not null and not exists (
                  select from phone_use o where o.patient_id <> u.patient_id and o.phone_id = u.phone_id
                    and o.contact_id is not distinct from u.contact_id)
                """,
            ),
            (
                "merged record without its merge, or a merge without its record",
                """
                select p.id from patient p where mine(p) and p.merged_into_id is not null and not exists (
                  select from patient_merge g where g.merged_id = p.id and g.kept_id = p.merged_into_id
                    and g.undone_at is null)
                union all
                select g.id from patient_merge g join patient p on p.id = g.merged_id
                where mine(g) and g.undone_at is null and p.merged_into_id is distinct from g.kept_id
                """,
            ),
        ),
    ),
    Promise(
        "I14",
        "Whoever confirmed a birth date gave it or is the same person, and nobody waits beyond tries and time",
        ("phone_use", "consent_event"),
        (
            (
                "confirmed without an event that says how",
                """
                select u.id from phone_use u where mine(u) and u.verification = 'enabled' and not exists (
                  select from consent_event c
                  where c.phone_id = u.phone_id and c.kind = 'verified' and c.at >= u.verified_since)
                """,
            ),
            (
                "pending beyond its tries",
                "select u.id from phone_use u where mine(u) and u.verification = 'pending' and u.wrong_dates >= 3",
            ),
            (
                "pending beyond its two weeks",
                """
                select u.id from phone_use u where mine(u) and u.verification = 'pending'
                  and u.verified_since < :now - interval '14 days 10 minutes'
                """,
            ),
            (
                "pending without ever having been asked",
                """
                select u.id from phone_use u where mine(u) and u.verification = 'pending' and not exists (
                  select from consent_event c where c.phone_id = u.phone_id and c.kind = 'verification_asked')
                """,
            ),
        ),
    ),
)

# Says in its own words what `folders` and `scope` say in theirs.
RIGHT_COUNTS = text(
    """
    with me as (
      select m.id, m.practice_id, r.messages, r.own_facilities_only as walled,
        make_interval(mins => p.overdue_after_minutes) as patience,
        array(select f.facility_id from member_facility f where f.member_id = m.id) as sites,
        array(select k.program_id from program_restriction k where k.member_id = m.id) as closed
      from member m join role r on r.id = m.role_id join practice p on p.id = m.practice_id
      where m.id = :member),
    barred as (
      select e.patient_id from enrolment e, me where e.practice_id = me.practice_id
      group by e.patient_id, me.closed having bool_and(e.program_id = any (me.closed))),
    mine as (
      select a.task_id, bool_or(a.ended_at is null) as is_open
      from assignment a, me where a.member_id = me.id group by a.task_id),
    waiting as (
      select t.*, coalesce(mine.is_open, false) as is_mine
      from me join task t on t.practice_id = me.practice_id left join mine on mine.task_id = t.id
      where t.state in ('pending', 'assigned')
        and (me.messages = 'all' or me.messages = 'assigned' and mine.task_id is not null)
        and (not me.walled or t.facility_id is null or t.facility_id = any (me.sites))
        and not exists (select from barred b where b.patient_id = t.patient_id)),
    opened as (
      select t.conversation_id, t.patient_id from task t join mine on mine.task_id = t.id
      where mine.is_open and t.state in ('pending', 'assigned')),
    starred as (
      select m.id from me join star s on s.member_id = me.id
      join message m on m.id = s.message_id and m.practice_id = me.practice_id
      join conversation c on c.id = m.conversation_id
      where (me.messages = 'all' or me.messages = 'assigned' and (
               m.sent_by_id = me.id
               or m.id in (select b.message_id from task_message b join mine on mine.task_id = b.task_id)
               or c.id in (select conversation_id from opened)
               or c.patient_id in (select patient_id from opened where patient_id is not null)
                 and (m.patient_id is null or m.patient_id = c.patient_id)))
        and (not me.walled or c.facility_id is null or c.facility_id = any (me.sites))
        and not exists (select from barred b where b.patient_id in (c.patient_id, m.patient_id))),
    failed as (
      select m.id from me join outbound_text o on o.practice_id = me.practice_id
      join message m on m.id = o.message_id join conversation c on c.id = m.conversation_id
      where me.messages = 'all' and o.dismissed_at is null and (o.is_failed or o.state = 'needs_person')
        and (not me.walled or c.facility_id is null or c.facility_id = any (me.sites))
        and not exists (select from barred b where b.patient_id in (c.patient_id, m.patient_id)))
    select
      count(*) filter (where w.state = 'pending') as unassigned,
      count(*) filter (where w.state = 'assigned' and w.is_mine) as mine,
      count(*) filter (where exists (
        select from care_team_member ct where ct.patient_id = w.patient_id and ct.member_id = me.id
        union all
        select from patient_follower pf where pf.patient_id = w.patient_id and pf.member_id = me.id and pf.is_on
      )) as "my-patients",
      count(w.id) as "all",
      count(*) filter (
        where w.waiting_since < :now - me.patience and (w.answered_at is null or w.conversation_id in (
          select m.conversation_id from outbound_text o join message m on m.id = o.message_id
          where (o.is_failed or o.state = 'needs_person') and o.dismissed_at is null))) as overdue,
      (select count(*) from starred) as starred,
      (select count(*) from failed) as failed
    from me left join waiting w on true
    """
)
