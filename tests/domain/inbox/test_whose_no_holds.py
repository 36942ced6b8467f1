"""A no goes on holding, and a text goes to nobody but the person it was written for, whatever happens to records."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.builders import a_task, conversation_of
from tests.carrier import AtOnce, PaperCarrier, nowhere
from tests.cast import NORTH_NUMBER, PAT_NUMBER, Cast
from triage.domain.conversations import sending
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import keeping, proof, reached, replying, requesting, who
from triage.domain.inbox.choices import Reach
from triage.domain.intake import process
from triage.domain.intake.ledger import Via, receive
from triage.domain.patients import consent, consent_form, contacts
from triage.domain.patients.consent import Agreement
from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.patients.phones import Phone, PhoneUse, Verification, identities
from triage.domain.practice.member import Member, load_member
from triage.domain.practice.practice import Practice
from triage.kit import clock
from triage.kit.errors import NotFound, NotPossible


def use_of(session: Session, patient: Patient) -> PhoneUse:
    return session.scalars(select(PhoneUse).where(PhoneUse.patient_id == patient.id)).one()


def leaves(session: Session) -> list[str]:
    """What the carrier is given now."""
    session.commit()
    carrier = PaperCarrier(now=lambda: clock.now(session))
    sending.deliver_due(carrier.of, nowhere, AtOnce(), settle=timedelta(minutes=1))
    session.expire_all()
    return [text.body for text in carrier.kept]


@pytest.fixture
def number() -> str:
    return builders.a_number()


@pytest.fixture
def sam(session: Session, cast: Cast, number: str) -> Patient:
    return builders.a_patient(session, cast=cast, first_name="Sam", last_name="Rivera", number=number)


@pytest.fixture
def lily(session: Session, cast: Cast, sam: Patient, number: str) -> Patient:
    """Shares Sam's number."""
    return builders.a_patient(session, cast=cast, first_name="Lily", last_name="Rivera", number=number)


@pytest.fixture
def eve(session: Session, cast: Cast, lily: Patient) -> Member:
    """Sees all messages but those of Lily's program."""
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=lily.id, program_id=program.id))
    session.flush()
    return builders.a_member(
        session, cast=cast, role=cast.roles["Care team"], name="Eve Wall", kept_out_of=[program]
    )


def test_a_no_outlasts_the_archive(session: Session, cast: Cast, sam: Patient, number: str) -> None:
    task = a_task(session, cast=cast, number=number)
    replying.reply(session, conversation_of(session, task), "Queued before", by=cast.ana)
    sam.texting_on = False
    keeping.archive(session, sam, by=cast.ana)
    session.commit()

    composer = replying.composer(session, cast.ana, conversation_of(session, task))

    assert composer.leg is consent.Leg.PATIENT_OFF
    assert leaves(session) == []


def test_one_who_shares_the_number_and_says_no_stops_what_is_queued(
    session: Session, cast: Cast, lily: Patient, number: str
) -> None:
    task = a_task(session, cast=cast, number=number)
    replying.reply(session, conversation_of(session, task), "Queued before", by=cast.ana)

    lily.texting_on = False

    assert leaves(session) == []


def test_a_late_pair_of_stop_and_start_does_not_undo_a_later_stop(session: Session, cast: Cast) -> None:
    now = clock.now(session)
    builders.an_inbound(session, cast=cast, body="STOP", sent_at=now - timedelta(minutes=1))
    for body, minutes in (("STOP", 10), ("START", 8)):
        text = builders.a_text_from(PAT_NUMBER, body, to=NORTH_NUMBER)
        receive(session, cast.practice_id, text, via=Via.RECONCILE, sent_at=now - timedelta(minutes=minutes))
    session.commit()

    process.run_due()

    session.expire_all()
    phone = session.scalars(select(Phone).where(Phone.number == PAT_NUMBER)).one()
    assert phone.opted_out_at is not None


def test_what_was_written_for_one_stays_theirs_when_another_is_chosen(
    session: Session, cast: Cast, sam: Patient, lily: Patient, number: str
) -> None:
    task = a_task(session, cast=cast, number=number)
    conversation = conversation_of(session, task)
    message = replying.reply(session, conversation, "The result is here.", by=cast.ana, about=lily.id)
    session.commit()
    assert message.patient_id == lily.id

    who.choose(session, conversation, sam, reach=Reach.TASK, seen=who.seen_of(conversation), by=cast.ana)

    assert session.get_one(Message, message.id).patient_id == lily.id


class TestWhoIsNotReachedAnyMore:
    def queued(self, session: Session, cast: Cast, lily: Patient, number: str) -> Message:
        task = a_task(session, cast=cast, number=number)
        message = replying.reply(
            session, conversation_of(session, task), "Your result is here.", by=cast.ana, about=lily.id
        )
        session.commit()
        return message

    def end(self, session: Session, cast: Cast, patient: Patient) -> None:
        use = use_of(session, patient)
        reached.end(session, use, session.get_one(Phone, use.phone_id), by=cast.ana)

    def test_their_text_does_not_leave(
        self, session: Session, cast: Cast, lily: Patient, number: str
    ) -> None:
        self.queued(session, cast, lily, number)

        self.end(session, cast, lily)

        assert leaves(session) == []

    def test_their_text_is_not_sent_again(
        self, session: Session, cast: Cast, lily: Patient, number: str
    ) -> None:
        message = self.queued(session, cast, lily, number)
        self.end(session, cast, lily)
        leaves(session)

        with pytest.raises(NotPossible, match="not reached at this number"):
            replying.resend(session, session.get_one(Message, message.id), by=cast.ana)


