"""Taking back a text that waits: it never was, the task is as before, and the words are in the composer again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, an_inbound, conversation_of
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.audit import Audit
from triage.domain.conversations import delivery, drafts, sending
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying, stars, thread, transitions, withdrawing
from triage.domain.inbox.task import State, Task
from triage.domain.practice.member import Member, load_member
from triage.kit import clock, db
from triage.kit.errors import NotFound, NotPossible

HOLD = timedelta(seconds=5)


@pytest.fixture(autouse=True)
def _every_promise_holds(session: Session) -> Iterator[None]:
    yield
    session.commit()
    assert verify.verify(session).broken == set()


def held(
    session: Session, task: Task, by: Member, body: str = "Yes, at nine.", *, completes: bool = False
) -> Message:
    """A reply that waits for five seconds; ends the act."""
    message = replying.reply(session, conversation_of(session, task), body, by=by, hold=HOLD)
    if completes:
        transitions.complete(session, task, by=by)
    session.commit()
    return message


def sent_by_now(session: Session, carrier: PaperCarrier, *, after: timedelta) -> int:
    session.commit()
    with clock.shifted(after):
        count = sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=timedelta(minutes=1))
    session.expire_all()
    return count


def begun(session: Session, task: Task, by: Member) -> str | None:
    session.expire_all()
    draft = drafts.draft_of(session, by, task.conversation_id)
    return draft.body if draft else None


def test_a_text_leaves_when_its_time_is_over_and_not_before(session: Session, cast: Cast) -> None:
    carrier = PaperCarrier(now=lambda: clock.now(session))
    held(session, a_task(session, cast=cast), cast.ana)

    assert sent_by_now(session, carrier, after=HOLD - timedelta(seconds=1)) == 0
    assert sent_by_now(session, carrier, after=HOLD + timedelta(seconds=1)) == 1


def test_a_text_that_was_taken_back_never_leaves(session: Session, cast: Cast) -> None:
    carrier = PaperCarrier(now=lambda: clock.now(session))
    task = a_task(session, cast=cast)
    message_id = held(session, task, cast.ana).id

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert sent_by_now(session, carrier, after=timedelta(minutes=1)) == 0
    assert session.get(Message, message_id) is None
    assert session.get(OutboundText, message_id) is None
    assert begun(session, task, cast.ana) == "Yes, at nine."
    details = session.scalars(select(Audit.detail).where(Audit.subject_id == message_id)).all()
    assert any(detail.get("state") == "withdrawn" for detail in details)


def test_the_conversation_and_its_waiting_task_are_as_before(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    conversation = conversation_of(session, task)
    before = conversation.last_message_at, task.last_message_id
    message_id = held(session, task, cast.ana).id

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.state, task.owner_id, task.answered_at) == (State.PENDING, None, None)
    assert (conversation.last_message_at, task.last_message_id) == before
    assert thread.newest_message_id(session, conversation) == task.last_message_id


def test_completing_by_the_same_step_is_undone_with_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ana])
    message_id = held(session, task, cast.ana, completes=True).id
    assert task.state is State.COMPLETED

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.state, task.owner_id) == (State.ASSIGNED, cast.ana.id)
    assert task.answered_at is None


def test_taking_and_completing_are_both_undone(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    message_id = held(session, task, cast.ana, completes=True).id

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.state, task.owner_id, task.answered_at) == (State.PENDING, None, None)


def test_an_earlier_answer_still_counts(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    first = a_reply(session, by=cast.ana, task=task)
    message_id = held(session, task, cast.ana, "One more thing").id

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.state, task.answered_at) == (State.ASSIGNED, first.at)


def test_the_first_of_two_texts_takes_nothing_along_that_the_second_stands_for(
    session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast)
    first = held(session, task, cast.ana, "Yes, at nine.").id
    second = held(session, task, cast.ana, "Bring your card.")

    withdrawing.withdraw(session, first, by=cast.ana)

    assert (task.state, task.owner_id) == (State.ASSIGNED, cast.ana.id)
    assert task.answered_at == second.at


def test_the_patient_who_wrote_meanwhile_has_waited_since_the_first_text(
    session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    since = task.waiting_since
    message_id = held(session, task, cast.ana).id
    an_inbound(session, cast=cast)

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.waiting_since, task.answered_at) == (since, None)


def test_what_a_colleague_did_since_stays(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    message_id = held(session, task, cast.ana).id
    transitions.assign(session, task, [cast.ben.id], by=cast.admin)
    session.commit()

    withdrawing.withdraw(session, message_id, by=cast.ana)

    assert (task.state, task.owner_id) == (State.ASSIGNED, cast.ben.id)
    assert session.get(Message, message_id) is None


def test_a_completed_task_stays_closed_beside_a_newer_one(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    message_id = held(session, task, cast.ana, completes=True).id
    an_inbound(session, cast=cast)

    withdrawing.withdraw(session, message_id, by=cast.ana)

    session.refresh(task)
    assert task.state is State.COMPLETED
    assert begun(session, task, cast.ana) == "Yes, at nine."


def test_a_starred_text_can_be_taken_back(session: Session, cast: Cast) -> None:
    message = held(session, a_task(session, cast=cast), cast.ana)
    stars.star(session, message, by=cast.admin, now=clock.now(session))

    withdrawing.withdraw(session, message.id, by=cast.ana)

    assert session.get(Message, message.id) is None


def test_a_signature_is_not_written_into_the_composer(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    ana = load_member(session, cast.ana.id)
    assert ana
    ana.practice.sign_texts = True
    message = held(session, task, ana)
    assert message.body.endswith("- Ana")

    withdrawing.withdraw(session, message.id, by=ana)

    assert begun(session, task, ana) == "Yes, at nine."


def test_nobody_takes_back_the_text_of_another(session: Session, cast: Cast) -> None:
    message = held(session, a_task(session, cast=cast), cast.ana)

    for member in (cast.admin, cast.ben, cast.dan):
        with pytest.raises(NotFound):
            withdrawing.withdraw(session, message.id, by=member)


def test_a_text_that_a_sender_has_claimed_cannot_be_taken_back(session: Session, cast: Cast) -> None:
    message = a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    delivery.claim(session, limit=1)

    with pytest.raises(NotPossible, match="has left already"):
        withdrawing.withdraw(session, message.id, by=cast.ana)


def test_sender_and_writer_at_the_same_moment_agree(fresh_cast: Cast, fresh_session: Session) -> None:
    """Whoever is first has it: it is either sent or taken back, never both and never neither."""
    tasks = [a_task(fresh_session, cast=fresh_cast) for _ in range(8)]
    ids = [a_reply(fresh_session, by=fresh_cast.ana, task=task).id for task in tasks]
    fresh_session.commit()
    ready = Barrier(9)

    def take_back(message_id: object) -> bool:
        ready.wait()
        try:
            with db.transaction() as session:
                withdrawing.withdraw(session, message_id, by=fresh_cast.ana)  # type: ignore[arg-type]  # an id
        except NotPossible:
            return False
        return True

    def claim() -> set[object]:
        ready.wait()
        with db.transaction() as session:
            return {claimed.message_id for claimed in delivery.claim(session, limit=16)}

    with ThreadPoolExecutor(9) as pool:
        taken = [pool.submit(take_back, id_) for id_ in ids]
        claimed = pool.submit(claim).result()
        withdrawn = {id_ for id_, one in zip(ids, taken, strict=True) if one.result()}

    assert withdrawn.isdisjoint(claimed)
    left = set(fresh_session.scalars(select(OutboundText.message_id)))
    assert left == set(ids) - withdrawn
    assert fresh_session.scalar(select(func.count()).select_from(Message)) == 8 + len(left)
