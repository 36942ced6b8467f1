"""How many texts a second become tasks: from the carrier's call to the committed task, everything included."""

import time

from bench import calls, load, pg_limit
from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work, wait_until_filed
from bench.installation import Installation

# A practice that has been at work: with empty tables PostgreSQL plans to read each from end to end, and keeps to that
# plan until it has looked at them again, a minute later.
WRITTEN_BEFORE = 2_000


def measure(report: Report) -> None:
    seconds, runs = (6.0, 1) if report.is_quick else (60.0, 3)
    most = int(seconds * 1200)
    size = Size(WRITTEN_BEFORE, tasks=10 * WRITTEN_BEFORE, open_tasks=500, strangers=most * runs)
    with at_work(size, care_teams=True) as house:
        rates = [
            one_run(house, seconds, first_patient=WRITTEN_BEFORE + most * run, most=most)
            for run in range(runs)
        ]
    rate = report.add(
        "intake_rate", rates, "texts/s", Target(at_least=450), note="each opens an assigned task"
    )
    limit = report.add("pg_limit", pg_limit.measure(5 if report.is_quick else 20), "transactions/s")
    report.add("intake_rate_vs_pg_limit", rate / limit, "ratio", Target(at_least=0.07))


def one_run(house: Installation, seconds: float, *, first_patient: int, most: int) -> float:
    """Everybody texts for the first time, so that every text opens a task; counted until the last is filed."""
    prepared = calls.texts(house.web_url, most, first_patient=first_patient)
    before = ask(house, "select count(*) from task")
    began = time.monotonic()
    answers = load.flood(house.web_url, prepared, seconds=seconds)
    accepted = sum(answer.status == 200 for answer in answers)
    sent = time.monotonic() - began
    wait_until_filed(house)
    took = time.monotonic() - began
    made = ask(house, "select count(*) from task") - before
    if made != accepted:
        raise RuntimeError(f"{accepted} texts were accepted and {made} tasks made")
    print(f"  accepted {accepted} in {sent:.1f} s, filed in {took:.1f} s")
    return float(made / took)
