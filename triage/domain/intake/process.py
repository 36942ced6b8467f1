"""START HERE: what happens when a patient writes to us.

1. The webhook writes the text into the ledger, commits, and only then answers the carrier (`ledger.receive`).
2. A doorbell wakes a worker, or the scheduler's sweeper notices. Either calls `run_due`, which leases rows.
3. The rows of a lease are filed in one transaction, in three steps:
   gather every fact they need, with a few queries for all of them (`gather`);
   decide each text with pure functions: whose is it, which task, who gets it, and why (`decide`);
   write messages, tasks, assignments, events, explanations and audit rows in bulk (`write`).
   Whoever was asked for a birth date hears what came of the answer (`acknowledging`); where a practice is closed
   and wants that said, the same three steps make that answer (`answering`).
4. When that fails, everything is rolled back and each row is tried alone; after five tries it is shown to staff.

Nothing here needs Redis, and everything is safe to run twice.
"""

import time
from functools import partial

from triage.domain import jobs
from triage.domain.intake import acknowledging, answering, decide, gather, ledger, write
from triage.domain.intake.ledger import Lease, LeaseLost
from triage.kit import db, later
from triage.kit.turns import Turns

# A worker's time limit is a minute: an endless stream of texts must not let it cut a batch in two.
RUN_SECONDS = 30.0

__all__ = ["LeaseLost", "file", "run_due"]

_turns = Turns()


def run_due() -> int:
    """File every text that is due; returns how many. Any number of processes may run it at once.

    In a process one thread does it for all, because two would make smaller batches and wait for one another.
    """
    until = time.monotonic() + RUN_SECONDS
    return sum(_turns.take(partial(_file_all_due, until)))


def _file_all_due(until: float) -> int:
    """When there is no end of them it stops after a while, and rings for a thread whose time has just begun."""
    filed, failed_first = 0, False
    while time.monotonic() < until:
        lease = _claim(failed_first=failed_first)
        if lease is None:
            return filed
        filed += _file_or_give_up(lease)
        failed_first = not failed_first
    later.ring(jobs.PROCESS_INBOUND)
    return filed


def _claim(*, failed_first: bool) -> Lease | None:
    with db.transaction() as session:
        return ledger.claim(session, failed_first=failed_first)


def _file_or_give_up(lease: Lease) -> int:
    is_filed = False
    try:
        file(lease)
        is_filed = True
    finally:
        if not is_filed:
            with db.transaction() as session:
                ledger.give_up(session, lease)
    return len(lease.inbound_ids)


def file(lease: Lease) -> None:
    """File all rows of a lease or none. Raises `LeaseLost` where another worker may have them."""
    with db.transaction() as session:
        facts = gather.gather(session, lease.texts)
        plan = decide.decide(facts)
        write.write(session, lease, plan)
        acknowledging.acknowledge(session, plan)
        answering.answer(session, plan)
