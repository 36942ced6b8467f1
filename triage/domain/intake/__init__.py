"""From a carrier's call to a task: the ledger, then gather, decide, write."""
