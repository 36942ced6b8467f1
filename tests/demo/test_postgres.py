"""The PostgreSQL server that the demo and the tests start: its powers, its secrets, its crashes."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.demo.process_table import running
from triage.demo.child import CannotStart, wait_until
from triage.demo.postgres import APPLICATION, OWNER, PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    server = PostgresServer.temporary()
    server.start()
    yield server
    server.close()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    """An empty one for one test."""
    server.create_database("one_test")
    yield "one_test"
    server.drop_database("one_test")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server that a test makes itself; nothing of it remains."""
    folder = tmp_path / "postgres"
    yield folder
    PostgresServer(folder).remove()


def run(server: PostgresServer, role: str, database: str, statement: str) -> list[tuple[Any, ...]]:
    with connect(server, role, database) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def connect(server: PostgresServer, role: str, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(server.url(role, database).replace("+psycopg", ""))


def test_the_application_reads_and_writes_what_the_owner_made(server: PostgresServer, database: str) -> None:
    run(server, OWNER, database, "CREATE TABLE note (id bigserial PRIMARY KEY, body text)")

    run(server, APPLICATION, database, "INSERT INTO note (body) VALUES ('one'), ('two')")
    run(server, APPLICATION, database, "UPDATE note SET body = 'three' WHERE body = 'two'")
    run(server, APPLICATION, database, "DELETE FROM note WHERE body = 'one'")

    assert run(server, APPLICATION, database, "SELECT id, body FROM note") == [(2, "three")]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE note",
        "ALTER TABLE note ADD COLUMN more text",
        "TRUNCATE note",
        "CREATE SCHEMA mine",
        "CREATE EXTENSION pg_trgm",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
    ],
)
def test_the_application_changes_nothing_but_rows(
    server: PostgresServer, database: str, statement: str
) -> None:
    run(server, OWNER, database, "CREATE TABLE note (id int)")

    with (
        connect(server, APPLICATION, database) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.autocommit = True
        connection.execute(statement)


def test_the_application_owns_nothing(server: PostgresServer) -> None:
    owned = """SELECT count(*) FROM pg_shdepend
               WHERE refobjid = 'triage_app'::regrole AND deptype = 'o'"""

    assert run(server, OWNER, "triage", owned) == [(0,)]


def test_the_owner_is_no_superuser_and_may_add_the_extensions_of_search(
    server: PostgresServer, database: str
) -> None:
    for extension in ("pg_trgm", "unaccent", "btree_gist"):
        run(server, OWNER, database, f"CREATE EXTENSION {extension}")

    superuser = run(server, OWNER, database, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert superuser == [(False,)]


def test_a_database_made_from_a_template_has_its_rows_and_its_powers(
    server: PostgresServer, database: str
) -> None:
    run(server, OWNER, database, "CREATE TABLE note (body text)")
    run(server, APPLICATION, database, "INSERT INTO note VALUES ('one')")

    server.create_database("copied", template=database)
    run(server, OWNER, "copied", "CREATE TABLE later (body text)")
    run(server, APPLICATION, "copied", "INSERT INTO later SELECT body FROM note")

    assert run(server, APPLICATION, "copied", "SELECT body FROM later") == [("one",)]
    server.drop_database("copied")


def test_a_database_is_dropped_although_somebody_is_connected(server: PostgresServer) -> None:
    server.create_database("busy")

    with connect(server, APPLICATION, "busy") as connection:
        server.drop_database("busy")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_it_is_safe_in_crashes_in_utc_and_not_on_the_network(server: PostgresServer) -> None:
    names = ("fsync", "full_page_writes", "synchronous_commit", "timezone", "listen_addresses")

    found = [run(server, APPLICATION, "triage", f"SHOW {name}")[0][0] for name in names]

    assert found == ["on", "on", "on", "UTC", ""]


def test_text_is_ordered_by_code_point_and_folded_beyond_ascii(server: PostgresServer) -> None:
    ordered = "SELECT array_agg(word ORDER BY word) FROM unnest(ARRAY['b', 'Á', 'a', 'B']) AS word"

    assert run(server, APPLICATION, "triage", ordered) == [(["B", "a", "b", "Á"],)]
    assert run(server, APPLICATION, "triage", "SELECT lower('ÁÑ')") == [("áñ",)]


def test_nobody_else_can_reach_the_socket_or_the_files(server: PostgresServer) -> None:
    socket = Path(server.url().rpartition("host=")[2].replace("%2F", "/"))

    assert stat.S_IMODE(socket.stat().st_mode) == 0o700


def test_the_log_keeps_values_to_itself(server: PostgresServer, database: str) -> None:
    run(
        server,
        OWNER,
        database,
        "CREATE TABLE patient (phone text UNIQUE, born_on date CHECK (born_on > '1900-01-01'))",
    )
    run(server, APPLICATION, database, "INSERT INTO patient VALUES ('+12025550123', '1980-02-03')")

    with pytest.raises(psycopg.errors.UniqueViolation):
        run(server, APPLICATION, database, "INSERT INTO patient VALUES ('+12025550123', '1980-02-03')")
    with pytest.raises(psycopg.errors.CheckViolation):
        run(server, APPLICATION, database, "INSERT INTO patient VALUES ('+12025550124', '1880-02-03')")

    log = (server.folder / "postgres.log").read_text()
    assert "duplicate key" in log and "check constraint" in log
    assert "+1202" not in log and "1980" not in log and "1880" not in log


def test_it_comes_back_after_a_crash_with_what_was_committed(server: PostgresServer, database: str) -> None:
    run(server, OWNER, database, "CREATE TABLE note (body text)")
    before = server.pid

    for number in range(3):
        with closing(connect(server, APPLICATION, database)) as connection:
            connection.execute("INSERT INTO note VALUES (%s)", [f"kept {number}"])
            connection.commit()
            connection.execute("INSERT INTO note VALUES ('lost')")
            server.kill()
            assert not server.is_running()
            server.start()

    assert server.pid != before
    assert run(server, APPLICATION, database, "SELECT body FROM note ORDER BY body") == [
        ("kept 0",),
        ("kept 1",),
        ("kept 2",),
    ]


def test_starting_twice_and_stopping_twice_is_harmless(data: Path) -> None:
    server = PostgresServer(data)
    server.start()
    pid = server.pid
    server.start()

    assert server.pid == pid
    server.stop()
    server.stop()
    assert not server.is_running()


def test_a_later_server_on_the_same_folder_has_the_same_address_and_rows(data: Path) -> None:
    first = PostgresServer(data)
    first.start()
    run(first, OWNER, "triage", "CREATE TABLE note (body text)")
    first.stop()

    second = PostgresServer(data)
    second.start()

    assert second.url() == first.url()
    assert run(second, APPLICATION, "triage", "SELECT * FROM note") == []


def test_a_cluster_of_another_major_version_is_named_in_one_sentence(data: Path) -> None:
    server = PostgresServer(data)
    server.start()
    server.stop()
    marker = cluster_of(data) / "PG_VERSION"
    marker.write_text("14\n")

    with pytest.raises(CannotStart) as refused:
        PostgresServer(data).start()

    assert "made by PostgreSQL 14" in str(refused.value) and "--reset" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_set_up_that_was_interrupted_is_done_again(data: Path) -> None:
    server = PostgresServer(data)
    server.start()
    server.stop()
    cluster = cluster_of(data)
    cluster.rename(cluster.with_name("unfinished"))

    PostgresServer(data).start()

    assert cluster.is_dir() and not cluster.with_name("unfinished").exists()


def test_a_server_that_lost_launcher_and_guardian_is_ended_by_the_next_start(data: Path) -> None:
    orphan = start_elsewhere(data)
    assert running({orphan})

    server = PostgresServer(data)
    server.start()

    assert server.pid != orphan and not running({orphan})
    server.stop()


def test_a_folder_deleted_by_hand_starts_empty_and_leaves_nothing_old_behind(data: Path) -> None:
    first = PostgresServer(data)
    first.start()
    run(first, OWNER, "triage", "CREATE TABLE note (body text)")
    first.stop()
    old = cluster_of(data)
    (data / "place").unlink(missing_ok=True)
    subprocess.run(["rm", "-rf", data], check=True)

    second = PostgresServer(data)
    second.start()

    assert run(second, OWNER, "triage", "SELECT to_regclass('note')") == [(None,)]
    assert cluster_of(data) == old or not old.exists()
    second.stop()


def test_removing_leaves_nothing_anywhere_and_no_mode_changed(data: Path) -> None:
    parents = [data.parent, *data.parent.parents]
    before = [parent.stat().st_mode for parent in parents]
    server = PostgresServer(data)
    server.start()
    cluster = cluster_of(data)

    server.remove()

    assert not data.exists() and not cluster.exists() and not cluster.parent.exists()
    assert [parent.stat().st_mode for parent in parents] == before


def cluster_of(data: Path) -> Path:
    """In the data folder; for root, where the data folder's note says."""
    note = data / "place"
    return (Path(note.read_text()) if note.exists() else data) / "cluster"


def start_elsewhere(data: Path) -> int:
    """A server of a program that was killed together with its guardian; the postmaster's process id."""
    program = """
import sys, time, pathlib
from triage.demo.postgres import PostgresServer
server = PostgresServer(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""
    launcher = subprocess.Popen([sys.executable, "-c", program, data], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    postmaster = int(launcher.stdout.readline())
    guardian = next(pid for pid in children_of(launcher.pid) if pid != postmaster)
    os.kill(guardian, signal.SIGKILL)
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    assert wait_until(lambda: not running({guardian}), seconds=10)
    return postmaster


def children_of(pid: int) -> set[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
    return {child for child, parent in pairs if parent == pid}
