"""The kill run: every kind of process is killed with texts in flight, and then everything is counted.

Patients text through the simulated carrier, which repeats a third of its calls and stumbles; members answer.
The practice is closed, and tells everybody so once. Meanwhile web, workers, scheduler, Redis (which keeps nothing) and PostgreSQL are killed, each at least twice.
At the end every text must be filed with a task exactly once, and every reply and every automatic answer sent
exactly once.
"""

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import psycopg
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError

from bench import clinic
from bench.installation import ROOT, SCHEDULER, WEB, WORKERS, Installation, new_secret_key
from bench.staff import Staff, new_form_id
from triage.demo.child import wait_until

PATIENTS = 80
REPLY_SHARE = 0.25
PACE_PER_SECOND = 25.0
# Texts that may be sent after the one at which a kill falls, before it has healed.
AHEAD_OF_KILL = 12
READY_AGAIN_WITHIN = 20.0
DRAINED_WITHIN = 150.0
REPLIED_WITHIN = 60.0
WHILE_REDIS_IS_AWAY = 5
KINDS = (WEB, *WORKERS, SCHEDULER, "redis", "postgres")
BREAKS = ("ledger-key", "sweeper")

FAULTS = {
    "too_many_requests": 0.03,
    "unavailable_before": 0.04,
    "unavailable_after": 0.03,
    "drop_after": 0.03,
    "repeat_webhooks": 0.34,
    "drop_callbacks": 0.1,
    "pace": 0.2,
}

# What a database without the ledger's key would do: the same text twice is two texts.
FORGET_THE_KEY = """
create function forget_key() returns trigger language plpgsql as $$
begin new.provider_sid := new.provider_sid || '/' || new.id::text; return new; end $$;
create trigger forget_key before insert on inbound for each row execute function forget_key();
"""


class DatabaseAway(Exception):
    """PostgreSQL is being killed or started."""


@dataclass
class History:
    """What was acknowledged to somebody; the database is compared with it."""

    texts: dict[str, str] = field(default_factory=dict)
    replies: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)


def run(*, seed: int, texts: int, broken: str | None = None, say: Callable[[str], None] = print) -> int:
    """0 when nothing was lost or doubled and every rule holds."""
    say(f"seed {seed}, {texts} texts" + (f", without the {broken}" if broken else ""))
    secret_key = new_secret_key()
    installation = Installation(
        secret_key=secret_key,
        carrier_accounts=clinic.CARRIER_ACCOUNTS,
        webhook_overrides="#rc=2&rp=all&tt=3000",
        populate=lambda session: clinic.populate(
            session, secret_key=secret_key, patients=PATIENTS, is_closed=True
        ),
        without_ticks=("sweep",) if broken == "sweeper" else (),
    )
    with installation:
        if broken == "ledger-key":
            _as_administrator(installation, FORGET_THE_KEY)
        return _Run(installation, seed, texts, say).run()


