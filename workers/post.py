"""Sending letters to members."""

from triage.domain import jobs
from workers import letters
from workers.broker import actor


@actor(jobs.SEND_LETTERS)
def send_letters() -> None:
    letters.send_due()
