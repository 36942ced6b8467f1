"""What a second worker process adds: a full ledger worked off by one on a core of its own, and by two on two."""

import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench import calls, load, processes
from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work, wait_until_filed
from bench.installation import WORKERS, Installation
from bench.webhook_rate import paused
from triage.domain import jobs

RING_EVERY = 0.02


def measure(report: Report) -> None:
    """One and two in turn. PostgreSQL has no core of its own here, so the note says what it took."""
    texts, runs = (800, 1) if report.is_quick else (6_000, 3)
    with at_work(Size(patients=texts * (2 * runs + 1)), care_teams=True, with_scheduler=False) as house:
        pin(house)
        rates: dict[int, list[float]] = {1: [], 2: []}
        shares: dict[int, float] = {}
        # The first round warms caches and does not count.
        for place, count in enumerate([2] + [1, 2] * runs):
            rate, shares[count] = one_run(house, count, texts, first_patient=place * texts)
            if place:
                rates[count].append(rate)
    note = f"PostgreSQL took {shares[1]:.2f} and {shares[2]:.2f} of a core"
    report.add("filed_by_one_worker", rates[1], "texts/s")
    report.add("filed_by_two_workers", rates[2], "texts/s")
    ratio = statistics.median(two / one for one, two in zip(rates[1], rates[2], strict=True))
    report.add("scale_out", ratio, "ratio", Target(at_least=1.6), note)


def pin(house: Installation) -> None:
    """Each worker's processes, with all their threads, to one core."""
    cores = sorted(os.sched_getaffinity(0))
    for place, name in enumerate(WORKERS):
        pid = house.pid(name)
        assert pid is not None
        for member in processes.family(pid):
            for thread in Path(f"/proc/{member}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores[place % len(cores)]})


def one_run(house: Installation, count: int, texts: int, *, first_patient: int) -> tuple[float, float]:
    """Texts a second, and how many cores PostgreSQL took for them."""
    prepared = calls.texts(house.web_url, texts, first_patient=first_patient)
    # Who is not to take part is stopped while nothing is there, for it would keep what it has claimed.
    with paused(house, WORKERS[count:]), ringing(house):
        with paused(house, WORKERS[:count]):
            load.flood(house.web_url, prepared)
            waiting = ask(house, "select count(*) from inbound where state = 'new'")
            before = processes.processor_seconds(house.postgres.pid)
        began = time.monotonic()
        wait_until_filed(house)
        took = time.monotonic() - began
        used = processes.processor_seconds(house.postgres.pid) - before
    return waiting / took, used / took


@contextmanager
def ringing(house: Installation) -> Iterator[None]:
    """As texts that go on arriving would ring."""
    broker = RedisBroker(url=house.redis.url, middleware=[])
    ended = threading.Event()

    def ring() -> None:
        while not ended.wait(RING_EVERY):
            job = jobs.PROCESS_INBOUND
            broker.enqueue(
                dramatiq.Message(queue_name=job.queue, actor_name=job.name, args=(), kwargs={}, options={})
            )

    thread = threading.Thread(target=ring, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