def test_an_archived_contact_is_not_texted(session: Session, cast: Cast) -> None:
    number = builders.a_number()
    rosa = builders.a_patient(session, cast=cast, first_name="Rosa")
    ex = builders.a_contact(session, of=[rosa], name="Ex Partner", relation="partner")
    use = builders.a_use(session, patient=rosa, number=number, contact=ex)
    phone = session.get_one(Phone, use.phone_id)
    consent.record_consent(session, phone, use, Agreement("paper"), by=cast.ana.id, now=clock.now(session))
    session.commit()

    def start() -> Conversation:
        return replying.start(
            session, patient_id=rosa.id, phone_id=phone.id, practice_number_id=None, by=cast.ana
        )

    conversation = start()
    replying.reply(session, conversation, "Queued before", by=cast.ana)

    keeping.archive_contact(session, rosa, ex.id, by=cast.ana)

    assert leaves(session) == []
    with pytest.raises(NotFound):
        start()


class TestBehindAWall:
    def asking(self, session: Session, cast: Cast, *people: Patient) -> None:
        session.get_one(Practice, cast.practice_id).verification_on = True
        for one in people:
            one.born_on = builders.ago(session, days=9000).date()
        session.commit()

    def test_who_may_be_asked_for_a_birth_date_is_not_named(
        self, session: Session, cast: Cast, sam: Patient, lily: Patient, eve: Member, number: str
    ) -> None:
        task = a_task(session, cast=cast, number=number)
        self.asking(session, cast, sam, lily)
        conversation = conversation_of(session, task)
        identity = identities(session, [conversation.phone_id])[conversation.phone_id]

        shown = requesting.unverified(session, eve, conversation, identity)

        assert [one.name for one in shown] == ["Sam Rivera"]
        with pytest.raises(NotFound):
            requesting.request(session, conversation, use_of(session, lily).id, by=eve)

    def test_a_signature_is_not_shown(
        self, session: Session, cast: Cast, lily: Patient, eve: Member, number: str
    ) -> None:
        use = use_of(session, lily)
        phone = session.get_one(Phone, use.phone_id)
        agreed = Agreement(
            consent_form.SIGNED, wording="What she read", signed_by="Lily Rivera", signature=[[1, 2]]
        )
        consent.record_consent(session, phone, use, agreed, by=cast.ana.id, now=clock.now(session))
        session.commit()

        def signed(member: Member) -> list[tuple[str, str, str]]:
            found = proof.proof_of(session, member, phone)
            return [(one.signed_by, one.wording, one.signature) for one in found]

        assert signed(eve) == [("", "", "")]
        assert signed(cast.ana) == [("Lily Rivera", "What she read", "M1 2 L1 2")]

    def test_a_contact_of_a_hidden_record_is_neither_found_nor_changed(
        self, session: Session, cast: Cast, lily: Patient, eve: Member
    ) -> None:
        number = builders.a_number()
        mother = builders.a_contact(session, of=[lily], name="Maria Rivera", relation="mother")
        builders.a_use(session, patient=lily, number=number, contact=mother)
        robin = builders.a_patient(session, cast=cast, first_name="Robin")
        session.commit()
        given = {"name": "Maria Rivera", "relation": "mother", "language": "en", "number": number}

        added = keeping.add_contact(session, robin, given, by=eve)

        assert added.id != mother.id
        shared = builders.a_contact(session, of=[lily, robin], name="Rita Rivera", relation="aunt")
        found, link = contacts.find(session, robin, shared.id)
        with pytest.raises(NotPossible, match="a record that you may not see"):
            keeping.change_contact(session, robin, found, link, {**given, "name": "Somebody Else"}, by=eve)


def test_with_birth_dates_asked_composer_and_door_say_the_same(
    session: Session, cast: Cast, sam: Patient, lily: Patient, number: str
) -> None:
    session.get_one(Practice, cast.practice_id).verification_on = True
    use = use_of(session, sam)
    use.verification, use.verified_since = Verification.ENABLED, clock.now(session)
    task = a_task(session, cast=cast, number=number)
    conversation = conversation_of(session, task)
    who.choose(session, conversation, lily, reach=Reach.TASK, seen=who.seen_of(conversation), by=cast.ana)
    session.commit()
    ana = load_member(session, cast.ana.id)
    assert ana

    composer = replying.composer(session, ana, conversation)

    assert composer.leg is consent.Leg.NOT_VERIFIED


def test_a_number_that_comes_back_is_not_confirmed(session: Session, cast: Cast, sam: Patient) -> None:
    use = use_of(session, sam)
    phone = session.get_one(Phone, use.phone_id)
    use.verification, use.verified_since = Verification.ENABLED, clock.now(session)

    for step in (reached.end, reached.begin_again):
        step(session, use, phone, by=cast.ana)

    assert use.verification is Verification.NOT_STARTED


def test_texts_that_could_not_leave_are_seen_as_failed(
    session: Session, cast: Cast, sam: Patient, number: str
) -> None:
    task = a_task(session, cast=cast, number=number)
    message = replying.reply(session, conversation_of(session, task), "Queued before", by=cast.ana)
    sam.texting_on = False

    assert leaves(session) == []
    assert session.get_one(OutboundText, message.id).is_failed
