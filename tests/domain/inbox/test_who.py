"""Who is this? The right texts become the right patient's, and nobody else's, whatever is chosen in whatever order."""

from collections.abc import Callable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import NORTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.audit import Action, Audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import choices, reached, replying, scope, thread, transitions, who
from triage.domain.inbox.choices import PatientChoice, Reach
from triage.domain.inbox.task import State, Task, TaskMessage
from triage.domain.patients import consent, phones
from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Practice
from triage.kit import clock
from triage.kit.errors import NotAllowed, NotFound, NotPossible


class Family:
    """Sam and Lily share a number; each has one of their own."""

    def __init__(self, session: Session, cast: Cast) -> None:
        self.session, self.cast = session, cast
        self.number = builders.a_number()
        self.sam = self._child("Sam")
        self.lily = self._child("Lily")
        session.commit()

    def _child(self, name: str) -> Patient:
        patient = builders.a_patient(
            self.session, cast=self.cast, first_name=name, last_name="Rivera", number=self.number
        )
        builders.a_use(self.session, patient=patient, number=builders.a_number())
        return patient

    def text(self, body: str) -> Task:
        return builders.a_task(self.session, cast=self.cast, number=self.number, body=body)

    @property
    def conversation(self) -> Conversation:
        return conversation_with(self.session, self.number)

    def choose(self, patient: Patient, reach: Reach = Reach.TASK, by: Member | None = None) -> PatientChoice:
        return choose(self.session, self.conversation, patient, reach=reach, by=by or self.cast.ana)

    def whose(self, body: str) -> UUID | None:
        return whose(self.session, body)


@pytest.fixture
def family(session: Session, cast: Cast) -> Family:
    return Family(session, cast)


def conversation_with(session: Session, number: str) -> Conversation:
    query = select(Conversation).join(Phone, Phone.id == Conversation.phone_id).where(Phone.number == number)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def choose(
    session: Session, conversation: Conversation, patient: Patient, *, by: Member, reach: Reach = Reach.TASK
) -> PatientChoice:
    found = session.get_one(Conversation, conversation.id)
    choice = who.choose(session, found, patient, reach=reach, seen=who.seen_of(found), by=by)
    session.commit()
    assert verify.verify(session).is_clean
    return choice


def whose(session: Session, body: str) -> UUID | None:
    return session.scalars(select(Message.patient_id).where(Message.body == body)).one()


def bodies(session: Session, member: Member, conversation: Conversation, **how: object) -> list[str]:
    identity = phones.identities(session, [conversation.phone_id])[conversation.phone_id]
    found = thread.read_thread(session, member, conversation, identity, is_full=True, **how)  # type: ignore[arg-type]  # as the caller names them
    return [entry.body for entry in found.entries if isinstance(entry, thread.Bubble)]


