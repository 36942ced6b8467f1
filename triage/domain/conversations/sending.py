"""The run of a delivery worker: claim, call the carrier outside any transaction, record."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from uuid import UUID

from triage.domain import jobs
from triage.domain.conversations import delivery
from triage.domain.conversations.carrier import Carrier, CarrierOf, CarrierText
from triage.domain.conversations.delivery import Claim, OutboundText
from triage.domain.practice import practice as practices
from triage.kit import db, later
from triage.kit.errors import GatewayFailed, OutcomeUnknown

AT_ONCE = 16
# A worker's time limit is a minute; one round can take a lease.
RUN_SECONDS = 20.0
# A text's record at the carrier can be this much older than our claim, by its whole seconds.
CLOCK_GRAIN = timedelta(seconds=5)

CallbackFor = Callable[[UUID], str]


def deliver_due(
    carrier_of: CarrierOf, callback_for: CallbackFor, pool: Executor, *, settle: timedelta
) -> int:
    """Send everything that is due, `AT_ONCE` texts at a time; returns how many. Safe to run anywhere, any time.

    When there is no end of it, it stops after a while and rings for whoever comes next.
    """
    done, until = 0, time.monotonic() + RUN_SECONDS
    while claims := _claim():
        list(pool.map(lambda claimed: _send(claimed, carrier_of, callback_for, settle), claims))
        done += len(claims)
        if time.monotonic() >= until:
            later.ring(jobs.DELIVER_TEXTS)
            break
    return done


def _claim() -> list[Claim]:
    with db.transaction() as session:
        return delivery.claim(session, limit=AT_ONCE)


def _send(claimed: Claim, carrier_of: CarrierOf, callback_for: CallbackFor, settle: timedelta) -> None:
    with db.reading() as session:
        carrier = carrier_of(practices.find_practice(session, claimed.practice_id))
        is_fresh = delivery.is_fresh(session, claimed)
    if not is_fresh:
        with db.transaction() as session:
            delivery.give_back(session, claimed)
        return
    record = _outcome(claimed, carrier, callback_for, settle)
    with db.transaction() as session:
        record(session)


def _outcome(
    claimed: Claim, carrier: Carrier | None, callback_for: CallbackFor, settle: timedelta
) -> Callable[..., None]:
    """Call the carrier, and say what is to be recorded."""
    if carrier is None:
        return lambda session: delivery.record_refused(session, claimed, code=21603)
    try:
        accepted = carrier.send(
            from_number=claimed.from_number,
            to_number=claimed.to_number,
            body=claimed.body,
            status_callback=callback_for(claimed.message_id),
        )
    except GatewayFailed as failure:
        if failure.permanent:
            code = failure.code
            return lambda session: delivery.record_refused(session, claimed, code=code)
        return lambda session: delivery.record_busy(session, claimed)
    except OutcomeUnknown:
        return lambda session: delivery.record_unknown(session, claimed, settle=settle)
    return lambda session: delivery.record_sent(session, claimed, sid=accepted.sid, status=accepted.status)


def settle_unknown(carrier_of: CarrierOf, *, settle: timedelta) -> int:
    """Look up every text whose outcome is unclear, once; returns how many. Safe to run any time."""
    with db.transaction() as session:
        texts = delivery.due_unknown(session, limit=50, settle=settle)
        carriers = {
            practice_id: carrier_of(practices.find_practice(session, practice_id))
            for practice_id in {text.practice_id for text in texts}
        }
    for text in texts:
        carrier = carriers[text.practice_id]
        if carrier is not None:
            _look_up(text, carrier, settle)
            continue
        with db.transaction() as session:
            delivery.ask_person(session, text.message_id)
    return len(texts)


def _look_up(text: OutboundText, carrier: Carrier, settle: timedelta) -> None:
    """Of several texts with the same words each takes a copy of its own, since a taken copy has an owner."""
    since = (text.first_claim_at or text.queued_at) - CLOCK_GRAIN
    try:
        copies = _copies(text, carrier, since)
    except (GatewayFailed, OutcomeUnknown):
        return
    with db.transaction() as session:
        taken = delivery.bound_sids(session, text.practice_id, {copy.sid for copy in copies})
        free = [copy for copy in copies if copy.sid not in taken]
        if not free:
            delivery.settle_missing(session, text.message_id, settle=settle)
            return
        copy = free[0]
        delivery.settle_found(
            session, text.message_id, sid=copy.sid, status=copy.status, error_code=copy.error_code
        )


def _copies(text: OutboundText, carrier: Carrier, since: datetime) -> list[CarrierText]:
    with db.reading() as session:
        body = delivery.body_of(session, text.message_id)
    found = carrier.texts(since=since, to_number=text.to_number, from_number=text.from_number)
    return [
        copy
        for copy in sorted(found, key=lambda copy: copy.created_at)
        if not copy.is_inbound and copy.body == body and copy.created_at >= since.replace(microsecond=0)
    ]
