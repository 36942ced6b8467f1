"""The bare five-table transaction of a text as one statement, by pgbench at 16 clients: what the database can do."""

import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import psycopg

from triage.demo.binaries import find_postgres
from triage.demo.postgres import OWNER, PostgresServer

TABLES = """
create schema if not exists bare;
create table bare.conversation (id uuid primary key, number text unique, last_at timestamptz);
create table bare.message (id uuid primary key, conversation_id uuid, body text, at timestamptz);
create table bare.task (id uuid primary key, conversation_id uuid, state text, message_id uuid, at timestamptz);
create table bare.event (id uuid primary key, task_id uuid, move text, at timestamptz);
create table bare.assignment (id uuid primary key, task_id uuid, member_id uuid, at timestamptz);
create index on bare.task (state, at);
"""
STATEMENT = """
with ids as (select gen_random_uuid() c, gen_random_uuid() m, gen_random_uuid() t),
  a as (insert into bare.conversation select c, c::text, now() from ids),
  b as (insert into bare.message select m, c, 'Hello, it is about my prescription.', now() from ids),
  d as (insert into bare.task select t, c, 'assigned', m, now() from ids),
  e as (insert into bare.event select gen_random_uuid(), t, 'opened', now() from ids)
insert into bare.assignment select gen_random_uuid(), t, c, now() from ids;
"""


def measure(seconds: int) -> float:
    """Transactions a second, on a server of its own with the same settings."""
    postgres = PostgresServer.temporary()
    postgres.start()
    try:
        url = postgres.url(OWNER)
        with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
            for statement in TABLES.strip().split(";\n"):
                connection.execute(statement)
        with TemporaryDirectory() as folder:
            script = Path(folder) / "text.sql"
            script.write_text(STATEMENT.replace("\n", " ") + "\n")
            return _run(url, script, seconds)
    finally:
        postgres.close()


def _run(url: str, script: Path, seconds: int) -> float:
    host = parse_qs(urlsplit(url).query)["host"][0]
    pgbench = find_postgres().path.parent / "pgbench"
    command = [pgbench, "-n", "-c", "16", "-j", "2", "-T", str(seconds), "-f", script]
    done = subprocess.run(
        [*map(str, command), "-h", host, "-U", OWNER, "triage"], capture_output=True, text=True, check=True
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise RuntimeError("pgbench named no figure")
    return float(found[1])
