"""Sending texts, and looking up those of which nobody knows whether they left."""

from triage import gateways, runtime
from triage.config import settings
from triage.domain import jobs
from triage.domain.conversations import sending
from workers.broker import actor


@actor(jobs.DELIVER_TEXTS)
def deliver_texts() -> None:
    sending.deliver_due(
        gateways.carrier_of,
        runtime.status_callback_for,
        runtime.senders(),
        settle=runtime.settle_time(settings()),
    )


@actor(jobs.SETTLE_UNKNOWN_TEXTS)
def settle_unknown_texts() -> None:
    sending.settle_unknown(gateways.carrier_of, settle=runtime.settle_time(settings()))
