"""Who is opted out by a member hears it once; who texted STOP hears it from the carrier and not from us."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.builders import a_task, conversation_of
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations import sending
from triage.domain.conversations.delivery import OutboundText
from triage.domain.inbox import deciding, reached, replying, who
from triage.domain.patients.consent import Purpose
from triage.domain.patients.patient import Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import load_member
from triage.domain.practice.practice import Practice
from triage.kit import clock

CONFIRMED = "You will get no more texts from Elm Street Clinic. To get them again, text START."


def phone_of(session: Session) -> Phone:
    return session.scalars(select(Phone).where(Phone.number == PAT_NUMBER)).one()


def at_carrier(session: Session) -> list[str]:
    session.commit()
    carrier = PaperCarrier(now=lambda: clock.now(session))
    sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=timedelta(minutes=1))
    session.expire_all()
    assert verify.verify(session).is_clean
    return [text.body for text in carrier.kept]


def test_one_text_says_that_there_will_be_no_more(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER, body="Please, no more texts!")

    for _ in range(2):
        deciding.opt_out(session, conversation_of(session, task), by=cast.ana)

    assert at_carrier(session) == [CONFIRMED]
    assert at_carrier(session) == []


def test_what_waited_to_leave_does_not_leave_with_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    replying.reply(session, conversation_of(session, task), "Yes, at nine.", by=cast.ana)

    deciding.opt_out(session, conversation_of(session, task), by=cast.ana)

    assert at_carrier(session) == [CONFIRMED]


def test_it_comes_from_the_number_that_was_written_with_last(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast, number=PAT_NUMBER, sent_at=clock.now(session) - timedelta(hours=1))
    a_task(session, cast=cast, number=PAT_NUMBER, to=SOUTH_NUMBER)

    deciding.opt_out_number(session, phone_of(session), by=cast.ana)
    session.commit()

    text = session.scalars(select(OutboundText)).one()
    assert (text.from_number, text.purpose) == (SOUTH_NUMBER, Purpose.OPT_OUT_CONFIRMATION)


def test_in_the_language_of_the_patient(session: Session, cast: Cast) -> None:
    session.get_one(Practice, cast.practice_id).languages = ["en", "es"]
    session.get_one(Patient, cast.pat.id).language = "es"
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    ana = load_member(session, cast.ana.id)
    assert ana

    deciding.opt_out(session, conversation_of(session, task), by=ana)

    assert at_carrier(session)[0].startswith("Ya no va a recibir mensajes de Elm Street Clinic.")


def test_who_was_never_texted_hears_nothing(session: Session, cast: Cast) -> None:
    deciding.opt_out_number(session, phone_of(session), by=cast.ana)

    assert phone_of(session).opted_out_at is not None
    assert at_carrier(session) == []


@pytest.mark.parametrize("first", ["STOP", "the number was switched off"])
def test_where_the_carrier_or_staff_have_said_no_before_nothing_leaves(
    session: Session, cast: Cast, first: str
) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    if first == "STOP":
        builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="STOP")
    else:
        phone_of(session).texting_on = False

    deciding.opt_out(session, conversation_of(session, task), by=cast.ana)

    assert at_carrier(session) == []


def test_a_stop_that_comes_before_it_leaves_stops_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    deciding.opt_out(session, conversation_of(session, task), by=cast.ana)
    session.commit()

    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="STOP")

    assert at_carrier(session) == []


class TestAtTheDoor:
    """What the composer asks, the text is asked again when it leaves."""

    def test_one_of_several_who_wants_no_texts_stops_it(self, session: Session, cast: Cast) -> None:
        robin = builders.a_patient(session, cast=cast, number=PAT_NUMBER)
        task = a_task(session, cast=cast, number=PAT_NUMBER)
        replying.reply(session, conversation_of(session, task), "Yes, at nine.", by=cast.ana)

        robin.texting_on = False

        assert at_carrier(session) == []

    def test_whoever_is_no_patient_is_answered_at_a_number_that_a_patient_had(
        self, session: Session, cast: Cast
    ) -> None:
        number = builders.a_number()
        robin = builders.a_patient(session, cast=cast, number=number)
        task = a_task(session, cast=cast, number=number)
        use = session.scalars(select(PhoneUse).where(PhoneUse.patient_id == robin.id)).one()
        reached.end(session, use, session.get_one(Phone, use.phone_id), by=cast.ana)
        conversation = conversation_of(session, task)
        who.say_nobody(session, conversation, seen=who.seen_of(conversation), by=cast.ana)
        session.commit()

        replying.reply(session, conversation_of(session, task), "We have no such order.", by=cast.ana)

        assert at_carrier(session) == ["We have no such order."]
