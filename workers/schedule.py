"""The timetable: what is looked after, and how often."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from triage.config import Settings
from workers import upkeep


class Tick(NamedTuple):
    """A tick decides nothing: it calls work that finds in the database what is due. `at_start`: also at once."""

    name: str
    every: timedelta
    work: Callable[[], None]
    at_start: bool = True


def timetable(settings: Settings) -> list[Tick]:
    return [
        Tick("sweep", timedelta(seconds=2), upkeep.sweep),
        Tick("expire-leases", timedelta(seconds=5), upkeep.expire_leases),
        Tick("settle", timedelta(seconds=10), upkeep.settle),
        Tick("return-orphans", timedelta(minutes=1), upkeep.return_orphans),
        Tick("remind", timedelta(minutes=5), upkeep.remind),
        Tick("reconcile", timedelta(seconds=settings.reconcile_every_seconds), upkeep.reconcile),
        Tick("expire-verifications", timedelta(seconds=10), upkeep.expire_verifications),
        Tick("letters", timedelta(seconds=15), upkeep.send_letters),
        Tick("imports", timedelta(seconds=10), upkeep.import_patients),
        Tick("trim", timedelta(hours=1), upkeep.trim, at_start=False),
    ]