def _as_administrator(installation: Installation, statement: str) -> None:
    url = installation.postgres.url("postgres").replace("+psycopg", "", 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


class _Run:
    def __init__(self, installation: Installation, seed: int, texts: int, say: Callable[[str], None]) -> None:
        self._house = installation
        self._dice = random.Random(seed)
        self._seed = seed
        self._count = texts
        self._say = say
        self._history = History()
        self._sent = 0
        self._may_send = 0
        self._no_more_texts = threading.Event()

    def run(self) -> int:
        self._house.control("PUT", "faults", {**FAULTS, "seed": self._seed})
        staff = threading.Thread(target=self._answer_patients, name="staff")
        killer = threading.Thread(target=self._kill, name="killer")
        staff.start()
        killer.start()
        self._send_texts()
        killer.join()
        self._no_more_texts.set()
        staff.join()
        self._text_while_redis_is_away()
        began = time.monotonic()
        is_drained = wait_until(self._is_drained, seconds=DRAINED_WITHIN, every=0.5)
        return self._report(is_drained, time.monotonic() - began)

    def _send_texts(self) -> None:
        """In bursts, never far ahead of the next kill: so every kill finds texts in flight."""
        for number in range(self._count):
            wait_until(partial(self._may_go_on, number), seconds=300, every=0.01)
            self._send_one(f"text {number} of seed {self._seed}")
            self._sent = number + 1
            threading.Event().wait(self._dice.expovariate(PACE_PER_SECOND))

    def _may_go_on(self, number: int) -> bool:
        return number < self._may_send

    def _has_sent(self, count: int) -> bool:
        return self._sent >= count

    def _send_one(self, body: str) -> None:
        sender = clinic.phone_number(self._dice.randrange(PATIENTS))
        sid = self._house.text(body, from_number=sender, to_number=clinic.NUMBER)
        self._history.texts[sid] = body

    def _kill(self) -> None:
        """Each kind twice, in an order of the seed, spread over the texts."""
        order = [*KINDS, *KINDS]
        random.Random(self._seed + 2).shuffle(order)
        for place, kind in enumerate(order):
            after = int(self._count * (place + 1) / (len(order) + 1))
            self._may_send = after + AHEAD_OF_KILL
            wait_until(partial(self._has_sent, after), seconds=600)
            if self._kill_one(kind):
                self._history.kills[kind] += 1
            wait_until(self._is_ready, seconds=READY_AGAIN_WITHIN, every=0.1)
        self._may_send = self._count

    def _kill_one(self, kind: str) -> bool:
        if kind == "redis":
            self._house.kill_redis()
            return True
        if kind == "postgres":
            self._house.kill_postgres()
            return True
        return wait_until(lambda: self._house.kill(kind), seconds=30, every=0.1)

    def _text_while_redis_is_away(self) -> None:
        """No doorbell rings for these, and nothing that is still under way rings later: only the sweeper can
        find them."""
        wait_until(self._is_drained, seconds=DRAINED_WITHIN / 2, every=0.5)
        self._wait_for_both_workers()
        self._house.control("PUT", "faults", {"pace": FAULTS["pace"], "seed": self._seed})
        self._house.redis.kill()
        first = len(self._history.texts)
        for number in range(WHILE_REDIS_IS_AWAY):
            self._send_one(f"text {first + number} of seed {self._seed}, without Redis")
        wait_until(lambda: self._received() >= len(self._history.texts), seconds=30, every=0.1)
        self._house.redis.start()
        self._history.kills["redis"] += 1

    def _wait_for_both_workers(self) -> None:
        """A worker that starts later would look for work by itself."""
        wait_until(lambda: all(map(self._house.pid, WORKERS)), seconds=60, every=0.1)
        since = self._ask("select now()")[0][0]
        beating = "select count(*) from heartbeat where process = 'worker' and at > :since"
        wait_until(lambda: self._ask(beating, since=since)[0][0] >= len(WORKERS), seconds=60, every=0.5)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self._house.web_url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def _received(self) -> int:
        return int(self._ask("select count(distinct body) from inbound")[0][0])

    def _answer_patients(self) -> None:
        """Members reply with one form each, sent again until it is answered, as an impatient browser would."""
        dice = random.Random(self._seed + 1)
        staff = Staff(self._house.web_url, clinic.MEMBERS[0], clinic.PASSWORD)
        number = 0
        wanted = int(self._count * REPLY_SHARE)
        while number < wanted and not (self._no_more_texts.is_set() and self._idle_too_long(number)):
            conversation = self._some_conversation(dice)
            if conversation is None:
                threading.Event().wait(0.1)
                continue
            body = f"reply {number} of seed {self._seed}"
            if self._reply(staff, conversation, body):
                self._history.replies.add(body)
                number += 1
        staff.close()

    def _idle_too_long(self, number: int) -> bool:
        return number == 0 and not self._history.texts

    def _some_conversation(self, dice: random.Random) -> str | None:
        try:
            rows = self._ask("select id from conversation order by id")
        except DatabaseAway:
            return None
        return str(dice.choice(rows)[0]) if rows else None

    def _reply(self, staff: Staff, conversation: str, body: str) -> bool:
        form = {"form_id": new_form_id(), "body": body}
        deadline = time.monotonic() + REPLIED_WITHIN
        while time.monotonic() < deadline:
            try:
                answer = staff.post(f"/conversations/{conversation}/messages", form)
            except httpx.HTTPError:
                threading.Event().wait(0.1)
                continue
            if answer.status_code == 303 and "/sign-in" not in answer.headers.get("location", ""):
                return True
            self._history.refused[str(answer.status_code)] += 1
            self._sign_in(staff)
        return False

    def _sign_in(self, staff: Staff) -> None:
        try:
            staff.sign_in()
        except (httpx.HTTPError, RuntimeError):
            threading.Event().wait(0.2)

    def _is_drained(self) -> bool:
        try:
            waiting = self._ask(
                "select (select count(*) from inbound where state = 'new'),"
                " (select count(*) from outbound_text where state in ('queued', 'sending', 'unknown'))"
            )[0]
            return waiting[0] == 0 and waiting[1] == 0 and not self._lost_texts()
        except DatabaseAway:
            return False

    def _lost_texts(self) -> set[str]:
        """Texts without a message that has a task."""
        filed = self._ask(
            "select m.body from message m join task_message t on t.message_id = m.id where m.direction = 'in'"
        )
        return set(self._history.texts.values()) - {row[0] for row in filed}

    def _doubled_texts(self) -> int:
        rows = self._ask("select count(*) - count(distinct body) from message where direction = 'in'")
        return int(rows[0][0])

    def _report(self, is_drained: bool, drain_seconds: float) -> int:
        lost, doubled = len(self._lost_texts()), self._doubled_texts()
        outbound = self._house.control("GET", "texts?direction=outbound&limit=100000")["texts"]
        sent = Counter(one["body"] for one in outbound)
        answers, answers_lost, answers_doubled = self._answers(outbound)
        asks_person = self._asks_person()
        replies_lost = len(self._history.replies - sent.keys() - asks_person)
        replies_doubled = sum(count - 1 for body, count in sent.items() if body in self._history.replies)
        is_verified = self._verify()
        figures: list[tuple[str, object, str]] = [
            ("texts", len(self._history.texts), "texts"),
            ("lost", lost, "texts"),
            ("doubled", doubled, "texts"),
            ("replies", len(self._history.replies), "texts"),
            ("replies_lost", replies_lost, "texts"),
            ("replies_doubled", replies_doubled, "texts"),
            ("answers", answers, "texts"),
            ("answers_lost", answers_lost, "texts"),
            ("answers_doubled", answers_doubled, "texts"),
            ("replies_asking_a_person", len(asks_person), "texts"),
            (
                "repeated_webhooks",
                self._ask("select count(*) from inbound where state = 'duplicate'")[0][0],
                "calls",
            ),
            ("reconciled", self._ask("select count(*) from inbound where via = 'reconcile'")[0][0], "texts"),
            ("receive_to_task_p50", self._latency(0.5), "ms"),
            ("receive_to_task_p99", self._latency(0.99), "ms"),
            ("drain", round(drain_seconds, 1), "s"),
            *((f"kills_{kind}", self._history.kills[kind], "kills") for kind in KINDS),
        ]
        for name, value, unit in figures:
            self._say(f"FIGURE {name} {value} {unit}")
        self._say(f"triage verify: {'clean' if is_verified else 'NOT clean'}")
        all_killed = all(self._history.kills[kind] >= 2 for kind in KINDS)
        is_good = is_drained and is_verified and all_killed
        wrong = lost or doubled or replies_lost or replies_doubled or answers_lost or answers_doubled
        return 0 if is_good and not wrong else 1

    def _answers(self, outbound: list[dict[str, Any]]) -> tuple[int, int, int]:
        """Automatic answers: how many there are, how many the carrier never had, and how many it had again."""
        rows = self._ask(
            "select o.to_number, m.body, o.state from automatic_answer a join message m on m.id = a.message_id"
            " join outbound_text o on o.message_id = m.id"
        )
        bodies = {row[1] for row in rows}
        heard = Counter(one["to"] for one in outbound if one["body"] in bodies)
        wanted = {row[0] for row in rows if row[2] != "needs_person"}
        # A run is over before anybody may be answered again.
        again = len(rows) - len({row[0] for row in rows}) + sum(count - 1 for count in heard.values())
        return len(rows), len(wanted - heard.keys()), again

    def _asks_person(self) -> set[str]:
        rows = self._ask(
            "select m.body from message m join outbound_text o on o.message_id = m.id"
            " where o.state = 'needs_person'"
        )
        return {row[0] for row in rows}

    def _latency(self, share: float) -> float:
        rows = self._ask(
            "select percentile_cont(:share) within group (order by extract(epoch from filed_at - received_at))"
            " from inbound where state = 'filed'",
            share=share,
        )
        return round(float(rows[0][0] or 0) * 1000, 1)

    def _verify(self) -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "triage", "verify", "--json"],
            cwd=ROOT,
            env=self._house.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            self._say(done.stdout[-2000:] + done.stderr[-2000:])
        return done.returncode == 0

    def _ask(self, statement: str, **given: Any) -> list[Any]:
        try:
            with self._house.session() as session:
                return list(session.execute(sql(statement), given))
        except DBAPIError as error:
            raise DatabaseAway from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--break", dest="broken", choices=BREAKS)
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object, at the end")
    given = parser.parse_args()
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    code = run(seed=given.seed, texts=given.texts, broken=given.broken, say=say)
    if given.json:
        figures = [line.split() for line in lines if line.startswith("FIGURE")]
        print(json.dumps({name: value for _, name, value, *_ in figures}))
    sys.exit(code)


if __name__ == "__main__":
    main()
