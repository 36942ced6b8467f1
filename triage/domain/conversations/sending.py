"""The run of a delivery worker: claim, call the carrier outside any transaction, record."""

import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from triage.domain import jobs
from triage.domain.conversations import delivery
from triage.domain.conversations.carrier import Accepted, Carrier, CarrierOf, CarrierText
from triage.domain.conversations.delivery import Claim, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.practice import practice as practices
from triage.domain.practice.practice import Practice
from triage.kit import db, later
from triage.kit.errors import GatewayFailed, OutcomeUnknown
from triage.kit.turns import Turns

AT_ONCE = 24
# While others are out, this many places must be free before more texts are claimed, ...
REFILL = 6
# ... and the first that comes back waits this long for the next ones: one transaction records them all.
GATHER_SECONDS = 0.01
# A worker's time limit is a minute; a call that is out when this is over can take a third of a lease.
RUN_SECONDS = 20.0
# A text's record at the carrier can be this much older than our claim, by its whole seconds.
CLOCK_GRAIN = timedelta(seconds=5)

_PLAIN_SIGNS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-"})

CallbackFor = Callable[[UUID], str]
# What came of a call: the carrier's word, or whatever else is to be recorded.
Outcome = Accepted | Callable[[Session], None]
Send = Callable[[Claim, Practice], Outcome]

_turns = Turns()


def deliver_due(
    carrier_of: CarrierOf, callback_for: CallbackFor, pool: Executor, *, settle: timedelta
) -> int:
    """Send everything that is due, `AT_ONCE` texts at a time; returns how many. Safe to run anywhere, any time.

    In a process one thread does it for all that ask. When there is no end of it, it stops after a while and rings
    for whoever comes next.
    """
    send = partial(_send, carrier_of=carrier_of, callback_for=callback_for, settle=settle)
    return sum(_turns.take(_Round(pool, send).run))


class _Round:
    """The texts that are out at the carrier: each that comes back makes room for another."""

    def __init__(self, pool: Executor, send: Send) -> None:
        self._pool = pool
        self._send = send
        self._until: float | None = None
        self._out: dict[Future[Outcome], Claim] = {}

    def run(self) -> int:
        """Whatever goes wrong, all that is out is waited for and recorded."""
        count = 0
        try:
            while (claimed := self._claim()) or self._out:
                count += claimed
                _record(self._back())
        finally:
            wait(self._out, return_when=ALL_COMPLETED)
            _record(self._take_back())
        return count

    def _claim(self) -> int:
        free = AT_ONCE - len(self._out)
        if self._out and free < REFILL:
            return 0
        if self._until is None:
            self._until = time.monotonic() + RUN_SECONDS
        elif time.monotonic() >= self._until:
            if not self._out:
                later.ring(jobs.DELIVER_TEXTS)
            return 0
        with db.transaction() as session:
            claims = delivery.claim(session, limit=free)
            practice_of = {
                practice_id: practices.find_practice(session, practice_id)
                for practice_id in {claimed.practice_id for claimed in claims}
            }
        for claimed in claims:
            self._out[self._pool.submit(self._send, claimed, practice_of[claimed.practice_id])] = claimed
        return len(claims)

    def _back(self) -> dict[Claim, Future[Outcome]]:
        _, still_out = wait(self._out, return_when=FIRST_COMPLETED)
        if still_out:
            time.sleep(GATHER_SECONDS)
        return self._take_back()

    def _take_back(self) -> dict[Claim, Future[Outcome]]:
        return {self._out.pop(future): future for future in list(self._out) if future.done()}


def _send(
    claimed: Claim,
    practice: Practice,
    *,
    carrier_of: CarrierOf,
    callback_for: CallbackFor,
    settle: timedelta,
) -> Outcome:
    """Call the carrier, unless too little of the lease is left, and say what is to be recorded."""
    with db.statements() as session:
        is_fresh = delivery.is_fresh(session, claimed)
    if not is_fresh:
        return lambda session: delivery.give_back(session, claimed)
    carrier = carrier_of(practice)
    if carrier is None:
        return lambda session: delivery.record_refused(session, claimed, code=21603)
    try:
        return carrier.send(
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


def _record(back: dict[Claim, Future[Outcome]]) -> None:
    """Accepted texts in one transaction, each other one in its own. All are tried before anything is raised."""
    accepted: dict[Claim, Accepted] = {}
    with ExitStack() as errands:
        errands.callback(_record_accepted, accepted)
        for claimed, future in back.items():
            if future.exception():
                errands.callback(future.result)
                continue
            outcome = future.result()
            if isinstance(outcome, Accepted):
                accepted[claimed] = outcome
            else:
                errands.callback(_record_one, outcome)


def _record_accepted(accepted: dict[Claim, Accepted]) -> None:
    if not accepted:
        return
    try:
        with db.transaction() as session:
            delivery.record_all_sent(session, accepted)
    except IntegrityError:
        if len(accepted) == 1:
            raise
        # One has a name that another text bears already. It will be looked up; the others are sent.
        with ExitStack() as errands:
            for claimed, word in accepted.items():
                errands.callback(_record_accepted, {claimed: word})


def _record_one(outcome: Callable[[Session], None]) -> None:
    with db.transaction() as session:
        outcome(session)


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
        body = _plain(session.scalars(select(Message.body).where(Message.id == text.message_id)).one())
    found = carrier.texts(since=since, to_number=text.to_number, from_number=text.from_number)
    return [
        copy
        for copy in sorted(found, key=lambda copy: copy.created_at)
        if not copy.is_inbound
        and _plain(copy.body) == body
        and copy.created_at >= since.replace(microsecond=0)
    ]


def _plain(body: str) -> str:
    """Words as they are compared: carriers trim, and write typographic signs as plain ones (smart encoding)."""
    return " ".join(unicodedata.normalize("NFKC", body).translate(_PLAIN_SIGNS).split())
