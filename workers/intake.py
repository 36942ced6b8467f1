"""Filing what patients sent, and finding what never arrived."""

from triage import gateways, runtime
from triage.config import settings
from triage.domain import jobs
from triage.domain.intake import process, reconcile
from workers.broker import actor


@actor(jobs.PROCESS_INBOUND)
def process_inbound() -> None:
    process.run_due()


@actor(jobs.RECONCILE_INBOUND)
def reconcile_inbound() -> None:
    reconcile.reconcile(gateways.carrier_of, settle=runtime.settle_time(settings()))
