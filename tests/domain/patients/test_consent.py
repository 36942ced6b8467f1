"""May we text this number? Every leg of the gate, the words that close and open it, and the record of each."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.builders import a_patient, a_phone, a_reply, a_task, an_inbound
from tests.cast import PAT_NUMBER, Cast
from triage.domain.audit import Action, Audit
from triage.domain.patients import birth_dates, consent, phones, verification
from triage.domain.patients.consent import (
    HELP_WORDS,
    START_WORDS,
    STOP_WORDS,
    Answer,
    ConsentEvent,
    ConsentKind,
    Facts,
    Keyword,
    Leg,
    Purpose,
    keyword_of,
    may_text,
)
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse, Verification
from triage.domain.practice.practice import Practice
from triage.kit import clock
from triage.kit.errors import NotPossible

YES = Facts(
    practice_on=True,
    number=PAT_NUMBER,
    texting_on=True,
    opted_out_at=None,
    opted_out_how=None,
    is_landline=False,
    patient_on=True,
    is_current=True,
    has_consent=True,
    is_verified=True,
    may_have_opted_out=False,
)


class TestWords:
    @pytest.mark.parametrize(
        ("words", "keyword"),
        [(STOP_WORDS, Keyword.STOP), (START_WORDS, Keyword.START), (HELP_WORDS, Keyword.HELP)],
    )
    def test_each_word_is_its_command_however_it_is_written(
        self, words: frozenset[str], keyword: Keyword
    ) -> None:
        for word in words:
            for written in (
                word,
                word.lower(),
                word.capitalize(),
                f" {word}\n",
                f"{word}.",
                f'"{word}"',
                f"“{word} !”",
            ):
                assert keyword_of(written, None) is keyword

    @pytest.mark.parametrize(
        "sentence",
        [
            "Please stop",
            "Stop texting me please",
            "Yes please",
            "Can you help me?",
            "I quit smoking!",
            "End of June?",
            "",
            " ",
            ".",
            "🛑",
        ],
    )
    def test_a_sentence_is_no_command(self, sentence: str) -> None:
        assert keyword_of(sentence, None) is None

    @pytest.mark.parametrize(("mark", "keyword"), [("STOP", "stop"), ("START", "start"), ("HELP", "help")])
    def test_the_carrier_s_mark_counts_whatever_was_written(self, mark: str, keyword: str) -> None:
        assert keyword_of("alto por favor", mark) == keyword

    def test_a_mark_that_nobody_knows_is_not_taken_for_one(self) -> None:
        assert keyword_of("Hello", "PAUSE") is None

    @given(st.text(max_size=40), st.none() | st.text(max_size=10))
    def test_nothing_that_is_written_breaks_it(self, body: str, mark: str | None) -> None:
        assert keyword_of(body, mark) in {None, *Keyword}


LEGS: dict[Leg, dict[str, Any]] = {
    Leg.PRACTICE_OFF: {"practice_on": False},
    Leg.NOT_A_MOBILE: {"number": "22395"},
    Leg.OPTED_OUT: {"opted_out_at": "set below"},
    Leg.NUMBER_OFF: {"texting_on": False},
    Leg.PATIENT_OFF: {"patient_on": False},
    Leg.LANDLINE: {"is_landline": True},
    Leg.NOT_CURRENT: {"is_current": False},
    Leg.MAY_HAVE_OPTED_OUT: {"may_have_opted_out": True},
    Leg.NOT_VERIFIED: {"is_verified": False},
    Leg.NO_CONSENT: {"has_consent": False},
    Leg.CHOOSE_PATIENT: {"is_chosen": False, "names_person": True},
}


# What each text passes, told once more in the words of the rule.
WHO_PASSES = {
    Leg.MAY_HAVE_OPTED_OUT: {Purpose.REPLY, Purpose.CARE, Purpose.CODE, Purpose.OPT_OUT_CONFIRMATION},
    Leg.NOT_VERIFIED: {Purpose.VERIFICATION, Purpose.CODE, Purpose.OPT_OUT_CONFIRMATION},
    Leg.NO_CONSENT: {Purpose.VERIFICATION, Purpose.CODE, Purpose.OPT_OUT_CONFIRMATION},
    Leg.OPTED_OUT: {Purpose.OPT_OUT_CONFIRMATION},
}


def without(leg: Leg, now: datetime, *, how: str = consent.BY_STAFF) -> dict[str, Any]:
    return {"opted_out_at": now, "opted_out_how": how} if leg is Leg.OPTED_OUT else LEGS[leg]


class TestGate:
    @pytest.mark.parametrize("purpose", Purpose)
    def test_a_number_with_every_leg_may_be_texted(self, purpose: Purpose) -> None:
        assert may_text(YES, purpose) == Answer(None)
        assert may_text(YES, purpose).is_yes

    @pytest.mark.parametrize("purpose", Purpose)
    @pytest.mark.parametrize("leg", Leg)
    def test_every_leg_stops_every_text_that_does_not_exist_for_it(
        self, leg: Leg, purpose: Purpose, session: Session
    ) -> None:
        now = clock.now(session)

        answer = may_text(YES._replace(**without(leg, now)), purpose)

        assert answer.is_yes is (purpose in WHO_PASSES.get(leg, set()))
        assert answer.leg is (None if answer.is_yes else leg)
        assert answer.since == (now if answer.leg is Leg.OPTED_OUT else None)

    @pytest.mark.parametrize("how", sorted(consent.HELD_BY_CARRIER))
    @pytest.mark.parametrize("purpose", Purpose)
    def test_nothing_passes_an_opt_out_that_the_carrier_holds(
        self, purpose: Purpose, how: str, session: Session
    ) -> None:
        facts = YES._replace(**without(Leg.OPTED_OUT, clock.now(session), how=how))

        assert may_text(facts, purpose).leg is Leg.OPTED_OUT

    def test_the_first_leg_in_order_is_named(self, session: Session) -> None:
        facts = YES
        for leg in reversed(Leg):
            facts = facts._replace(**without(leg, clock.now(session)))
            if leg is not Leg.MAY_HAVE_OPTED_OUT:
                assert may_text(facts, Purpose.REPLY).leg is leg
            assert may_text(facts, Purpose.NOTICE).leg is leg

    def test_whose_texts_they_are_matters_only_to_a_text_that_names_somebody(self) -> None:
        assert may_text(YES._replace(is_chosen=False), Purpose.REPLY).is_yes


def facts_of(session: Session, cast: Cast, *, wrote_first: bool = False) -> Facts:
    phone = session.get_one(Phone, cast.pat_phone.id)
    identity = phones.identities(session, [phone.id])[phone.id]
    practice = session.get_one(Practice, cast.practice_id)
    return consent.gather(session, practice, phone, identity, wrote_first=wrote_first)


class TestFacts:
    def test_a_patient_who_never_wrote_has_not_consented(self, session: Session, cast: Cast) -> None:
        assert may_text(facts_of(session, cast), Purpose.REPLY).leg is Leg.NO_CONSENT

    def test_writing_first_is_consent(self, session: Session, cast: Cast) -> None:
        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).is_yes

    def test_recorded_consent_counts_and_is_recorded_once(self, session: Session, cast: Cast) -> None:
        phone = session.get_one(Phone, cast.pat_phone.id)
        use = session.scalars(select(PhoneUse)).one()
        for _ in range(2):
            consent.record_consent(
                session, phone, use, consent.Agreement("paper"), by=cast.ana.id, now=clock.now(session)
            )
        session.flush()

        assert may_text(facts_of(session, cast), Purpose.REPLY).is_yes
        event = session.scalars(select(ConsentEvent)).one()
        assert (event.kind, event.member_id, event.patient_id) == (
            ConsentKind.RECORDED,
            cast.ana.id,
            cast.pat.id,
        )

    def test_a_number_that_nobody_uses_any_more_is_not_texted(self, session: Session, cast: Cast) -> None:
        session.execute(update(PhoneUse).values(ended_at=clock.now(session)))

        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).leg is Leg.NOT_CURRENT

    def test_consent_for_a_former_use_does_not_count(self, session: Session, cast: Cast) -> None:
        now = clock.now(session)
        session.execute(update(PhoneUse).values(ended_at=now, consented_at=now, consented_how="paper"))
        a_patient(session, cast=cast, number=PAT_NUMBER)

        assert may_text(facts_of(session, cast), Purpose.REPLY).leg is Leg.NO_CONSENT

    def test_a_patient_who_is_switched_off_is_not_texted(self, session: Session, cast: Cast) -> None:
        session.execute(update(Patient).values(texting_on=False))

        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).leg is Leg.PATIENT_OFF

    def test_an_unknown_number_that_wrote_is_answered(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast)

        assert a_reply(session, by=cast.ana, task=task)


class TestEvents:
    def test_stopping_twice_is_recorded_twice_and_done_once(self, session: Session, cast: Cast) -> None:
        for _ in range(2):
            an_inbound(session, cast=cast, body="STOP")

        assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 2
        assert len(session.scalars(select(Audit).where(Audit.action == Action.OPTED_OUT)).all()) == 1

    def test_what_staff_switched_off_stays_off_after_a_start(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="STOP")
        phone = session.get_one(Phone, cast.pat_phone.id)
        consent.switch_number(session, phone, on=False, by=cast.ana.id, now=clock.now(session))
        session.commit()

        an_inbound(session, cast=cast, body="START")

        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).leg is Leg.NUMBER_OFF

    def test_switching_to_what_it_is_changes_nothing(self, session: Session, cast: Cast) -> None:
        phone = session.get_one(Phone, cast.pat_phone.id)

        consent.switch_number(session, phone, on=True, by=cast.ana.id, now=clock.now(session))
        session.flush()

        assert session.scalars(select(ConsentEvent)).all() == []

    def test_the_carrier_s_refusal_is_an_opt_out_and_noted_once(self, session: Session, cast: Cast) -> None:
        phone = a_phone(session, cast=cast)

        for _ in range(2):
            consent.carrier_refused(session, phone, now=clock.now(session))
        session.flush()

        assert phone.opted_out_how == "carrier"
        assert session.scalars(select(ConsentEvent.kind)).all() == [ConsentKind.CARRIER_BLOCKED]

    def test_who_stopped_is_not_answered_and_the_reason_is_said(self, session: Session, cast: Cast) -> None:
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        an_inbound(session, cast=cast, body="STOP")

        with pytest.raises(NotPossible, match="The patient texted STOP on"):
            a_reply(session, by=cast.ana, task=task)

    def test_an_opt_out_belongs_to_the_number_in_one_practice(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="STOP")

        elsewhere = phones.phone_for(session, cast.other_practice.id, PAT_NUMBER, now=clock.now(session))

        assert elsewhere.opted_out_at is None

    def test_the_history_is_only_ever_added_to(self, session: Session, cast: Cast) -> None:
        an_inbound(session, cast=cast, body="STOP")

        with pytest.raises(DBAPIError, match="only ever added"):
            session.execute(update(ConsentEvent).values(source="nobody"))


class TestStaff:
    """What patients tell members, by whatever means (ThoroughCare, C95)."""

    def test_staff_opt_a_number_out_and_in_again(self, session: Session, cast: Cast) -> None:
        phone, now = session.get_one(Phone, cast.pat_phone.id), clock.now(session)

        for _ in range(2):
            consent.opt_out(session, phone, how=consent.BY_STAFF, by=cast.ana.id, now=now)
        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY) == Answer(
            Leg.OPTED_OUT, now, "staff"
        )
        for _ in range(2):
            consent.opt_in(session, phone, how="phone", by=cast.ana.id, now=now)

        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).is_yes
        session.flush()
        told = select(ConsentEvent.kind, ConsentEvent.member_id, ConsentEvent.source).order_by(
            ConsentEvent.id
        )
        assert session.execute(told).all() == [
            (ConsentKind.OPTED_OUT_BY_STAFF, cast.ana.id, "staff"),
            (ConsentKind.OPTED_IN_BY_STAFF, cast.ana.id, "phone"),
        ]
        done = select(Audit.action, Audit.member_id).where(
            Audit.action.in_((Action.OPTED_OUT, Action.OPTED_IN))
        )
        assert session.execute(done.order_by(Audit.id)).all() == [
            (Action.OPTED_OUT, cast.ana.id),
            (Action.OPTED_IN, cast.ana.id),
        ]

    @pytest.mark.parametrize("who", ["patient", "carrier"])
    def test_what_the_carrier_holds_is_not_opened_by_staff(
        self, session: Session, cast: Cast, who: str
    ) -> None:
        phone, now = session.get_one(Phone, cast.pat_phone.id), clock.now(session)
        consent.opt_out(session, phone, how=consent.BY_STAFF, by=cast.ana.id, now=now)
        if who == "patient":
            consent.stop(session, phone, how=consent.BY_TEXT, now=now)
        else:
            phone.opted_out_at = phone.opted_out_how = None
            consent.carrier_refused(session, phone, now=now)

        with pytest.raises(NotPossible, match="START"):
            consent.opt_in(session, phone, how="phone", by=cast.ana.id, now=now)

        assert may_text(facts_of(session, cast, wrote_first=True), Purpose.REPLY).leg is Leg.OPTED_OUT


WORDS = ("stop", "start", "refused", "opt_out", "opt_in", "off", "on", "ask", "right", "wrong", "late")


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_order_of_events_lets_a_text_out_to_who_said_no_last(
    session: Session, cast: Cast, events: list[str], asks: bool
) -> None:
    """The patient, the carrier and staff speak in any order, and birth dates are asked for and given in between.

    The number's own last word and staff's switch both count; and where the practice asks, so does the right date.
    """
    with session.begin_nested() as each:
        session.execute(update(Practice).values(verification_on=asks))
        phone, by, now = session.get_one(Phone, cast.pat_phone.id), cast.ana.id, clock.now(session)
        use = session.scalars(select(PhoneUse)).one()
        says_no = is_held = is_off = is_verified = False
        for event in events:
            match event:
                case "stop":
                    consent.stop(session, phone, how=consent.BY_TEXT, now=now)
                    says_no = is_held = True
                case "start":
                    consent.start(session, phone, now=now)
                    says_no = is_held = False
                case "refused":
                    consent.carrier_refused(session, phone, now=now)
                    is_held = is_held or not says_no
                    says_no = True
                case "opt_out":
                    consent.opt_out(session, phone, how=consent.BY_STAFF, by=by, now=now)
                    says_no = True
                case "opt_in":
                    with suppress(NotPossible):
                        consent.opt_in(session, phone, how="phone", by=by, now=now)
                    says_no = says_no and is_held
                case "off" | "on":
                    consent.switch_number(session, phone, on=event == "on", by=by, now=now)
                    is_off = event == "off"
                case _:
                    is_verified = of_verification(session, use, event, by=by) or is_verified

        facts = facts_of(session, cast, wrote_first=True)
        said_no = says_no or is_off
        assert may_text(facts, Purpose.REPLY).is_yes is not (said_no or (asks and not is_verified))
        for purpose in set(Purpose) - {Purpose.OPT_OUT_CONFIRMATION}:
            assert not (said_no and may_text(facts, purpose).is_yes)
        assert not (is_held and may_text(facts, Purpose.OPT_OUT_CONFIRMATION).is_yes)
        each.rollback()


def of_verification(session: Session, use: PhoneUse, event: str, *, by: UUID) -> bool:
    """Somebody asks for a birth date, answers, or lets the time pass; whether the right one was heard."""
    now = clock.now(session)
    if event == "ask" and use.verification is not Verification.ENABLED:
        verification.start(session, [use], by=by, now=now)
    if event == "late":
        session.flush()
        verification.expire(session, now=now + verification.LASTS_FOR)
        session.refresh(use)
    dates = {"right": "05/17/1980", "wrong": "05/18/1980"}
    return event in dates and answer(session, use, dates[event]) and event == "right"


def answer(session: Session, use: PhoneUse, body: str) -> bool:
    """What the patient texts, as intake hears it; whether it was an answer to a question."""
    session.flush()
    waiting = verification.lock_pending(session, [use.id]).get(use.phone_id, ())
    heard = verification.hear(waiting, body, birth_dates.Order.MONTH_FIRST, at=clock.now(session))
    if heard is None:
        return False
    verification.keep(session, [heard], now=clock.now(session))
    session.refresh(use)
    return True
