"""Counters for operators; labels name kinds, never people, numbers or practices."""

from prometheus_client import Counter, Gauge, Histogram

WEBHOOKS = Counter("triage_webhooks_total", "Carrier calls by what became of them", ["kind", "outcome"])
INBOUND = Counter("triage_inbound_total", "Inbound texts by outcome", ["outcome"])
INBOUND_SECONDS = Histogram(
    "triage_inbound_seconds",
    "From the commit of the ledger row to the written task",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
RECONCILED = Counter("triage_reconciled_total", "Texts that the carrier had and we had never received")
OUTBOUND = Counter("triage_outbound_total", "Attempts to send a text by result", ["result"])
DOORBELL_FAILURES = Counter("triage_doorbell_failures_total", "Rings and signals that Redis did not take")
SIGN_INS = Counter("triage_sign_ins_total", "Attempts to sign in by result", ["result"])
STREAMS = Gauge("triage_live_streams", "Open live streams", multiprocess_mode="livesum")
REQUESTS = Histogram(
    "triage_request_seconds",
    "Web requests by route template",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
