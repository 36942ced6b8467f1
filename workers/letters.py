"""What is done about letters that are due, by a worker or, where none hears of it, by the scheduler."""

from triage import gateways
from triage.config import settings
from triage.domain import mail
from triage.domain.access import resets
from triage.gateways import mail as post_office
from triage.kit import clock, db, logs
from triage.kit.errors import GatewayFailed

log = logs.logger(__name__)


def send_due() -> None:
    """Everything that is due; what fails is tried again later. A crash after sending sends a letter twice."""
    if not settings().can_mail:
        return
    with db.transaction() as session:
        resets.answer_requests(
            session, vault=gateways.vault(), public_url=settings().public_url, now=clock.now(session)
        )
    while True:
        with db.transaction() as session:
            claimed = mail.claim(session, vault=gateways.vault(), now=clock.now(session))
        if not claimed:
            return
        for letter in claimed:
            _send(letter)


def _send(letter: mail.Claimed) -> None:
    problem: GatewayFailed | None = None
    try:
        post_office.send(letter.id, letter.to, letter.template, letter.values)
    except GatewayFailed as failure:
        problem = failure
        log.warning("letter not sent", letter_id=str(letter.id), reason=failure.args[0])
    with db.transaction() as session:
        now = clock.now(session)
        if problem is None:
            mail.sent(session, letter.id, now=now)
        else:
            mail.failed(session, letter.id, now=now, problem=str(problem), is_final=problem.permanent)
