"""Importing patients."""

from triage.domain import jobs
from triage.domain.importing import working
from workers.broker import actor


@actor(jobs.IMPORT_PATIENTS)
def import_patients() -> None:
    working.run_due()
