"""Every background job by name and queue."""

from triage.kit.later import Job

PROCESS_INBOUND = Job("process_inbound", "inbound")
DELIVER_TEXTS = Job("deliver_texts", "outbound")
SETTLE_UNKNOWN_TEXTS = Job("settle_unknown_texts", "outbound")
RECONCILE_INBOUND = Job("reconcile_inbound", "upkeep")
SEND_LETTERS = Job("send_letters", "notices")
IMPORT_PATIENTS = Job("import_patients", "upkeep")

ALL = (PROCESS_INBOUND, DELIVER_TEXTS, SETTLE_UNKNOWN_TEXTS, RECONCILE_INBOUND, SEND_LETTERS, IMPORT_PATIENTS)
