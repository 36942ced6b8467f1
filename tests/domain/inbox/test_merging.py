"""Two records of one person become one, and two again: every row that moved goes back, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from triage.domain import audit, verify
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.message import Message
from triage.domain.inbox import keeping, log, merging
from triage.domain.inbox.merging import CAN_BE_UNDONE_FOR, LINKED, MOVED, STAY, PatientMerge
from triage.domain.inbox.task import State, Task
from triage.domain.intake import ledger, process
from triage.domain.intake.ledger import Via
from triage.domain.patients import following
from triage.domain.patients.care_team import CareTeamMember, FormerCareTeamMember
from triage.domain.patients.consent import ConsentEvent, ConsentKind
from triage.domain.patients.following import PatientFollower
from triage.domain.patients.patient import (
    Enrolment,
    Merged,
    Patient,
    PatientContact,
    PatientKind,
    find_patient,
)
from triage.domain.patients.phones import PhoneUse, Verification
from triage.domain.tables import metadata
from triage.kit import clock, db
from triage.kit.errors import NotFound, NotPossible

OTHER = "+12025550161"
WATCHED = (
    "patient",
    "phone_use",
    "patient_contact",
    "enrolment",
    "care_team_member",
    "former_care_team_member",
    "patient_follower",
    "conversation",
    "message",
    "task",
)


def _both(session: Session, cast: Cast) -> tuple[Patient, Patient]:
    """Pat, and a second record of hers with another number."""
    second = builders.a_patient(session, cast=cast, first_name="Patricia", last_name="Porter", number=OTHER)
    session.commit()
    return session.get_one(Patient, cast.pat.id), second


def _merge(session: Session, cast: Cast, kept: Patient, merged: Patient, **take: UUID) -> PatientMerge:
    one, other = merging.find_both(session, cast.ana, kept.id, merged.id, lock=True)
    made = merging.merge(session, one, other, take=take, by=cast.ana)
    session.commit()
    return made


def _undo(session: Session, cast: Cast, made: PatientMerge) -> None:
    merging.undo(session, merging.find_merge(session, cast.ana, made.kept_id, made.id), by=cast.ana)
    session.commit()


def _picture(session: Session) -> dict[str, list[str]]:
    """Every row of the tables that a merge touches."""
    session.commit()
    return {
        name: sorted(str(row) for row in session.execute(text(f"select to_jsonb(t)::text from {name} t")))
        for name in WATCHED
    }


def test_every_table_that_names_a_patient_moves_or_stays_for_a_reason() -> None:
    naming = {name for name, table in metadata.tables.items() if "patient_id" in table.c}

    assert naming == {*MOVED, *LINKED, *STAY}


def test_everything_of_both_is_on_the_record_that_stays(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    contact = builders.a_contact(session, of=[second], name="Cora Porter", relation="mother")
    builders.a_place_in_care_team(session, patient=second, member=cast.ben, is_primary=True)
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=second.id, program_id=program.id))
    closed = builders.a_task(session, cast=cast, number=OTHER, body="An old matter", state=State.COMPLETED)
    row = builders.an_inbound(session, cast=cast, number=OTHER, body="A new matter")
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="From the first number")

    _merge(session, cast, pat, second)

    assert session.get_one(Message, row.message_id).patient_id == pat.id
    assert session.get_one(Task, closed.id).patient_id == pat.id
    assert session.get_one(Conversation, closed.conversation_id).patient_id == pat.id
    assert session.get(PatientContact, (pat.id, contact.id)) is not None
    assert session.get(CareTeamMember, (pat.id, cast.ben.id)) is not None
    assert session.get(Enrolment, (pat.id, program.id)) is not None
    lines = log.read_log(session, cast.ana, pat).lines
    assert {line.body for line in lines} >= {"An old matter", "A new matter", "From the first number"}
    with pytest.raises(Merged) as refusal:
        find_patient(session, cast.ana, second.id)
    assert refusal.value.into_id == pat.id
    assert session.get_one(Patient, second.id).archived_at is not None


def test_who_followed_one_of_them_follows_the_record_that_stays(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    now = clock.now(session)
    following.answer(session, pat, yes=False, by=cast.ana, now=now)
    for member in (cast.ana, cast.ben):
        following.answer(session, second, yes=True, by=member, now=now)
    session.commit()

    made = _merge(session, cast, pat, second)
    session.expire_all()
    followed = {id_: session.get(PatientFollower, (pat.id, id_)) for id_ in (cast.ana.id, cast.ben.id)}
    assert {id_: bool(one and one.is_on) for id_, one in followed.items()} == {
        cast.ana.id: True,
        cast.ben.id: True,
    }

    _undo(session, cast, made)
    session.expire_all()
    mine = session.get(PatientFollower, (pat.id, cast.ana.id))
    assert mine is not None and not mine.is_on


def test_a_number_of_both_is_known_again_and_keeps_its_consent(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    use = builders.a_use(session, patient=second, number=PAT_NUMBER)
    use.consented_at, use.consented_how = builders.ago(session, days=2), "paper"
    row = builders.an_inbound(session, cast=cast, number=PAT_NUMBER)
    message = session.get_one(Message, row.message_id)
    conversation = session.get_one(Conversation, message.conversation_id)
    assert conversation.patient_id is None

    made = _merge(session, cast, pat, second)

    own = session.scalars(
        select(PhoneUse).where(PhoneUse.patient_id == pat.id, PhoneUse.phone_id == use.phone_id)
    ).one()
    assert conversation.patient_id == pat.id
    assert own.consented_how == "paper"
    _undo(session, cast, made)
    session.expire_all()
    assert conversation.patient_id is None
    assert own.consented_at is None


def test_the_chosen_values_are_taken_and_alerts_of_both_are_kept(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    pat.alerts, second.alerts, second.texting_on = "Penicillin", "Hard of hearing", False
    session.commit()

    made = _merge(session, cast, pat, second, name=second.id, born_on=pat.id)

    assert (pat.name, pat.alerts) == ("Patricia Porter", "Penicillin\nHard of hearing")
    assert pat.born_on is not None
    assert pat.texting_on is False
    noted = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.PATIENTS_MERGED)
    ).one()
    assert (noted.member_id, noted.patient_id, noted.subject_id) == (cast.ana.id, pat.id, made.id)


def test_what_came_after_the_merge_stays(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    before = builders.an_inbound(session, cast=cast, number=OTHER, body="Before")
    made = _merge(session, cast, pat, second)
    after = builders.an_inbound(session, cast=cast, number=OTHER, body="After")
    done = builders.a_task(session, cast=cast, number=PAT_NUMBER, body="Done since", state=State.COMPLETED)
    pat = session.get_one(Patient, pat.id)
    pat.first_name = "Patty"
    session.commit()

    _undo(session, cast, made)

    session.expire_all()
    assert session.get_one(Message, before.message_id).patient_id == second.id
    # It waits in the task of the other number, whose person is known again.
    assert session.get_one(Message, after.message_id).patient_id == second.id
    assert session.get_one(Task, done.id).patient_id == pat.id
    assert session.get_one(Patient, pat.id).first_name == "Patty"
    assert find_patient(session, cast.ana, second.id).archived_at is None
    assert verify.verify(session).is_clean


def test_a_merge_is_undone_once_and_within_thirty_days(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    made = _merge(session, cast, pat, second)
    made.merged_at -= CAN_BE_UNDONE_FOR
    with pytest.raises(NotPossible, match="30 days"):
        merging.undo(session, made, by=cast.ana)
    made.merged_at += CAN_BE_UNDONE_FOR
    merging.undo(session, made, by=cast.ana)

    with pytest.raises(NotPossible, match="already"):
        merging.undo(session, made, by=cast.ana)


def test_only_who_sees_both_may_merge_and_undo(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    second.facility_id = cast.south.id
    role = builders.a_role(session, cast=cast, messages="all", patients=True, own_facilities_only=True)
    north = builders.a_member(session, cast=cast, role=role, facilities=[cast.north])
    with pytest.raises(NotFound):
        merging.find_both(session, north, pat.id, second.id)

    made = _merge(session, cast, pat, second)

    with pytest.raises(NotFound):
        merging.undo(session, made, by=north)


def test_a_task_that_an_assignee_may_no_longer_see_goes_back(session: Session, cast: Cast) -> None:
    pat, second = _both(session, cast)
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=second.id, program_id=program.id))
    eve = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER, assignees=[eve])

    _merge(session, cast, pat, second)

    session.expire_all()
    assert session.get_one(Task, task.id).state is State.PENDING
    assert verify.verify(session).is_clean


def test_an_animal_is_no_person_and_a_record_is_not_merged_with_itself(session: Session, cast: Cast) -> None:
    pat, _ = _both(session, cast)
    dog = builders.a_patient(session, cast=cast, kind=PatientKind.ANIMAL)
    session.commit()

    for other in (dog, pat):
        with pytest.raises(NotPossible):
            merging.find_both(session, cast.ana, pat.id, other.id)


def test_texts_that_arrive_meanwhile_are_with_the_record_that_stays(
    fresh_session: Session, fresh_cast: Cast
) -> None:
    """To a conversation that is there and to one that begins with the text, before, during and after."""
    pairs = []
    for place in range(12):
        numbers = [builders.a_number(), builders.a_number()]
        one, other = (builders.a_patient(fresh_session, cast=fresh_cast, number=number) for number in numbers)
        pairs.append((one.id, other.id, numbers[1]))
        if place % 2:
            builders.an_inbound(fresh_session, cast=fresh_cast, number=numbers[1])
    fresh_session.commit()

    def text_in(number: str) -> None:
        text_of = builders.a_text_from(number, "Meanwhile")
        with db.transaction() as session:
            ledger.receive(session, fresh_cast.practice_id, text_of, via=Via.WEBHOOK)
        process.run_due()

    def join(pair: tuple[UUID, UUID, str]) -> None:
        with db.transaction() as session:
            one, other = merging.find_both(session, fresh_cast.ana, pair[0], pair[1], lock=True)
            merging.merge(session, one, other, take={}, by=fresh_cast.ana)

    with ThreadPoolExecutor(4) as pool:
        work = []
        for pair in pairs:
            work += [pool.submit(text_in, pair[2]), pool.submit(join, pair), pool.submit(text_in, pair[2])]
        for errand in work:
            errand.result()
    process.run_due()

    whose = fresh_session.scalars(select(Message.patient_id).where(Message.body == "Meanwhile")).all()
    assert sorted(map(str, whose)) == sorted(str(pair[0]) for pair in pairs for _ in range(2))
    assert verify.verify_now().is_clean


FACTS = st.fixed_dictionaries(
    {
        "shares": st.booleans(),
        "ended": st.booleans(),
        "consent": st.sampled_from(["none", "first", "second"]),
        "confirmed": st.sampled_from(["none", "first", "second", "both"]),
        "contacts": st.sampled_from(["none", "first", "second", "both"]),
        "team": st.sampled_from(["none", "first", "second", "both"]),
        "former": st.sampled_from(["none", "first", "second", "both"]),
        "follows": st.fixed_dictionaries({}, optional={"first": st.booleans(), "second": st.booleans()}),
        "programs": st.sampled_from(["none", "first", "second", "both"]),
        "texts": st.lists(st.sampled_from(["first", "second", "done"]), max_size=4),
        "off": st.booleans(),
        "archived": st.booleans(),
        "turned": st.booleans(),
        "take": st.sets(st.sampled_from(sorted(merging.CHOICES))),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=FACTS)
def test_merging_and_undoing_changes_nothing(session: Session, cast: Cast, facts: dict[str, Any]) -> None:
    pat = session.get_one(Patient, cast.pat.id)
    number, second_number = builders.a_number(), builders.a_number()
    first = builders.a_patient(session, cast=cast, first_name="Robin", number=number)
    second = builders.a_patient(session, cast=cast, first_name="Rob", number=second_number)
    _furnish(session, cast, first, second, number, second_number, facts)
    kept, merged = (second, first) if facts["turned"] and not facts["archived"] else (first, second)
    before = _picture(session)

    made = _merge(session, cast, kept, merged, **dict.fromkeys(facts["take"], merged.id))
    moved = _picture(session)
    assert verify.verify(session).is_clean
    _undo(session, cast, made)

    assert _picture(session) == before != moved
    assert verify.verify(session).is_clean
    assert pat.archived_at is None


def _furnish(
    session: Session,
    cast: Cast,
    first: Patient,
    second: Patient,
    number: str,
    second_number: str,
    facts: dict[str, Any],
) -> None:
    both = {"none": [], "first": [first], "second": [second], "both": [first, second]}
    if facts["shares"]:
        use = builders.a_use(session, patient=second, number=number)
        use.ended_at = builders.ago(session, days=1) if facts["ended"] else None
    if facts["consent"] != "none":
        whose = both[facts["consent"]][0]
        for use in session.scalars(select(PhoneUse).where(PhoneUse.patient_id == whose.id)):
            use.consented_at, use.consented_how = builders.ago(session, days=2), "paper"
    if facts["contacts"] != "none":
        builders.a_contact(session, of=both[facts["contacts"]], name="Cora")
    for patient in both[facts["team"]]:
        builders.a_place_in_care_team(session, patient=patient, member=cast.ben, is_primary=True)
    _furnish_teams(session, cast, both, facts)
    _confirm(session, cast, both[facts["confirmed"]])
    program = builders.a_program(session, cast=cast)
    for patient in both[facts["programs"]]:
        session.add(Enrolment(practice_id=cast.practice_id, patient_id=patient.id, program_id=program.id))
    second.texting_on = not facts["off"]
    session.commit()
    for which in facts["texts"]:
        state = State.COMPLETED if which == "done" else State.PENDING
        sender = number if which == "first" else second_number
        if state is State.COMPLETED:
            builders.a_task(session, cast=cast, number=sender, state=state)
        else:
            builders.an_inbound(session, cast=cast, number=sender)
    if facts["archived"]:
        keeping.archive(session, second, by=cast.ana)
        session.commit()


def _confirm(session: Session, cast: Cast, patients: list[Patient]) -> None:
    """The right birth date has come from every number of these patients."""
    since = builders.ago(session, days=3)
    ids = [patient.id for patient in patients]
    for use in session.scalars(select(PhoneUse).where(PhoneUse.patient_id.in_(ids))):
        use.verification, use.verified_since, use.asked_by_id = Verification.ENABLED, since, cast.ana.id
        session.add(
            ConsentEvent(
                practice_id=cast.practice_id,
                phone_id=use.phone_id,
                patient_id=use.patient_id,
                kind=ConsentKind.VERIFIED,
                source="text",
                at=since,
            )
        )


def _furnish_teams(
    session: Session, cast: Cast, both: dict[str, list[Patient]], facts: dict[str, Any]
) -> None:
    for patient in both[facts["former"]]:
        session.add(
            FormerCareTeamMember(
                practice_id=cast.practice_id,
                patient_id=patient.id,
                member_id=cast.cleo.id,
                role="Nurse",
                was_primary=False,
                until_on=date(2026, 1, 31),
                ended_at=builders.ago(session, days=9),
            )
        )
    for which, yes in facts["follows"].items():
        following.answer(session, both[which][0], yes=yes, by=cast.ana, now=clock.now(session))
