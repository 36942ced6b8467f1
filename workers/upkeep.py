"""What the scheduler's ticks do: notice work that nobody announced, and do it here when nobody else can."""

from datetime import timedelta

from triage import gateways, runtime
from triage.config import settings
from triage.domain import jobs, mail
from triage.domain.access import resets, tokens
from triage.domain.conversations import delivery, sending, waiting
from triage.domain.importing import run, working
from triage.domain.inbox import reminding, searching, transitions
from triage.domain.intake import ledger, process
from triage.domain.intake import reconcile as reconciliation
from triage.domain.patients import verification
from triage.domain.practice import submission, throttle
from triage.kit import clock, db, later
from triage.kit.later import Job
from workers import letters

# A doorbell takes milliseconds; after two seconds it was lost.
UNANNOUNCED_AFTER = timedelta(seconds=2)
# Rung, and still not taken: no worker is there, so the scheduler does it.
UNANSWERED_AFTER = timedelta(seconds=8)


def sweep() -> None:
    """Ring again for texts that nobody has taken; work them off here where ringing does not help."""
    with db.reading() as session:
        inbound = ledger.waiting_longer_than(session, UNANNOUNCED_AFTER)
        inbound_stuck = ledger.waiting_longer_than(session, UNANSWERED_AFTER)
        # Nobody rings when the hold of a text is over: it is due, and may go at once.
        outbound = waiting.count_longer_than(session, timedelta(0))
        outbound_stuck = waiting.count_longer_than(session, UNANSWERED_AFTER)
    if inbound and _is_unheard(jobs.PROCESS_INBOUND, is_stuck=inbound_stuck > 0):
        process.run_due()
    if outbound and _is_unheard(jobs.DELIVER_TEXTS, is_stuck=outbound_stuck > 0):
        sending.deliver_due(
            gateways.carrier_of, runtime.status_callback_for, runtime.senders(), settle=_settle()
        )


def _is_unheard(job: Job, *, is_stuck: bool) -> bool:
    return not later.ring(job) or is_stuck


def expire_leases() -> None:
    with db.transaction() as session:
        delivery.expire_leases(session, settle=_settle())


def settle() -> None:
    """Look up unclear texts, here where no worker hears of it."""
    with db.reading() as session:
        is_due = waiting.has_unknown_due(session)
    if is_due and not later.ring(jobs.SETTLE_UNKNOWN_TEXTS):
        sending.settle_unknown(gateways.carrier_of, settle=_settle())


def return_orphans() -> None:
    """Nobody waits with somebody who cannot see it."""
    with db.transaction() as session:
        transitions.return_all_orphans(session)


def remind() -> None:
    """Tell members of what nobody has opened for a day."""
    with db.transaction() as session:
        reminding.remind(session)


def reconcile() -> None:
    """Compare with the carrier's list, here where no worker hears of it."""
    if not later.ring(jobs.RECONCILE_INBOUND):
        reconciliation.reconcile(gateways.carrier_of, settle=_settle())


def send_letters() -> None:
    """Letters that nobody announced, or that are to be tried again; here where no worker hears of them."""
    with db.reading() as session:
        is_due = resets.is_asked(session) or mail.is_due(session, now=clock.now(session))
    if is_due and not later.ring(jobs.SEND_LETTERS):
        letters.send_due()


def import_patients() -> None:
    """Imports that nobody works on, here where no worker hears of them."""
    with db.reading() as session:
        is_due = run.is_due(session, now=clock.now(session))
    if is_due and not later.ring(jobs.IMPORT_PATIENTS):
        working.run_due()


def expire_verifications() -> None:
    """Whoever was asked for a birth date and gave none in two weeks."""
    with db.transaction() as session:
        verification.expire(session, now=clock.now(session))


def trim() -> None:
    """Remove what no rule needs any more; texts and tasks are never among it."""
    with db.transaction() as session:
        now = clock.now(session)
        throttle.trim(session, now=now)
        submission.trim(session, now=now)
        mail.trim(session, now=now)
        tokens.trim(session, now=now)
        searching.trim(session, now=now)
        run.trim(session, now=now)


def _settle() -> timedelta:
    return runtime.settle_time(settings())
