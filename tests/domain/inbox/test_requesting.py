"""Who reads this number? The question for a birth date, its answers, and each way in which it ends."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.orm import Session

from tests.builders import (
    a_contact,
    a_number,
    a_patient,
    a_reply,
    a_task,
    a_text_from,
    a_use,
    an_inbound,
    conversation_of,
    received,
    task_of,
)
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.audit import Action, Audit
from triage.domain.conversations import delivery, failures
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import record, replying, requesting
from triage.domain.intake import process
from triage.domain.intake.ledger import Inbound
from triage.domain.patients import consent, phones, verification
from triage.domain.patients.consent import ConsentEvent, ConsentKind, Leg, Purpose
from triage.domain.patients.patient import Contact, Patient, PatientKind
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.patients.verification import Status
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.kit import clock
from triage.kit.errors import NotAllowed, NotFound, NotPossible

RIGHT, WRONG, IMPOSSIBLE = "05/17/1980", "05/18/1980", "02/30/1980"
REQUEST = (
    "A member of your care team at Elm Street Clinic is trying to get in contact with you. Please send your date of"
    " birth (MM/DD/YYYY) to confirm your identity. If you choose to opt out of these messages at any time, please"
    " respond 'STOP'. Message and data rates may apply."
)


@pytest.fixture(autouse=True)
def asking(session: Session, cast: Cast) -> None:
    session.execute(update(Practice).where(Practice.id == cast.practice_id).values(verification_on=True))
    session.commit()


@pytest.fixture
def ana(session: Session, cast: Cast) -> Member:
    """Loaded in full and let go of, with the practice as it is now."""
    found = load_member(session, cast.ana.id)
    assert found
    for thing in (*found.at_facilities, *found.kept_out_of, found.role, found.practice, found):
        session.expunge(thing)
    return found


def use_of(session: Session, patient: Patient) -> PhoneUse:
    query = select(PhoneUse).where(PhoneUse.patient_id == patient.id)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def ask(session: Session, by: Member, patient: Patient) -> Message | None:
    """Ana asks; ends the act."""
    message = requesting.request_from_patient(session, patient.id, use_of(session, patient).id, by=by)
    session.commit()
    return message


def begun_ago(session: Session, **ago: float) -> None:
    since = clock.now(session) - timedelta(**ago)
    session.execute(update(PhoneUse).where(PhoneUse.asked_at.is_not(None)).values(verified_since=since))
    session.commit()


def told(session: Session, number: str = PAT_NUMBER) -> list[str]:
    """What the number got by itself, oldest first."""
    query = select(Message.body).join(OutboundText, OutboundText.message_id == Message.id)
    mine = query.where(OutboundText.to_number == number, Message.is_automatic)
    return list(session.scalars(mine.order_by(Message.at, Message.id)))


def status(session: Session, by: Member, patient: Patient) -> Status:
    (number,) = record.numbers_of(session, by, session.get_one(Patient, patient.id))
    assert number.verification
    return number.verification.status


def answers(session: Session, cast: Cast, *bodies: str, number: str = PAT_NUMBER) -> list[Inbound]:
    return [an_inbound(session, cast=cast, number=number, body=body) for body in bodies]


class TestAsking:
    def test_the_question_has_the_words_of_the_law(self, session: Session, cast: Cast, ana: Member) -> None:
        message = ask(session, ana, cast.pat)

        assert message and message.body == REQUEST
        text = session.get_one(OutboundText, message.id)
        assert (text.purpose, message.is_automatic, message.sent_by_id) == (Purpose.VERIFICATION, True, None)
        assert status(session, ana, cast.pat) is Status.PENDING

    def test_it_is_asked_in_the_person_s_language_and_the_practice_s_order(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        changes = {"languages": ["en", "es"], "region": "MX"}
        session.execute(update(Practice).where(Practice.id == cast.practice_id).values(**changes))
        session.execute(update(Patient).where(Patient.id == cast.pat.id).values(language="es"))

        message = ask(session, ana, cast.pat)

        assert message and "(DD/MM/AAAA)" in message.body and "responda 'STOP'" in message.body
        answers(session, cast, "17/05/1980")
        assert status(session, ana, cast.pat) is Status.ENABLED
        assert told(session)[-1].startswith("Gracias")

    def test_who_asked_stands_in_history_and_audit(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        event_ = session.scalars(select(ConsentEvent)).one()
        assert (event_.kind, event_.member_id) == (ConsentKind.VERIFICATION_ASKED, ana.id)
        noted = session.scalars(select(Audit).where(Audit.action == Action.VERIFICATION_CHANGED)).one()
        assert (noted.member_id, noted.patient_id) == (ana.id, cast.pat.id)

    def test_nothing_else_may_be_sent_before_the_answer(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        ask(session, ana, cast.pat)

        with pytest.raises(NotPossible, match="confirmed their birth date"):
            a_reply(session, by=ana, task=task)
        session.rollback()
        answers(session, cast, RIGHT)

        assert a_reply(session, by=ana, task=task)

    def test_the_question_itself_leaves(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        (claim,) = delivery.claim(session, limit=5)

        assert claim.body == REQUEST

    def test_it_can_be_sent_again_and_gives_neither_tries_nor_time(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        answers(session, cast, WRONG)
        since = use_of(session, cast.pat).verified_since
        with clock.shifted(timedelta(minutes=3)):
            ask(session, ana, cast.pat)

        again = use_of(session, cast.pat)
        assert (again.wrong_dates, again.verified_since) == (1, since)
        assert told(session).count(REQUEST) == 2

    def test_it_is_not_sent_twice_in_a_minute(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        with pytest.raises(NotPossible, match="Wait 1 min"):
            ask(session, ana, cast.pat)

    def test_the_practice_must_want_it(self, session: Session, cast: Cast, ana: Member) -> None:
        session.execute(update(Practice).values(verification_on=False))

        with pytest.raises(NotPossible, match="does not ask for birth dates"):
            ask(session, ana, cast.pat)

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (update(Phone).values(is_landline=True), "valid mobile number"),
            (update(Patient).values(born_on=None), "Record the birth date"),
            (update(Patient).values(kind=PatientKind.ANIMAL), "Record the birth date"),
            (update(Phone).values(texting_on=False), "turned off"),
            (update(Patient).values(texting_on=False), "switched off"),
        ],
    )
    def test_what_must_be_put_right_first_is_said(
        self, session: Session, cast: Cast, ana: Member, change: Any, sentence: str
    ) -> None:
        session.execute(change)

        with pytest.raises(NotPossible, match=sentence):
            ask(session, ana, cast.pat)

    def test_who_opted_out_is_not_asked(self, session: Session, cast: Cast, ana: Member) -> None:
        answers(session, cast, "STOP")

        with pytest.raises(NotPossible, match="texted STOP"):
            ask(session, ana, cast.pat)

    def test_who_may_have_opted_out_is_not_asked(self, session: Session, cast: Cast, ana: Member) -> None:
        answers(session, cast, "please stop texting me")

        with pytest.raises(NotPossible, match="Say first what was meant"):
            ask(session, ana, cast.pat)

    def test_ben_asks_nobody_and_dan_finds_nobody(self, session: Session, cast: Cast) -> None:
        use = use_of(session, cast.pat)
        with pytest.raises(NotAllowed):
            requesting.request_from_patient(session, cast.pat.id, use.id, by=cast.ben)
        with pytest.raises(NotFound):
            requesting.request_from_patient(session, cast.pat.id, use.id, by=cast.dan)

    def test_an_unknown_number_has_nobody_to_ask(self, session: Session, cast: Cast, ana: Member) -> None:
        task = a_task(session, cast=cast)

        with pytest.raises(NotPossible, match="confirmed their birth date"):
            a_reply(session, by=ana, task=task)


class TestAnswering:
    def test_the_right_date_enables(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        (row,) = answers(session, cast, RIGHT)

        assert status(session, ana, cast.pat) is Status.ENABLED
        assert task_of(session, row) is None
        assert told(session)[-1] == (
            "Thank you, this is confirmed. Your care team at Elm Street Clinic can text you now."
        )
        use = use_of(session, cast.pat)
        assert (use.consented_how, use.consented_at) == ("verified", use.verified_since)

    def test_its_thread_keeps_every_answer_and_nothing_is_broken(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)

        rows = answers(session, cast, IMPOSSIBLE, WRONG, "Hello?", RIGHT)

        assert all(row.message_id for row in rows)
        assert [task_of(session, row) is None for row in rows] == [True, True, False, False]
        delivery.claim(session, limit=9)
        session.commit()
        assert verify.verify(session).broken == set()

    def test_the_third_wrong_date_fails(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        answers(session, cast, WRONG, WRONG)
        assert status(session, ana, cast.pat) is Status.PENDING
        answers(session, cast, WRONG)

        assert status(session, ana, cast.pat) is Status.FAILED
        again = "That date does not match. Please try again (MM/DD/YYYY)."
        given_up = "That date does not match either. Please call Elm Street Clinic, so that we can reach you by text."
        assert told(session) == [REQUEST, again, again, given_up]

    def test_after_it_failed_a_date_is_a_text_like_any_other(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        answers(session, cast, WRONG, WRONG, WRONG)

        (row,) = answers(session, cast, RIGHT)

        assert task_of(session, row)
        assert status(session, ana, cast.pat) is Status.FAILED

    def test_asking_again_after_it_failed_gives_three_tries(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        answers(session, cast, WRONG, WRONG, WRONG)

        with clock.shifted(timedelta(minutes=2)):
            ask(session, ana, cast.pat)

        assert status(session, ana, cast.pat) is Status.PENDING
        answers(session, cast, WRONG, WRONG, RIGHT)
        assert status(session, ana, cast.pat) is Status.ENABLED

    def test_an_impossible_date_is_asked_for_again_twice_and_counts_as_no_try(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)

        rows = answers(session, cast, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE)

        unreadable = "We could not read that date. Please send your date of birth as MM/DD/YYYY."
        assert told(session)[1:] == [unreadable, unreadable]
        assert [task_of(session, row) is None for row in rows] == [True, True, False]
        assert use_of(session, cast.pat).wrong_dates == 0

    def test_words_beside_a_date_count_and_are_read_by_somebody(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)

        wrong, right = answers(
            session, cast, f"It is {WRONG} and I have a fever", f"Sorry, {RIGHT}. Can I come today?"
        )

        assert task_of(session, wrong) and task_of(session, right)
        assert status(session, ana, cast.pat) is Status.ENABLED
        assert session.scalars(select(ConsentEvent.kind).order_by(ConsentEvent.id)).all() == [
            ConsentKind.VERIFICATION_ASKED,
            ConsentKind.WRONG_BIRTH_DATE,
            ConsentKind.VERIFIED,
        ]

    def test_what_is_no_date_opens_a_task_as_always(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        (row,) = answers(session, cast, "Who is this?")

        assert task_of(session, row)
        assert told(session) == [REQUEST]

    def test_an_answer_joins_the_task_that_is_open(self, session: Session, cast: Cast, ana: Member) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        ask(session, ana, cast.pat)

        (row,) = answers(session, cast, RIGHT)

        joined = task_of(session, row)
        assert joined and joined.id == task.id

    def test_nobody_who_was_not_asked_is_heard(self, session: Session, cast: Cast) -> None:
        (row,) = answers(session, cast, RIGHT)

        assert task_of(session, row)
        assert told(session) == []

    def test_a_number_that_sends_to_another_of_ours_is_heard_too(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)

        an_inbound(session, cast=cast, number=PAT_NUMBER, body=RIGHT, to=SOUTH_NUMBER)

        assert status(session, ana, cast.pat) is Status.ENABLED

    def test_wrong_dates_that_come_together_count_each(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        for to in (SOUTH_NUMBER, cast.north_number.number):
            received(session, a_text_from(PAT_NUMBER, WRONG, to=to), practice_id=cast.practice_id)

        process.run_due()

        assert use_of(session, cast.pat).wrong_dates == 2

    def test_it_costs_a_filed_text_no_query_where_nobody_was_asked(
        self, session: Session, cast: Cast, connection: Connection
    ) -> None:
        statements: list[str] = []
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))

        answers(session, cast, "Can I come at nine?")

        assert not [one for one in statements if "wrong_dates" in one]


class TestWho:
    def test_a_contact_answers_with_their_own_birth_date(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        dogs = [
            a_patient(session, cast=cast, first_name=name, last_name="", kind=PatientKind.ANIMAL)
            for name in ("Biscuit", "Luna")
        ]
        owner, number = a_contact(session, of=dogs), a_number()
        for dog in dogs:
            dog.born_on = date(2020, 1, 2)
            a_use(session, patient=dog, number=number, contact=owner)
        owner.born_on = date(1970, 2, 3)
        session.commit()

        ask(session, ana, dogs[0])
        answers(session, cast, "01/02/2020", number=number)
        assert [status(session, ana, dog) for dog in dogs] == [Status.PENDING, Status.PENDING]
        answers(session, cast, "02/03/1970", number=number)

        assert [status(session, ana, dog) for dog in dogs] == [Status.ENABLED, Status.ENABLED]

    def test_an_owner_who_has_confirmed_is_not_asked_about_the_next_animal(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        first = a_patient(session, cast=cast, first_name="Biscuit", kind=PatientKind.ANIMAL)
        owner, number = a_contact(session, of=[first]), a_number()
        owner.born_on = date(1970, 2, 3)
        a_use(session, patient=first, number=number, contact=owner)
        session.commit()
        ask(session, ana, first)
        answers(session, cast, "02/03/1970", number=number)
        second = a_patient(session, cast=cast, first_name="Luna", kind=PatientKind.ANIMAL)
        a_use(session, patient=second, number=number, contact=session.get_one(Contact, owner.id))
        session.commit()

        assert ask(session, ana, second) is None

        assert status(session, ana, second) is Status.ENABLED
        assert len(told(session, number)) == 2

    def test_of_those_who_share_a_number_the_date_says_who_answered(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        robin = a_patient(session, cast=cast, number=PAT_NUMBER)
        robin.born_on = date(1990, 3, 4)
        session.commit()
        ask(session, ana, cast.pat)
        with clock.shifted(timedelta(minutes=2)):
            ask(session, ana, robin)

        answers(session, cast, WRONG)
        assert [use_of(session, one).wrong_dates for one in (cast.pat, robin)] == [1, 1]
        answers(session, cast, "March 4 1990")

        assert [status(session, ana, one) for one in (cast.pat, robin)] == [Status.PENDING, Status.ENABLED]
        answers(session, cast, RIGHT)
        assert status(session, ana, cast.pat) is Status.ENABLED


class TestEnding:
    def test_two_weeks_without_the_right_date_fail(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)
        begun_ago(session, days=13, hours=23)
        assert verification.expire(session, now=clock.now(session)) == 0
        begun_ago(session, days=14, minutes=1)

        assert verification.expire(session, now=clock.now(session)) == 1
        assert verification.expire(session, now=clock.now(session)) == 0

        session.commit()
        assert status(session, ana, cast.pat) is Status.FAILED
        last = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc()).limit(1)).one()
        assert (last.kind, last.source) == (ConsentKind.VERIFICATION_FAILED, "expired")

    def test_a_date_after_two_weeks_is_too_late_also_before_anybody_noticed(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        begun_ago(session, days=14, minutes=1)

        (row,) = answers(session, cast, RIGHT)

        assert task_of(session, row)
        assert use_of(session, cast.pat).verification is Verification.PENDING

    @pytest.mark.parametrize("how", ["text", "staff", "carrier"])
    def test_an_opt_out_goes_before_everything(
        self, session: Session, cast: Cast, ana: Member, how: str
    ) -> None:
        ask(session, ana, cast.pat)
        if how == "text":
            answers(session, cast, "STOP")
        else:
            phone, now = session.get_one(Phone, cast.pat_phone.id), clock.now(session)
            if how == "staff":
                consent.opt_out(session, phone, how=consent.BY_STAFF, by=ana.id, now=now)
            else:
                consent.carrier_refused(session, phone, now=now)
            session.commit()

        assert status(session, ana, cast.pat) is Status.OPTED_OUT
        (row,) = answers(session, cast, RIGHT)
        assert task_of(session, row)
        assert told(session) == [REQUEST]

    def test_a_stop_and_a_date_in_one_batch_let_nothing_out(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        for body in ("STOP", RIGHT):
            received(session, a_text_from(PAT_NUMBER, body), practice_id=cast.practice_id)

        process.run_due()

        assert told(session) == [REQUEST]
        assert delivery.claim(session, limit=5) == []
        assert status(session, ana, cast.pat) is Status.OPTED_OUT

    def test_after_a_start_the_question_still_waits(self, session: Session, cast: Cast, ana: Member) -> None:
        ask(session, ana, cast.pat)

        answers(session, cast, "STOP", "START")
        assert status(session, ana, cast.pat) is Status.PENDING
        answers(session, cast, RIGHT)

        assert status(session, ana, cast.pat) is Status.ENABLED

    def test_what_was_confirmed_stays_confirmed_when_asked_no_more(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        answers(session, cast, RIGHT)

        with clock.shifted(timedelta(minutes=2)), pytest.raises(NotPossible, match="confirmed already"):
            ask(session, ana, cast.pat)

    def test_a_number_that_went_and_came_back_is_asked_anew(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        ask(session, ana, cast.pat)
        answers(session, cast, RIGHT)
        pat, now = session.get_one(Patient, cast.pat.id), clock.now(session)
        phones.link(session, pat, PAT_NUMBER, region="US", now=now)
        assert status(session, ana, cast.pat) is Status.ENABLED

        use_of(session, cast.pat).ended_at = now
        session.flush()
        phones.link(session, pat, PAT_NUMBER, region="US", now=now)

        assert status(session, ana, cast.pat) is Status.NOT_STARTED


class TestLeaving:
    """The gate is asked again when a text leaves."""

    def queued(self, session: Session, cast: Cast, ana: Member) -> Message:
        ask(session, ana, cast.pat)
        answers(session, cast, RIGHT)
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        delivery.claim(session, limit=5)
        session.commit()
        return a_reply(session, by=ana, task=task)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (update(PhoneUse).values(verification=Verification.FAILED), failures.NOT_VERIFIED),
            (update(PhoneUse).values(ended_at=datetime(2026, 1, 1).astimezone()), failures.NOT_CURRENT),
            (update(Patient).values(texting_on=False), failures.TURNED_OFF),
            (update(Phone).values(texting_on=False), failures.TURNED_OFF),
            (update(Phone).values(is_landline=True), failures.LANDLINE),
            (update(Practice).values(texting_on=False), failures.TURNED_OFF),
        ],
    )
    def test_what_says_no_by_then_stops_it_and_says_why(
        self, session: Session, cast: Cast, ana: Member, change: Any, code: int
    ) -> None:
        message = self.queued(session, cast, ana)
        session.execute(change)

        assert delivery.claim(session, limit=5) == []

        text = session.get_one(OutboundText, message.id)
        assert (text.state, text.error_code) == (OutboundState.FAILED, code)
        assert failures.shown_code(code) in (None, failures.LANDLINE)

    def test_nothing_said_no_and_it_leaves(self, session: Session, cast: Cast, ana: Member) -> None:
        message = self.queued(session, cast, ana)

        assert [claim.message_id for claim in delivery.claim(session, limit=5)] == [message.id]

    def test_an_automatic_text_waits_for_nobody_who_may_have_opted_out_since(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        question = ask(session, ana, cast.pat)
        answers(session, cast, "please do not text me any more")

        assert delivery.claim(session, limit=5) == []

        assert question
        text = session.get_one(OutboundText, question.id)
        assert (text.state, text.error_code) == (OutboundState.FAILED, failures.MAY_HAVE_OPTED_OUT)

    def test_a_colleague_s_answer_leaves_all_the_same(
        self, session: Session, cast: Cast, ana: Member
    ) -> None:
        message = self.queued(session, cast, ana)
        answers(session, cast, "please do not text me any more")

        assert [claim.message_id for claim in delivery.claim(session, limit=5)] == [message.id]


def test_the_composer_names_the_leg_and_the_way_out(session: Session, cast: Cast, ana: Member) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    composer = replying.composer(session, ana, conversation_of(session, task))

    assert (composer.leg, composer.way_out) == (Leg.NOT_VERIFIED, "ask_birth_date")
