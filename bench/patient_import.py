"""How fast a table of patients is imported, in how much memory, and against COPY of the very same rows."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from bench import clinic, patient_table
from bench.figures import Report, Target
from bench.installation import ROOT, new_secret_key
from triage.demo.postgres import APPLICATION, OWNER, PostgresServer
from triage.domain.practice.practice import Facility, practices_by
from triage.kit import schema

WITHIN_SECONDS = 900
# What the import leaves of a patient; COPY writes the same rows into the same tables and indexes.
TABLES = ("patient", "contact", "patient_contact", "phone", "phone_use")


def measure(report: Report) -> None:
    rows = 10_000 if report.is_quick else 100_000
    postgres = PostgresServer.temporary()
    postgres.start()
    try:
        schema.upgrade(postgres.url(OWNER))
        secret_key = new_secret_key()
        _furnish(postgres.url(APPLICATION), secret_key)
        with TemporaryDirectory(prefix="triage-bench-") as folder:
            path = Path(folder) / "patients.csv"
            right = patient_table.write(path, rows)
            peak = _import(path, postgres.url(APPLICATION), secret_key)
        with psycopg.connect(_plain(postgres.url(OWNER))) as connection:
            rate = _rate(connection, right)
            copied = _copy(connection, right)
    finally:
        postgres.close()
    report.add("import_rate", rate, "patients/s", Target(at_least=1500), "tried before, not counted here")
    report.add("import_peak_mib", peak, "MiB", Target(at_most=200), "of the process that imports, all of it")
    report.add("import_copy_rate", copied, "patients/s", note="COPY of the same rows")
    report.add("import_rate_vs_copy", rate / copied, "ratio", Target(at_least=0.1))


def _furnish(url: str, secret_key: str) -> None:
    engine = create_engine(url)
    with Session(engine) as session, session.begin():
        clinic.populate(session, secret_key=secret_key, patients=0)
        practice = practices_by(session, None)[0]
        session.add_all(Facility(practice_id=practice.id, name=name) for name in patient_table.LOCATIONS)
    engine.dispose()


def _import(path: Path, url: str, secret_key: str) -> float:
    """By the command, in a process of its own; returns the most memory that it held, in MiB."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        # Nobody is there: the command does the work itself.
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "TRIAGE_ENVIRONMENT": "test",
        "TRIAGE_PUBLIC_URL": "http://localhost",
        "TRIAGE_SECRET_KEY": secret_key,
        "TRIAGE_LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "triage", "patients", "import", str(path), "--apply"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    deadline, peak = time.monotonic() + WITHIN_SECONDS, 0.0
    try:
        while process.poll() is None:
            peak = max(peak, _peak_of(process.pid))
            if time.monotonic() > deadline:
                raise TimeoutError("the import did not end")
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise RuntimeError("the import failed")
    return peak


def _peak_of(pid: int) -> float:
    """The most that it has ever held, by the kernel's own count."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0.0


def _rate(connection: "psycopg.Connection[tuple[object, ...]]", right: int) -> float:
    query = "select made, extract(epoch from finished_at - started_at)::float from import_run where state = 'done'"
    row = connection.execute(query).fetchone()
    if row is None or row[0] != right:
        raise RuntimeError(f"{row and row[0]} of {right} patients were imported")
    return right / float(str(row[1]))


def _copy(connection: "psycopg.Connection[tuple[object, ...]]", right: int) -> float:
    """The rows go out first; only their way in is timed, commit and all."""
    content: dict[str, list[bytes]] = {}
    for table in TABLES:
        connection.execute(f"create table bare_{table} (like {table} including all)")
        with connection.cursor().copy(f"copy {table} to stdout") as copy:
            content[table] = [bytes(part) for part in copy]
    connection.commit()
    began = time.perf_counter()
    for table in TABLES:
        with connection.cursor().copy(f"copy bare_{table} from stdin") as copy:
            for part in content[table]:
                copy.write(part)
    connection.commit()
    return right / (time.perf_counter() - began)


def _plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)
