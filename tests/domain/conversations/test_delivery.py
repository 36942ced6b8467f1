"""How a text leaves, once: claims, outcomes, callbacks in any order, and what becomes of the unclear ones."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.builders import a_reply, a_sid, a_task, an_inbound, conversation_of
from tests.carrier import (
    IS_BUSY,
    KNOWS_OF_STOP,
    NEVER_ANSWERS,
    REFUSES,
    AtOnce,
    FirstIsSlow,
    PaperCarrier,
    nowhere,
)
from tests.cast import PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.audit import Action, Audit
from triage.domain.conversations import delivery, sending, waiting
from triage.domain.conversations.delivery import Claim, DeliveryReport, OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import replying, thread
from triage.domain.patients.phones import Phone
from triage.domain.practice.practice import Practice
from triage.kit import clock
from triage.kit.errors import NotPossible

SETTLE = timedelta(seconds=60)


@pytest.fixture
def carrier(session: Session) -> PaperCarrier:
    return PaperCarrier(now=lambda: clock.now(session))


@pytest.fixture
def queued(session: Session, cast: Cast) -> Iterator[OutboundText]:
    """A reply to Pat that nobody has sent yet; whatever becomes of it, every promise holds afterwards."""
    message = a_reply(session, by=cast.ana, task=a_task(session, cast=cast, number=PAT_NUMBER))
    yield session.get_one(OutboundText, message.id)
    session.commit()
    assert verify.verify(session).broken == set()


def deliver(session: Session, carrier: PaperCarrier) -> int:
    session.commit()
    sent = sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=SETTLE)
    session.expire_all()
    return sent


def settle(session: Session, carrier: PaperCarrier) -> int:
    session.commit()
    looked_up = sending.settle_unknown(carrier.of, settle=SETTLE)
    session.expire_all()
    return looked_up


def claimed(session: Session) -> Claim:
    (claim,) = delivery.claim(session, limit=1)
    session.commit()
    return claim


def called_back(session: Session, text: OutboundText, status: str, code: int | None = None) -> bool:
    return delivery.record_status(
        session,
        text.practice_id,
        sid=text.provider_sid or a_sid(),
        status=status,
        error_code=code,
        message_id=text.message_id,
    )


class TestSending:
    def test_a_text_leaves_once(self, session: Session, queued: OutboundText, carrier: PaperCarrier) -> None:
        assert deliver(session, carrier) == 1
        assert deliver(session, carrier) == 0

        assert [(one.to_number, one.body) for one in carrier.kept] == [(PAT_NUMBER, "Yes, at nine.")]
        assert (queued.state, queued.provider_sid) == (OutboundState.SENT, carrier.kept[0].sid)
        assert queued.lease_until is None

    def test_every_change_is_audited(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)

        deeds = session.scalars(
            select(Audit).where(Audit.subject_id == queued.message_id).order_by(Audit.id)
        ).all()
        assert [deed.action for deed in deeds] == [
            Action.TEXT_QUEUED,
            Action.TEXT_CHANGED,
            Action.TEXT_CHANGED,
        ]
        assert [deed.detail.get("state") for deed in deeds] == [None, "sending", "sent"]

    def test_a_text_on_hold_waits(self, session: Session, cast: Cast, carrier: PaperCarrier) -> None:
        task = a_task(session, cast=cast)
        replying.reply(
            session, conversation_of(session, task), "Soon", by=cast.ana, hold=timedelta(seconds=5)
        )

        assert deliver(session, carrier) == 0
        with clock.shifted(timedelta(seconds=6)):
            assert deliver(session, carrier) == 1

    def test_many_texts_leave_in_one_run(self, session: Session, cast: Cast, carrier: PaperCarrier) -> None:
        task = a_task(session, cast=cast)
        for number in range(sending.AT_ONCE + 3):
            a_reply(session, by=cast.ana, task=task, body=f"Part {number}")

        assert deliver(session, carrier) == sending.AT_ONCE + 3
        assert len({one.sid for one in carrier.kept}) == sending.AT_ONCE + 3

    def test_nobody_waits_for_a_slow_answer_to_another(
        self, session: Session, cast: Cast, carrier: PaperCarrier
    ) -> None:
        task = a_task(session, cast=cast)
        count = 3 * sending.AT_ONCE
        for number in range(count):
            a_reply(session, by=cast.ana, task=task, body=f"Part {number}")
        session.commit()

        sent = sending.deliver_due(carrier.of, nowhere, FirstIsSlow(count - 1), settle=SETTLE)

        assert sent == count
        assert carrier.kept[-2].body == "Part 0"
        assert set(session.scalars(select(OutboundText.state))) == {OutboundState.SENT}

    def test_a_name_that_the_carrier_gives_twice_holds_nobody_else_back(
        self, session: Session, cast: Cast, carrier: PaperCarrier
    ) -> None:
        task = a_task(session, cast=cast)
        texts = [a_reply(session, by=cast.ana, task=task, body=body) for body in ("one", "two", "three")]
        carrier.sids = [twice := a_sid(), twice, a_sid()]

        with pytest.raises(IntegrityError):
            deliver(session, carrier)

        states = [session.get_one(OutboundText, text.id).state for text in texts]
        assert sorted(states) == [OutboundState.SENDING, OutboundState.SENT, OutboundState.SENT]
        assert states[2] is OutboundState.SENT

    def test_a_run_ends_in_time_and_the_next_one_goes_on(
        self, session: Session, cast: Cast, carrier: PaperCarrier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending, "RUN_SECONDS", 0)
        task = a_task(session, cast=cast)
        for number in range(sending.AT_ONCE + 3):
            a_reply(session, by=cast.ana, task=task, body=f"Part {number}")

        assert [deliver(session, carrier) for _ in range(3)] == [sending.AT_ONCE, 3, 0]

    def test_a_refused_text_has_failed(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [REFUSES]

        deliver(session, carrier)

        assert (queued.state, queued.is_failed, queued.error_code) == (OutboundState.FAILED, True, 21606)
        assert deliver(session, carrier) == 0

    def test_a_refusal_that_knows_of_a_stop_closes_the_number(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [KNOWS_OF_STOP]

        deliver(session, carrier)

        phone = session.scalars(select(Phone).where(Phone.number == PAT_NUMBER)).one()
        assert (phone.opted_out_how, queued.error_code) == ("carrier", 21610)

    def test_a_busy_carrier_is_asked_again_with_a_growing_wait(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [IS_BUSY] * 6

        waits, later = [], timedelta(0)
        for _ in range(6):
            with clock.shifted(later):
                assert deliver(session, carrier) == 1
                waits.append(round((queued.due_at - clock.now(session)).total_seconds()))
                session.commit()
            later += timedelta(seconds=waits[-1] + 1)
        with clock.shifted(later):
            deliver(session, carrier)

        assert waits == [2, 5, 15, 60, 300, 300]
        assert (queued.state, queued.attempts) == (OutboundState.SENT, 7)

    def test_a_practice_without_an_account_cannot_send(self, session: Session, queued: OutboundText) -> None:
        sending.deliver_due(lambda _practice: None, nowhere, AtOnce(), settle=SETTLE)

        session.refresh(queued)
        assert (queued.state, queued.error_code) == (OutboundState.FAILED, 21603)

    def test_who_stopped_since_is_not_texted(
        self, session: Session, cast: Cast, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        an_inbound(session, cast=cast, body="STOP")

        assert deliver(session, carrier) == 0

        assert carrier.kept == []
        assert (queued.state, queued.error_code) == (OutboundState.FAILED, 21610)

    def test_a_number_that_staff_switched_off_is_not_texted(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        session.execute(update(Phone).where(Phone.number == PAT_NUMBER).values(texting_on=False))

        deliver(session, carrier)

        assert carrier.kept == []
        assert queued.is_failed

    def test_a_worker_whose_lease_is_nearly_over_gives_the_text_back(
        self, session: Session, queued: OutboundText
    ) -> None:
        claim = claimed(session)
        with clock.shifted(delivery.LEASE_FOR - delivery.SEND_MARGIN + timedelta(seconds=1)):
            assert not delivery.is_fresh(session, claim)
            session.commit()

        delivery.give_back(session, claim)

        assert queued.state is OutboundState.QUEUED

    def test_two_workers_never_send_the_same_text(self, fresh_session: Session, fresh_cast: Cast) -> None:
        carrier = PaperCarrier()
        for _ in range(12):
            a_reply(fresh_session, by=fresh_cast.ana, task=a_task(fresh_session, cast=fresh_cast))

        def work(_: int) -> int:
            return sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=SETTLE)

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(work, range(4))) == 12

        assert len(carrier.kept) == len({one.to_number for one in carrier.kept}) == 12
        assert verify.verify_now().is_clean


class TestUnclearOutcomes:
    def test_a_text_that_left_unseen_is_found_and_not_repeated(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS], True
        deliver(session, carrier)
        assert queued.state is OutboundState.UNKNOWN

        assert settle(session, carrier) == 0
        with clock.shifted(SETTLE):
            assert settle(session, carrier) == 1

        assert (queued.state, queued.provider_sid) == (OutboundState.SENT, carrier.kept[0].sid)
        assert len(carrier.kept) == 1

    def test_a_text_that_never_left_is_sent_once_more_after_two_looks(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [NEVER_ANSWERS]
        deliver(session, carrier)

        with clock.shifted(SETTLE):
            settle(session, carrier)
            assert queued.state is OutboundState.UNKNOWN
        with clock.shifted(3 * SETTLE):
            settle(session, carrier)
            assert (queued.state, queued.was_requeued) == (OutboundState.QUEUED, True)
            deliver(session, carrier)

        assert queued.state is OutboundState.SENT
        assert len(carrier.kept) == 1

    def test_a_text_that_stays_unclear_needs_a_person(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [NEVER_ANSWERS, NEVER_ANSWERS]

        for round_ in range(8):
            with clock.shifted(round_ * 2 * SETTLE):
                deliver(session, carrier)
                settle(session, carrier)

        assert queued.state is OutboundState.NEEDS_PERSON
        assert (carrier.kept, carrier.outcomes) == ([], [])

    def test_a_carrier_that_is_away_is_asked_again(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS], True
        deliver(session, carrier)
        carrier.is_away = True
        with clock.shifted(SETTLE):
            settle(session, carrier)
        assert (queued.state, queued.looks) == (OutboundState.UNKNOWN, 0)

        carrier.is_away = False
        with clock.shifted(3 * SETTLE):
            settle(session, carrier)

        assert queued.state is OutboundState.SENT

    def test_a_sender_that_vanished_leaves_an_unclear_text(
        self, session: Session, queued: OutboundText
    ) -> None:
        claimed(session)

        assert delivery.expire_leases(session, settle=SETTLE) == 0
        session.commit()
        with clock.shifted(delivery.LEASE_FOR + timedelta(seconds=1)):
            assert delivery.expire_leases(session, settle=SETTLE) == 1

        assert (queued.state, queued.lease_until) == (OutboundState.UNKNOWN, None)

    def test_two_unclear_texts_with_the_same_words_take_a_copy_each(
        self, session: Session, cast: Cast, carrier: PaperCarrier
    ) -> None:
        task = a_task(session, cast=cast)
        ids = [a_reply(session, by=cast.ana, task=task, body="Same words").id for _ in range(2)]
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS, NEVER_ANSWERS], True
        deliver(session, carrier)

        with clock.shifted(SETTLE):
            settle(session, carrier)

        texts = [session.get_one(OutboundText, id_) for id_ in ids]
        assert {text.provider_sid for text in texts} == {one.sid for one in carrier.kept}

    @pytest.mark.parametrize("written", ["It’s at nine – “sharp”…  ", 'It\'s  at nine - "sharp"...'])
    def test_a_copy_is_known_by_its_words_whatever_signs_the_carrier_wrote_them_in(
        self, session: Session, cast: Cast, carrier: PaperCarrier, written: str
    ) -> None:
        message_id = a_reply(session, by=cast.ana, task=a_task(session, cast=cast), body=written).id
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS], True
        deliver(session, carrier)
        carrier.kept[0] = carrier.kept[0]._replace(body='It\'s at nine - "sharp"...')

        with clock.shifted(SETTLE):
            settle(session, carrier)
            deliver(session, carrier)

        assert session.get_one(OutboundText, message_id).provider_sid == carrier.kept[0].sid
        assert len(carrier.kept) == 1

    def test_of_two_unclear_texts_and_one_copy_one_is_sent_again(
        self, session: Session, cast: Cast, carrier: PaperCarrier
    ) -> None:
        task = a_task(session, cast=cast)
        for _ in range(2):
            a_reply(session, by=cast.ana, task=task, body="Same words")
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS], True
        deliver(session, carrier)
        states = {text.state for text in session.scalars(select(OutboundText))}
        assert states == {OutboundState.SENT, OutboundState.UNKNOWN}

        for round_ in range(1, 4):
            with clock.shifted(round_ * 2 * SETTLE):
                settle(session, carrier)
                deliver(session, carrier)

        assert len(carrier.kept) == 2

    def test_a_callback_settles_an_unclear_text(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes, carrier.keeps_unclear = [NEVER_ANSWERS], True
        deliver(session, carrier)
        sid = carrier.kept[0].sid

        assert delivery.record_status(
            session, queued.practice_id, sid=sid, status="sent", error_code=None, message_id=queued.message_id
        )

        assert (queued.state, queued.provider_sid) == (OutboundState.SENT, sid)
        session.commit()
        with clock.shifted(3 * SETTLE):
            assert settle(session, carrier) == 0

    def test_a_callback_before_our_own_record_counts(self, session: Session, queued: OutboundText) -> None:
        claim, sid = claimed(session), a_sid()
        delivery.record_status(
            session,
            queued.practice_id,
            sid=sid,
            status="delivered",
            error_code=None,
            message_id=queued.message_id,
        )

        delivery.record_sent(session, claim, sid=sid, status="queued")

        assert (queued.state, queued.carrier_status) == (OutboundState.SENT, "delivered")

    def test_a_late_worker_changes_nothing(self, session: Session, queued: OutboundText) -> None:
        late = claimed(session)
        with clock.shifted(delivery.LEASE_FOR + timedelta(seconds=1)):
            delivery.expire_leases(session, settle=SETTLE)
            session.commit()

        for record in (delivery.give_back, delivery.record_busy):
            record(session, late)
        delivery.record_sent(session, late, sid=a_sid(), status="queued")
        delivery.record_refused(session, late, code=21614)
        delivery.record_unknown(session, late, settle=SETTLE)

        assert (queued.state, queued.provider_sid, queued.is_failed) == (OutboundState.UNKNOWN, None, False)


CALLBACKS = [
    ("sending", None),
    ("sent", None),
    ("undelivered", 30003),
    ("delivered", None),
    ("delivered", None),
]


class TestCallbacks:
    def test_all_orders_of_five_callbacks_give_one_result(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)
        session.commit()
        results = set()

        for order in permutations(CALLBACKS):
            with session.begin_nested() as attempt:
                for status, code in order:
                    assert called_back(session, queued, status, code)
                results.add(
                    (
                        queued.state,
                        queued.carrier_status,
                        queued.carrier_rank,
                        queued.is_failed,
                        queued.error_code,
                        session.scalar(select(func.count()).select_from(DeliveryReport)),
                    )
                )
                attempt.rollback()

        assert results == {(OutboundState.SENT, "delivered", 70, False, None, 4)}

    @pytest.mark.parametrize("status", delivery.NOT_DELIVERED)
    def test_a_text_that_did_not_arrive_has_failed(
        self, status: str, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)

        called_back(session, queued, status, 30005)

        assert (queued.state, queued.is_failed, queued.error_code) == (OutboundState.SENT, True, 30005)

    def test_a_word_that_nobody_knows_changes_nothing(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)

        assert called_back(session, queued, "teleported")

        assert queued.carrier_status == "queued"

    def test_a_callback_without_our_id_is_known_by_the_carrier_s(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)

        assert delivery.record_status(
            session,
            queued.practice_id,
            sid=carrier.kept[0].sid,
            status="delivered",
            error_code=None,
            message_id=None,
        )

        assert queued.carrier_status == "delivered"

    def test_a_callback_of_no_text_is_kept_and_said(self, session: Session, cast: Cast) -> None:
        assert not delivery.record_status(
            session, cast.practice_id, sid=a_sid(), status="sent", error_code=None, message_id=None
        )
        assert session.scalar(select(func.count()).select_from(DeliveryReport)) == 1

    def test_another_practice_s_callback_changes_nothing(
        self, session: Session, cast: Cast, queued: OutboundText
    ) -> None:
        assert not delivery.record_status(
            session,
            cast.other_practice.id,
            sid=a_sid(),
            status="delivered",
            error_code=None,
            message_id=queued.message_id,
        )

        assert queued.state is OutboundState.QUEUED

    def test_a_second_copy_at_the_carrier_does_not_change_the_first(
        self, session: Session, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        deliver(session, carrier)

        delivery.record_status(
            session,
            queued.practice_id,
            sid=a_sid(),
            status="undelivered",
            error_code=30003,
            message_id=queued.message_id,
        )

        assert (queued.provider_sid, queued.is_failed) == (carrier.kept[0].sid, False)


class TestSendingAgain:
    def test_a_failed_text_is_sent_again_as_a_new_one(
        self, session: Session, cast: Cast, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [REFUSES]
        deliver(session, carrier)
        message = session.get_one(Message, queued.message_id)

        again = replying.resend(session, message, by=cast.ana)
        deliver(session, carrier)

        assert (again.body, again.resend_of_id) == (message.body, message.id)
        assert queued.dismissed_at is not None
        assert session.get_one(OutboundText, again.id).state is OutboundState.SENT
        with pytest.raises(NotPossible, match="already been dealt with"):
            replying.resend(session, message, by=cast.ana)

    def test_a_text_that_did_not_fail_is_not_sent_again(
        self, session: Session, cast: Cast, queued: OutboundText
    ) -> None:
        with pytest.raises(NotPossible, match="Only a text that failed"):
            replying.resend(session, session.get_one(Message, queued.message_id), by=cast.ana)

    def test_a_failure_is_dismissed_once(
        self, session: Session, cast: Cast, queued: OutboundText, carrier: PaperCarrier
    ) -> None:
        carrier.outcomes = [REFUSES]
        deliver(session, carrier)
        message = session.get_one(Message, queued.message_id)

        replying.dismiss(session, message, by=cast.ana)
        first = queued.dismissed_at
        replying.dismiss(session, message, by=cast.ana)

        assert queued.dismissed_at == first


def test_work_that_nobody_announced_is_noticed(session: Session, queued: OutboundText) -> None:
    assert waiting.count_longer_than(session, timedelta(seconds=2)) == 0
    assert not waiting.has_unknown_due(session)
    claim = claimed(session)
    delivery.record_unknown(session, claim, settle=timedelta(0))
    session.commit()

    assert waiting.has_unknown_due(session)


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        (Phone, {"texting_on": False}, "texting was turned off before it left"),
        (Phone, {"is_landline": True}, "the number is a landline"),
        (Practice, {"texting_on": False}, "texting was turned off before it left"),
    ],
    ids=["number off", "landline", "practice off"],
)
def test_a_text_that_may_no_longer_be_sent_fails_and_says_why(
    table: type[Phone] | type[Practice],
    change: dict[str, bool],
    sentence: str,
    session: Session,
    queued: OutboundText,
    carrier: PaperCarrier,
) -> None:
    session.execute(update(table).values(**change))

    deliver(session, carrier)

    assert (queued.state, queued.is_failed) == (OutboundState.FAILED, True)
    assert thread.delivery_of(queued).detail == sentence
    assert carrier.kept == []


def test_an_unclear_text_of_an_account_that_cannot_be_used_asks_a_person(
    session: Session, queued: OutboundText, carrier: PaperCarrier
) -> None:
    carrier.outcomes = [NEVER_ANSWERS]
    deliver(session, carrier)
    session.execute(update(OutboundText).values(due_at=clock.now(session) - timedelta(seconds=1)))
    session.commit()

    sending.settle_unknown(lambda practice: None, settle=SETTLE)
    session.expire_all()

    assert queued.state is OutboundState.NEEDS_PERSON
