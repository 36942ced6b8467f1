"""Acknowledged webhooks a second, beside a bare Flask application that inserts and commits under the same server."""

import os
import signal
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import httpx
import psycopg

from bench import bare_insert, calls, load
from bench.calls import Call
from bench.figures import Report, Target
from bench.history import Size
from bench.house import at_work
from bench.installation import ROOT, WORKERS, Installation
from triage.demo.child import Child, wait_until
from triage.demo.ports import find_port
from triage.demo.postgres import OWNER


def measure(report: Report) -> None:
    """The workers stand still meanwhile: what is compared is the way to the acknowledgement."""
    seconds, rounds = (4.0, 1) if report.is_quick else (15.0, 3)
    most = int(seconds * 2500)
    patients = 2000
    with (
        at_work(Size(patients, tasks=10_000, open_tasks=500), with_scheduler=False) as house,
        paused(house, WORKERS),
        bare_server(house) as bare_url,
    ):
        ours, bare = [], []
        for _ in range(rounds):
            texts = calls.texts(house.web_url, most, patients=patients)
            bare.append(_rate(bare_url, [_bare(bare_url, text) for text in texts], seconds))
            ours.append(_rate(house.web_url, texts, seconds))
    report.add("webhook_rate", ours, "calls/s")
    report.add("flask_insert_rate", bare, "calls/s", note="bare Flask, psycopg, same gunicorn settings")
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    report.add("webhook_rate_vs_flask_insert", statistics.median(ratios), "ratio", Target(at_least=0.6))


@contextmanager
def paused(house: Installation, names: tuple[str, ...]) -> Iterator[None]:
    """These processes do nothing inside."""
    groups = [pid for name in names if (pid := house.pid(name)) is not None]
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


@contextmanager
def bare_server(house: Installation) -> Iterator[str]:
    owner_url = house.postgres.url(OWNER)
    with psycopg.connect(owner_url.replace("+psycopg", "", 1)) as connection:
        connection.execute(bare_insert.TABLE)
    port = find_port(house.web_port + 10, explicit=False)
    url = f"http://localhost:{port}"
    command = [sys.executable, "-m", "bench.bare_insert", str(port), owner_url]
    with house.log.open("ab") as output:
        child = Child(command, output=output, cwd=ROOT, env=house.environment)
    try:
        if not wait_until(lambda: _answers(url), seconds=20, every=0.1):
            raise TimeoutError("the bare server does not answer")
        yield url
    finally:
        child.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 405
    except httpx.HTTPError:
        return False


def _bare(url: str, text: Call) -> Call:
    """The same form, to the bare application."""
    body = text.wire.partition(b"\r\n\r\n")[2].decode()
    return Call(text.sid, calls.post(url + "/", parse_qsl(body, keep_blank_values=True)))


def _rate(url: str, texts: list[Call], seconds: float) -> float:
    answers = load.flood(url, texts, seconds=seconds)
    bad = [answer.status for answer in answers if answer.status != 200]
    if bad:
        raise RuntimeError(f"{len(bad)} of {len(answers)} calls were refused, the first with {bad[0]}")
    took = max(answer.due_at + answer.seconds for answer in answers) - min(
        answer.due_at for answer in answers
    )
    return len(answers) / took