class TestSharedNumber:
    def test_the_waiting_texts_become_the_chosen_patients(self, family: Family, session: Session) -> None:
        task = family.text("It hurts again")

        family.choose(family.sam)

        assert family.whose("It hurts again") == family.sam.id
        assert session.get_one(Task, task.id).patient_id == family.sam.id
        assert family.conversation.patient_id == family.sam.id

    def test_the_next_texts_follow_what_was_chosen(self, family: Family, session: Session) -> None:
        task = family.text("First of Sam")
        family.choose(family.sam)
        transitions.complete(session, session.get_one(Task, task.id), by=family.cast.ana)
        session.commit()

        later = family.text("Second of Sam")

        assert later.patient_id == family.sam.id
        assert family.whose("Second of Sam") == family.sam.id
        assert verify.verify(session).is_clean

    def test_what_was_dealt_with_before_stays_the_others(self, family: Family, session: Session) -> None:
        task = family.text("About Sam")
        family.choose(family.sam)
        transitions.complete(session, session.get_one(Task, task.id), by=family.cast.ana)
        session.commit()
        family.text("About Lily")

        family.choose(family.lily)

        assert family.whose("About Sam") == family.sam.id
        assert family.whose("About Lily") == family.lily.id

    def test_a_wrong_choice_is_put_right_with_everything_it_had_moved(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        task = family.text("Wrongly Sam's")
        family.choose(family.sam)
        answer = replying.reply(session, family.conversation, "Come at nine", by=cast.ana)
        transitions.complete(session, session.get_one(Task, task.id), by=cast.ana)
        session.commit()
        family.text("And one more")

        family.choose(family.lily, Reach.CHOICE)

        assert {family.whose("Wrongly Sam's"), family.whose("And one more")} == {family.lily.id}
        assert session.get_one(Message, answer.id).patient_id == family.lily.id
        assert session.get_one(Task, task.id).patient_id == family.lily.id

    def test_all_earlier_texts_are_those_of_nobody(self, family: Family, session: Session) -> None:
        for body, patient in (("Old, of nobody", None), ("Old, of Sam", family.sam), ("New", None)):
            task = family.text(body)
            if patient is not None:
                family.choose(patient)
            if body != "New":
                transitions.complete(session, session.get_one(Task, task.id), by=family.cast.ana)
                session.commit()

        family.choose(family.lily, Reach.ALL)

        assert family.whose("Old, of nobody") == family.lily.id
        assert family.whose("Old, of Sam") == family.sam.id

    def test_it_is_audited_and_told_in_the_thread(self, family: Family, session: Session, cast: Cast) -> None:
        family.text("Who am I?")

        choice = family.choose(family.sam)

        written = session.scalars(select(Audit).where(Audit.action == Action.PATIENT_CHOSEN)).all()
        assert [one.patient_id for one in written if one.subject_id == choice.conversation_id] == [
            family.sam.id
        ]
        identity = phones.identities(session, [family.conversation.phone_id])[family.conversation.phone_id]
        shown = thread.read_thread(session, cast.ana, family.conversation, identity)
        notes = [entry.text for entry in shown.entries if isinstance(entry, thread.Note)]
        assert "Ana Alvarez chose Sam Rivera for these texts" in notes

    def test_nobody_knows_again(self, family: Family, session: Session, cast: Cast) -> None:
        task = family.text("Whose is it?")
        family.choose(family.sam)
        seen = who.seen_of(family.conversation)

        who.say_open(session, family.conversation, seen=seen, by=cast.ana)
        session.commit()

        assert family.whose("Whose is it?") is None
        assert session.get_one(Task, task.id).patient_id is None
        assert verify.verify(session).is_clean

    def test_who_comes_second_is_told_who_was_faster(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        family.text("Only one of us")
        seen = who.seen_of(family.conversation)
        family.choose(family.sam)

        with pytest.raises(NotPossible, match="Ana Alvarez has said who this is"):
            who.choose(session, family.conversation, family.lily, reach=Reach.TASK, seen=seen, by=cast.admin)

    def test_who_sees_only_assigned_messages_says_nothing(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        family.text("Not for Ben to say")

        with pytest.raises(NotAllowed):
            who.choose(session, family.conversation, family.sam, reach=Reach.TASK, seen="", by=cast.ben)

    def test_a_text_for_the_other_one_stays_in_the_others_thread(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        task = family.text("Sam's own words")
        family.choose(family.sam)
        transitions.complete(session, session.get_one(Task, task.id), by=cast.ana)
        session.commit()
        own = {
            child.id: session.scalars(
                select(Phone.number)
                .join(PhoneUse)
                .where(PhoneUse.patient_id == child.id, Phone.number != family.number)
            ).one()
            for child in (family.sam, family.lily)
        }
        for child, number in own.items():
            builders.a_task(session, cast=cast, number=number, body=f"From {child}")

        of_sam = bodies(session, cast.ana, conversation_with(session, own[family.sam.id]))
        of_lily = bodies(session, cast.ana, conversation_with(session, own[family.lily.id]))

        assert of_sam == ["Sam's own words", f"From {family.sam.id}"]
        assert of_lily == [f"From {family.lily.id}"]


class TestUndo:
    def test_everything_is_as_it_was(self, family: Family, session: Session, cast: Cast) -> None:
        task = family.text("Never mind")
        choice = family.choose(family.sam)

        who.undo(session, choice.id, by=cast.ana)
        session.commit()

        assert family.whose("Never mind") is None
        assert session.get_one(Task, task.id).patient_id is None
        assert family.conversation.chosen_patient_id is None
        assert choices.last_of(session, family.conversation) is None
        assert verify.verify(session).is_clean

    def test_what_came_meanwhile_goes_back_too(self, family: Family, session: Session, cast: Cast) -> None:
        family.text("Before")
        choice = family.choose(family.sam)
        family.text("Meanwhile")

        who.undo(session, choice.id, by=cast.ana)
        session.commit()

        assert (family.whose("Before"), family.whose("Meanwhile")) == (None, None)
        assert verify.verify(session).is_clean

    def test_a_patient_who_was_linked_is_not_any_more(self, session: Session, cast: Cast) -> None:
        number = builders.a_number()
        builders.a_task(session, cast=cast, number=number, body="From nowhere")
        robin = builders.a_patient(session, cast=cast)
        session.commit()
        choice = choose(session, conversation_with(session, number), robin, by=cast.ana)

        who.undo(session, choice.id, by=cast.ana)
        session.commit()

        assert session.scalars(select(PhoneUse).where(PhoneUse.patient_id == robin.id)).all() == []
        assert whose(session, "From nowhere") is None
        assert verify.verify(session).is_clean

    def test_only_the_newest_and_only_by_its_maker(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        family.text("Twice")
        first = family.choose(family.sam)
        second = family.choose(family.lily)

        with pytest.raises(NotFound):
            who.undo(session, second.id, by=cast.admin)
        with pytest.raises(NotPossible):
            who.undo(session, first.id, by=cast.ana)

    def test_it_is_soon_too_late(self, family: Family, session: Session, cast: Cast) -> None:
        family.text("Late")
        choice = family.choose(family.sam)

        with clock.shifted(who.UNDO_FOR * 2), pytest.raises(NotPossible, match="too late"):
            session.commit()
            who.undo(session, choice.id, by=cast.ana)


class TestUnknownNumber:
    def test_the_number_becomes_the_patients(self, session: Session, cast: Cast) -> None:
        number = builders.a_number()
        task = builders.a_task(session, cast=cast, number=number, body="It is me, Robin")
        robin = builders.a_patient(session, cast=cast)
        session.commit()

        choose(session, conversation_with(session, number), robin, by=cast.ana)

        labels = [label for _, _, label in phones.uses_by_patient(session, cast.practice_id, robin.id)]
        assert labels == ["Mobile"]
        assert session.get_one(Task, task.id).patient_id == robin.id
        assert whose(session, "It is me, Robin") == robin.id

    def test_not_a_patient_is_remembered_until_it_is_taken_back(self, session: Session, cast: Cast) -> None:
        number = builders.a_number()
        builders.a_task(session, cast=cast, number=number, body="Buy our printers")
        found = conversation_with(session, number)

        who.say_nobody(session, found, seen=who.seen_of(found), by=cast.ana)
        session.commit()
        builders.a_task(session, cast=cast, number=number, body="And our paper")

        assert conversation_with(session, number).is_nobody
        found = conversation_with(session, number)
        who.say_open(session, found, seen=who.seen_of(found), by=cast.ana)
        session.commit()
        assert not conversation_with(session, number).is_nobody
        assert verify.verify(session).is_clean

    def test_a_number_of_somebody_is_not_nobodys(self, family: Family, session: Session, cast: Cast) -> None:
        family.text("We are here")

        with pytest.raises(NotPossible, match="on record"):
            who.say_nobody(session, family.conversation, seen="", by=cast.ana)

    def test_a_patient_who_is_linked_opens_nothing_that_staff_closed(
        self, session: Session, cast: Cast
    ) -> None:
        number = builders.a_number()
        off = builders.a_patient(session, cast=cast, number=number)
        builders.a_task(session, cast=cast, number=number, body="Texts are off here")
        off.texting_on = False
        other = builders.a_patient(session, cast=cast, first_name="Other")
        session.commit()

        choose(session, conversation_with(session, number), other, by=cast.ana)

        found = conversation_with(session, number)
        phone = session.get_one(Phone, found.phone_id)
        practice = session.get_one(Practice, cast.practice_id)
        identity = phones.identities(session, [phone.id])[phone.id]
        facts = consent.gather(session, practice, phone, identity, wrote_first=True)
        assert consent.may_text(facts, consent.Purpose.REPLY).leg is consent.Leg.PATIENT_OFF
        with pytest.raises(NotPossible):
            replying.reply(session, found, "Hello", by=cast.ana)


class TestNames:
    def test_a_name_waits_until_it_is_known_who_writes(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        family.text("Is it ready?")

        with pytest.raises(NotPossible, match="names somebody"):
            replying.reply(session, family.conversation, "Sam's results are here", by=cast.ana)
        replying.reply(session, family.conversation, "Who is writing, please?", by=cast.ana)
        family.choose(family.sam)
        replying.reply(session, family.conversation, "Sam's results are here", by=cast.ana)

    def test_who_opened_the_page_for_one_of_them_has_chosen_for_this_text(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        family.text("Is it ready now?")

        sent = replying.reply(session, family.conversation, "Lily is next", by=cast.ana, about=family.lily.id)

        assert sent.patient_id == family.lily.id


class TestWalls:
    def test_who_is_kept_from_the_patient_loses_the_thread(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        program = builders.a_program(session, cast=cast)
        enrol(session, family.sam, program.id)
        kept_out = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
        task = family.text("Between us")
        transitions.assign(session, task, [kept_out.id], by=cast.ana)
        session.commit()
        assert scope.find_conversation(session, kept_out, task.conversation_id)

        family.choose(family.sam)

        for look in (
            lambda: scope.find_conversation(session, kept_out, task.conversation_id),
            lambda: scope.find_task(session, kept_out, task.id),
            lambda: scope.find_message(session, kept_out, task.last_message_id),
        ):
            with pytest.raises(NotFound):
                look()
        assert session.get_one(Task, task.id).state is State.PENDING

    def test_texts_of_one_stay_behind_their_wall_when_the_other_writes(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        program = builders.a_program(session, cast=cast)
        enrol(session, family.sam, program.id)
        kept_out = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
        task = family.text("Only for Sam's team")
        family.choose(family.sam)
        transitions.complete(session, session.get_one(Task, task.id), by=cast.ana)
        session.commit()
        family.text("For everybody: Lily")
        family.choose(family.lily)

        assert bodies(session, kept_out, family.conversation) == ["For everybody: Lily"]
        assert bodies(session, cast.ana, family.conversation) == [
            "Only for Sam's team",
            "For everybody: Lily",
        ]
        identity = phones.identities(session, [family.conversation.phone_id])[family.conversation.phone_id]
        shown = thread.read_thread(session, kept_out, family.conversation, identity, is_full=True)
        told = [entry.text for entry in shown.entries if isinstance(entry, thread.Note)]
        assert not any("Sam" in text for text in told)

    def test_who_has_a_task_of_one_child_reads_nothing_of_the_other(
        self, family: Family, session: Session, cast: Cast
    ) -> None:
        task = family.text("Lily's own business")
        family.choose(family.lily)
        transitions.complete(session, session.get_one(Task, task.id), by=cast.ana)
        session.commit()
        family.text("Sam writes from there")
        family.choose(family.sam)
        own = session.scalars(
            select(Phone.number)
            .join(PhoneUse)
            .where(PhoneUse.patient_id == family.sam.id, Phone.number != family.number)
        ).one()
        builders.a_task(session, cast=cast, number=own, body="Sam's own phone", assignees=[cast.ben])

        assert bodies(session, cast.ben, family.conversation) == ["Sam writes from there"]


class TestChangedNumber:
    def test_what_was_written_stays_the_patients_and_what_waits_is_nobodys(
        self, session: Session, cast: Cast
    ) -> None:
        number = builders.a_number()
        builders.a_task(session, cast=cast, number=number, body="Mine", state=State.COMPLETED)
        robin = builders.a_patient(session, cast=cast)
        session.commit()
        choose(session, conversation_with(session, number), robin, by=cast.ana, reach=Reach.ALL)
        builders.a_task(session, cast=cast, number=number, body="Wrong number")
        use, phone, _ = phones.uses_by_patient(session, cast.practice_id, robin.id)[0]

        reached.end(session, use, phone, by=cast.ana)
        session.commit()

        found = conversation_with(session, number)
        assert (whose(session, "Mine"), whose(session, "Wrong number")) == (robin.id, None)
        assert (found.patient_id, found.chosen_patient_id) == (None, None)
        assert bodies(session, cast.ana, found, of_patient=robin.id) == ["Mine"]
        assert replying.composer(session, cast.ana, found).leg is consent.Leg.NOT_CURRENT
        assert verify.verify(session).is_clean

        reached.begin_again(session, use, phone, by=cast.ana)
        session.commit()
        assert conversation_with(session, number).patient_id == robin.id
        assert replying.composer(session, cast.ana, conversation_with(session, number)).is_enabled
        assert verify.verify(session).is_clean

    def test_somebody_who_is_no_patient_is_answered_at_a_number_that_was_one(
        self, session: Session, cast: Cast
    ) -> None:
        number = builders.a_number()
        robin = builders.a_patient(session, cast=cast, number=number)
        builders.a_task(session, cast=cast, number=number, body="Stop calling me Robin")
        use, phone, _ = phones.uses_by_patient(session, cast.practice_id, robin.id)[0]
        reached.end(session, use, phone, by=cast.ana)
        found = conversation_with(session, number)

        who.say_nobody(session, found, seen=who.seen_of(found), by=cast.ana)

        assert replying.composer(session, cast.ana, found).is_enabled


def enrol(session: Session, patient: Patient, program_id: UUID) -> None:
    session.add(Enrolment(practice_id=patient.practice_id, patient_id=patient.id, program_id=program_id))
    session.commit()


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["text", "reply", "complete", "task", "choice", "all", "undo", "open", "nobody", "end", "again"]
        ),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=8,
)


class TestAnyOrder:
    @given(steps=STEPS, is_shared=st.booleans())
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_text_is_without_a_task_or_in_two_peoples_threads(
        self, session: Session, cast: Cast, steps: list[Step], is_shared: bool
    ) -> None:
        number = builders.a_number()
        people = [
            builders.a_patient(
                session, cast=cast, first_name=f"P{place}", number=number if is_shared else None
            )
            for place in range(2)
        ]
        builders.a_task(session, cast=cast, number=number, body=f"{number} first")
        made: list[PatientChoice] = []

        for place, (step, which) in enumerate(steps):
            try:
                _take(session, cast, number, people[which], step, f"{number} {place}", made)
                session.commit()
            except (NotPossible, NotFound):
                session.rollback()

        assert verify.verify(session).is_clean
        found = conversation_with(session, number)
        inbound = select(Message.id).where(Message.conversation_id == found.id, Message.direction == "in")
        texts = set(session.scalars(inbound))
        filed = set(session.scalars(select(TaskMessage.message_id).where(TaskMessage.message_id.in_(texts))))
        assert filed == texts
        threads = [_thread_of(session, cast, found, patient) for patient in people]
        assert not threads[0] & threads[1]


def _take(
    session: Session,
    cast: Cast,
    number: str,
    patient: Patient,
    step: str,
    body: str,
    made: list[PatientChoice],
) -> None:
    found = conversation_with(session, number)
    seen = who.seen_of(found)
    task = scope.open_task_of(session, found.id)
    deeds: dict[str, Callable[[], object]] = {
        "text": lambda: builders.an_inbound(session, cast=cast, number=number, body=body, to=NORTH_NUMBER),
        "reply": lambda: replying.reply(session, found, "Good day", by=cast.ana),
        "complete": lambda: task and transitions.complete(session, task, by=cast.ana),
        "undo": lambda: made and who.undo(session, made[-1].id, by=cast.ana),
        "open": lambda: made.append(who.say_open(session, found, seen=seen, by=cast.ana)),
        "nobody": lambda: made.append(who.say_nobody(session, found, seen=seen, by=cast.ana)),
        "end": lambda: _with_use(session, patient, found, cast, reached.end),
        "again": lambda: _with_use(session, patient, found, cast, reached.begin_again),
    }
    if step in set(Reach):
        reach = Reach(step)
        made.append(who.choose(session, found, patient, reach=reach, seen=seen, by=cast.ana))
    else:
        deeds[step]()


def _with_use(
    session: Session, patient: Patient, found: Conversation, cast: Cast, deed: Callable[..., None]
) -> None:
    for use, phone, _ in phones.uses_by_patient(session, patient.practice_id, patient.id):
        if phone.id == found.phone_id:
            deed(session, use, phone, by=cast.ana)


def _thread_of(session: Session, cast: Cast, found: Conversation, patient: Patient) -> set[UUID]:
    identity = phones.identities(session, [found.phone_id])[found.phone_id]
    shown = thread.read_thread(session, cast.ana, found, identity, is_full=True, of_patient=patient.id)
    return {entry.id for entry in shown.entries if isinstance(entry, thread.Bubble)}
