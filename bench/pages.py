"""How long pages take, and how much longer with a hundred times the history, or twenty times as much that waits.

All practices stand side by side and are asked in turn, so that whatever else the machine does hits them alike.
"""

import gzip
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx

from bench import clinic, history
from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work
from bench.installation import Installation
from bench.staff import Staff

OPEN = 5_000
SMALL = 10_000
PATIENTS = 20_000
# As long as a conversation is shown at once, in every practice.
MESSAGES = 60
# With the rounds no more than the searches that a member has in five minutes.
WARMING = 5
LIMITS = {"queue_page": 1.3, "conversation": 1.3, "badges": 1.3, "patient_search": 3.0}

Act = Callable[[], httpx.Response]


def measure(report: Report) -> None:
    """`queue_page_growth` and its like divide a larger practice by the small one, measured in the same run."""
    sizes = {
        "": Size(PATIENTS, tasks=SMALL, open_tasks=OPEN),
        "growth": Size(PATIENTS, tasks=50_000 if report.is_quick else 1_000_000, open_tasks=OPEN),
    }
    if not report.is_quick:
        sizes["growth_open"] = Size(110_000, tasks=200_000, open_tasks=100_000)
    with ExitStack() as open_houses:
        acts, kilobytes = {}, 0.0
        for name, size in sizes.items():
            house = open_houses.enter_context(at_work(size))
            staff = Staff(house.web_url, clinic.MEMBERS[0], clinic.PASSWORD)
            open_houses.callback(staff.close)
            staff.sign_in()
            acts[name] = _acts(house, staff)
            kilobytes = kilobytes or len(gzip.compress(staff.get("/inbox/unassigned").content)) / 1000
        took = {page: _middles(acts, page, 20 if report.is_quick else 50) for page in LIMITS}
    report.add("queue_page_p50_ms", took["queue_page"][""], "ms", Target(at_most=20), "whole response")
    report.add("queue_page_kb", kilobytes, "KB", Target(at_most=30))
    for name, size in list(sizes.items())[1:]:
        note = f"{size.open_tasks} open of {size.tasks} tasks, divided by {OPEN} of {SMALL}"
        for page, limit in LIMITS.items():
            report.add(
                f"{page}_{name}", took[page][name] / took[page][""], "ratio", Target(at_most=limit), note
            )


def _middles(acts: dict[str, dict[str, Act]], page: str, rounds: int) -> dict[str, float]:
    """Milliseconds of each practice; the first ones warm caches and do not count."""
    took: dict[str, list[float]] = {name: [] for name in acts}
    for place in range(rounds + WARMING):
        for name, pages in acts.items():
            seconds = _timed(pages[page])
            if place >= WARMING:
                took[name].append(seconds * 1000)
    return {name: statistics.median(times) for name, times in took.items()}


def _timed(act: Act) -> float:
    began = time.perf_counter()
    answer = act()
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.request.url.path} answered {answer.status_code}")
    return time.perf_counter() - began


def _acts(house: Installation, staff: Staff) -> dict[str, Act]:
    conversation = ask(house, "select conversation_id from task where state = 'pending' order by id limit 1")
    history.lengthen(house.postgres.url("postgres"), conversation, MESSAGES)
    return {
        "queue_page": lambda: staff.get("/inbox/unassigned"),
        "conversation": lambda: staff.get(f"/conversations/{conversation}/thread"),
        "badges": lambda: staff.get("/inbox/counts"),
        "patient_search": lambda: staff.post("/patients", {"q": "lori"}),
    }
