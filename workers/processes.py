"""`python -m workers.processes`: Dramatiq's processes, which share what they have all loaded.

Dramatiq's own command starts them first, and each then loads everything for itself.
"""

import os
import sys
from importlib import import_module

# Dramatiq reads its settings when it is loaded, which is below.
os.environ.setdefault("dramatiq_queue_prefetch", "4")
os.environ.setdefault("dramatiq_restart_delay", "500")

from dramatiq import __main__ as command
from dramatiq import cli

from triage.kit import memory

# Everything but the actors: their queue must be made in the process that listens to it.
SHARED = (
    "triage.runtime",
    "triage.domain.tables",
    "triage.domain.intake.process",
    "triage.domain.intake.reconcile",
    "triage.gateways.twilio",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
)


def main(arguments: list[str]) -> int:
    memory.give_back()
    for name in SHARED:
        import_module(name)
    memory.share()
    # Dramatiq starts itself anew from this when it is asked to by a signal.
    sys.argv = [str(command.__file__), "workers.main", "--skip-logging", *arguments]
    return int(cli.main() or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
