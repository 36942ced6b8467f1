"""How long pages take, and how much longer with a hundred times the history."""

import gzip
import statistics
import time
from collections.abc import Callable

import httpx

from bench import clinic
from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work
from bench.installation import Installation
from bench.staff import Staff

OPEN = 5_000
SMALL = 10_000
PATIENTS = 20_000


def measure(report: Report) -> None:
    """`queue_page_growth` and its like divide the large practice by the small one, measured in the same run."""
    large = 100_000 if report.is_quick else 1_000_000
    small_ms = _times(report, Size(PATIENTS, tasks=SMALL, open_tasks=OPEN), says=True)
    large_ms = _times(report, Size(PATIENTS, tasks=large, open_tasks=OPEN), says=False)
    note = f"{OPEN} open of {large} tasks, divided by {OPEN} of {SMALL}"
    for name, limit in (("queue_page", 1.3), ("conversation", 1.3), ("badges", 1.3), ("patient_search", 3.0)):
        report.add(f"{name}_growth", large_ms[name] / small_ms[name], "ratio", Target(at_most=limit), note)


def _times(report: Report, size: Size, *, says: bool) -> dict[str, float]:
    rounds = 15 if report.is_quick else 60
    with at_work(size) as house:
        staff = Staff(house.web_url, clinic.MEMBERS[0], clinic.PASSWORD)
        staff.sign_in()
        took = {name: _middle(act, rounds) for name, act in _acts(house, staff).items()}
        if says:
            report.add("queue_page_p50_ms", took["queue_page"], "ms", Target(at_most=20), "whole response")
            page = staff.get("/inbox/unassigned")
            report.add("queue_page_kb", len(gzip.compress(page.content)) / 1000, "KB", Target(at_most=30))
        staff.close()
    return took


def _acts(house: Installation, staff: Staff) -> dict[str, Callable[[], httpx.Response]]:
    conversation = ask(house, "select conversation_id from task where state = 'pending' order by id limit 1")
    return {
        "queue_page": lambda: staff.get("/inbox/unassigned"),
        "conversation": lambda: staff.get(f"/conversations/{conversation}/thread"),
        "badges": lambda: staff.get("/inbox/counts"),
        "patient_search": lambda: staff.post("/patients", {"q": "lori"}),
    }


def _middle(act: Callable[[], httpx.Response], rounds: int) -> float:
    """Milliseconds; the first ones warm caches and do not count."""
    took = []
    for place in range(rounds + 5):
        began = time.perf_counter()
        answer = act()
        if place >= 5:
            took.append((time.perf_counter() - began) * 1000)
        if answer.status_code not in (200, 429):
            raise RuntimeError(f"{answer.request.url.path} answered {answer.status_code}")
    return statistics.median(took)
