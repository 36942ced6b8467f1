"""How many texts a second leave, through a carrier that takes a tenth of a second for each."""

from datetime import timedelta

from sqlalchemy import select

from bench.figures import Report, Target
from bench.history import Size
from bench.house import ask, at_work
from bench.installation import Installation
from triage.demo.child import wait_until
from triage.domain.conversations import delivery
from triage.domain.conversations.conversation import conversation_for
from triage.domain.patients import phones
from triage.domain.patients.phones import Phone
from triage.domain.practice.member import Member
from triage.domain.practice.practice import PracticeNumber
from triage.kit import clock

# All become due at once, after they have all been written.
HOLD = timedelta(seconds=5)

_RATE = """
select count(*) / extract(epoch from max(changed_at) - min(first_claim_at)) from outbound_text where state = 'sent'
"""


def measure(report: Report) -> None:
    count = 600 if report.is_quick else 3_000
    with at_work(Size(patients=count)) as house:
        house.control("PUT", "faults", {"latency_ms": 100, "drop_callbacks": 1.0})
        _queue(house, count)
        left = "select count(*) from outbound_text where state <> 'sent'"
        if not wait_until(lambda: not ask(house, left), seconds=120, every=0.1):
            raise TimeoutError("texts were queued and not sent")
        rate = float(ask(house, _RATE))
    report.add("outbound_rate", rate, "texts/s", Target(at_least=150), note="two worker processes")


def _queue(house: Installation, count: int) -> None:
    with house.session() as session:
        number = session.scalars(select(PracticeNumber)).one()
        by = session.scalars(select(Member.id).limit(1)).one()
        for phone in session.scalars(select(Phone).order_by(Phone.id).limit(count)).all():
            identity = phones.identities(session, [phone.id])[phone.id]
            now = clock.now(session)
            conversation = conversation_for(session, number, phone, identity, now=now)
            delivery.queue(
                session, conversation, number, phone, "See you at nine.", by=by, now=now, hold=HOLD
            )
