"""Ten days at the demo's practices, made by the product itself under a shifted clock.

Texts come in through the ledger and are filed by intake, rules assign them, members answer, complete and
delete as they would on the pages, and texts leave as a delivery worker and the carrier's callbacks would have
it. Nothing is written past the domain's own functions.
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from triage.demo.houses import House, Reached
from triage.demo.scripts import Kind
from triage.demo.timetable import Step
from triage.domain.conversations import delivery, reading
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import Claim
from triage.domain.conversations.message import Direction, Message
from triage.domain.inbox import replying, requesting, scope, stars, transitions, who
from triage.domain.inbox.choices import Reach
from triage.domain.inbox.task import Task
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Received, Via
from triage.domain.patients import consent, phones
from triage.domain.patients.patient import find_patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock, db

# Texts that came within this time, with nothing in between, are filed together.
TOGETHER = timedelta(minutes=1)
SETTLE = timedelta(seconds=60)
PHOTO = "image/png"


class History:
    """Plays steps in their order. `carrier_url` is where the carrier keeps photos."""

    def __init__(self, *, carrier_url: str, dice: random.Random) -> None:
        self._carrier_url = carrier_url
        self._dice = dice
        self._closed: dict[UUID, UUID] = {}

    def play(self, steps: Iterable[Step]) -> None:
        came: list[Step] = []
        for step in steps:
            if came and (step.line.kind is not Kind.IN or step.at - came[0].at > TOGETHER):
                self._come_in(came)
                came = []
            if step.line.kind is Kind.IN:
                came.append(step)
            elif step.line.kind is Kind.OUT:
                self._answer(step)
            else:
                self._do(step)
        if came:
            self._come_in(came)

    def ask(self, house: House, reached: Reached, *, at: datetime, answers: Iterable[str]) -> None:
        """Somebody is asked for a birth date, and texts these answers."""
        by = next(member for member in house.members.values() if member.messages is Messages.ALL)
        with _at(at), db.transaction() as session:
            use_id = session.scalars(
                select(PhoneUse.id).where(
                    PhoneUse.phone_id == reached.phone_id, PhoneUse.patient_id == reached.patient_id
                )
            ).one()
            requesting.request_from_patient(session, reached.patient_id, use_id, by=by)
        self._send_answers(at)
        number = house.numbers[reached.site].number
        for body in answers:
            at += timedelta(minutes=4)
            with _at(at), db.transaction() as session:
                received = self._received(house.clinic.account, reached.number, number, body, has_photo=False)
                ledger.receive(session, house.practice_id, received, via=Via.WEBHOOK, sent_at=at)
            self._file(at + timedelta(seconds=1))

    def hold_back(self, house: House, *, at: datetime, sender: str, body: str) -> None:
        """A call that looked like the carrier's and was not signed by it."""
        number = next(iter(house.numbers.values())).number
        with _at(at), db.transaction() as session:
            received = self._received(house.clinic.account, sender, number, body, has_photo=False)
            ledger.quarantine(session, house.practice_id, received, reason="signature does not match")

    def _come_in(self, steps: list[Step]) -> None:
        with _at(steps[-1].at + timedelta(seconds=1)), db.transaction() as session:
            for step in steps:
                self._receive(session, step)
        self._file(steps[-1].at + timedelta(seconds=2))

    def _file(self, at: datetime) -> None:
        with _at(at):
            with db.transaction() as session:
                lease = ledger.claim(session)
            assert lease is not None
            process.file(lease)
        self._send_answers(at)

    def _send_answers(self, at: datetime) -> None:
        """What the product answered by itself leaves and arrives at once."""
        with _at(at + timedelta(seconds=2)), db.transaction() as session:
            for claim in delivery.claim(session, limit=50):
                self._take(session, claim, error=None)

    def _receive(self, session: Session, step: Step) -> None:
        number, mark = step.house.numbers[step.site].number, step.line.mark
        received = self._received(
            step.house.clinic.account, step.other, number, step.text, has_photo=mark == "photo"
        )
        via = Via.RECONCILE if mark == "missed" else Via.WEBHOOK
        for _ in range(2 if mark == "twice" else 1):
            ledger.receive(session, step.house.practice_id, received, via=via, sent_at=step.at)

    def _received(self, account: str, sender: str, number: str, body: str, *, has_photo: bool) -> Received:
        """As the webhook reads it from the carrier's call."""
        sid = ("MM" if has_photo else "SM") + self._new_hex()
        path = f"/2010-04-01/Accounts/{account}/Messages/{sid}/Media/ME{self._new_hex()}"
        media = [{"url": self._carrier_url + path, "content_type": PHOTO}] if has_photo else []
        params = {
            "MessageSid": sid,
            "AccountSid": account,
            "From": sender,
            "To": number,
            "Body": body,
            "NumMedia": str(len(media)),
        }
        for place, item in enumerate(media):
            params |= {f"MediaUrl{place}": item["url"], f"MediaContentType{place}": item["content_type"]}
        return Received(sid, account, sender, number, body, media, None, params)

    def _new_hex(self) -> str:
        return self._dice.randbytes(16).hex()

    def _answer(self, step: Step) -> None:
        by = step.house.members[step.who]
        with _at(step.at), db.transaction() as session:
            conversation = _conversation(session, step, by)
            reading.mark_read(session, conversation, by=by, now=clock.now(session))
            # Whoever writes knows to whom; of those who share a number the text says it.
            about = step.reached.patient_id if step.reached else None
            message = replying.reply(session, conversation, step.text, by=by, about=about)
        if step.line.mark == "unknown":
            self._lose(step.at, message.id)
        else:
            self._deliver(step.at, message.id, error=int(step.line.mark or 0) or None)

    def _deliver(self, at: datetime, message_id: UUID, *, error: int | None) -> None:
        """The carrier takes the text and reports on it, each time a little later."""
        with _at(at + timedelta(seconds=self._dice.randint(2, 5))), db.transaction() as session:
            self._take(session, self._claim(session, message_id), error=error)

    def _claim(self, session: Session, message_id: UUID) -> Claim:
        """This text; a notice that goes with it arrives."""
        claims = {claim.message_id: claim for claim in delivery.claim(session, limit=2)}
        claim = claims.pop(message_id)
        for notice in claims.values():
            self._take(session, notice, error=None)
        return claim

    def _take(self, session: Session, claim: Claim, *, error: int | None) -> None:
        sid = "SM" + self._new_hex()
        delivery.record_sent(session, claim, sid=sid, status="queued")
        for status in ("sent", "undelivered" if error else "delivered"):
            delivery.record_status(
                session,
                claim.practice_id,
                sid=sid,
                status=status,
                error_code=error if status == "undelivered" else None,
                message_id=claim.message_id,
            )

    def _lose(self, at: datetime, message_id: UUID) -> None:
        """Nobody hears whether the text arrived, twice, until a person has to decide."""
        for _ in range(2):
            with _at(at + timedelta(seconds=1)), db.transaction() as session:
                claim = self._claim(session, message_id)
                delivery.record_unknown(session, claim, settle=SETTLE)
            for _ in range(delivery.MOST_LOOKS):
                at += SETTLE + timedelta(seconds=5)
                self._look_up_in_vain(at, claim)

    def _look_up_in_vain(self, at: datetime, claim: Claim) -> None:
        with _at(at), db.transaction() as session:
            delivery.due_unknown(session, limit=2, settle=SETTLE)
            delivery.settle_missing(session, claim.message_id, settle=SETTLE)

    def _do(self, step: Step) -> None:
        by = step.house.members[step.who]
        with _at(step.at), db.transaction() as session:
            now = clock.now(session)
            conversation = _conversation(session, step, by)
            match step.line.mark:
                case "starred":
                    stars.star(session, _newest_inbound(session, by, conversation), by=by, now=now)
                case "read":
                    reading.mark_read(session, conversation, by=by, now=now)
                case "nobody":
                    who.say_nobody(session, conversation, seen=who.seen_of(conversation), by=by)
                case "chosen":
                    self._choose(session, step, conversation, by)
                case _:
                    reading.mark_read(session, conversation, by=by, now=now)
                    self._move(session, step, conversation, by)

    def _choose(self, session: Session, step: Step, conversation: Conversation, by: Member) -> None:
        """The first whose name that is, of those who share the number."""
        identity = phones.identities(session, [conversation.phone_id])[conversation.phone_id]
        person = next(one for one in identity.people if one.patient_name == step.line.to[0])
        patient = find_patient(session, by, person.patient_id)
        seen = who.seen_of(conversation)
        who.choose(session, conversation, patient, reach=Reach.TASK, seen=seen, by=by)

    def _move(self, session: Session, step: Step, conversation: Conversation, by: Member) -> None:
        if step.line.mark == "reopened":
            task = scope.find_task(session, by, self._closed[conversation.id], lock=True)
            transitions.reopen(session, task, by=by)
            return
        task = _open_task(session, conversation, by)
        match step.line.mark:
            case "given":
                ids = [step.house.members[login].id for login in step.to]
                transitions.assign(session, task, ids, by=by)
            case "done":
                transitions.complete(session, task, by=by)
            case "deleted":
                transitions.delete(session, task, by=by)
            case unknown:
                raise ValueError(f"nobody knows what it means that a task is {unknown}")
        self._closed[conversation.id] = task.id


@contextmanager
def _at(moment: datetime) -> Iterator[None]:
    with clock.shifted(moment - datetime.now(UTC)):
        yield


def _conversation(session: Session, step: Step, by: Member) -> Conversation:
    """The one between the two numbers, as a page would find it; staff start it where there is none."""
    number = step.house.numbers[step.site]
    query = (
        scope.visible_conversations(by)
        .join(Phone, Phone.id == Conversation.phone_id)
        .where(Conversation.practice_number_id == number.id, Phone.number == step.other)
    )
    conversation = session.scalar(query.with_for_update(of=Conversation))
    if conversation is not None:
        return conversation
    return _started(session, step, by)


def _started(session: Session, step: Step, by: Member) -> Conversation:
    """Whoever writes first has asked before whether texts are welcome."""
    reached = step.reached
    assert reached is not None
    for use, phone, _ in phones.uses_by_patient(session, by.practice_id, reached.patient_id):
        if phone.id == reached.phone_id:
            consent.record_consent(
                session, phone, use, consent.Agreement("asked on the phone"), by=by.id, now=clock.now(session)
            )
    return replying.start(
        session,
        patient_id=reached.patient_id,
        phone_id=reached.phone_id,
        practice_number_id=step.house.numbers[step.site].id,
        by=by,
    )


def _open_task(session: Session, conversation: Conversation, by: Member) -> Task:
    task = scope.open_task_of(session, conversation.id)
    assert task is not None
    return scope.find_task(session, by, task.id, lock=True)


def _newest_inbound(session: Session, by: Member, conversation: Conversation) -> Message:
    messages = scope.visible_messages(by).where(
        Message.conversation_id == conversation.id, Message.direction == Direction.IN
    )
    return session.scalars(messages.order_by(Message.at.desc()).limit(1)).one()
