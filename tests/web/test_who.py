"""Who is this? As a page: who shares the number, finding somebody, a new record, and what cannot be."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox.task import State, Task
from triage.domain.patients.patient import Enrolment, Patient
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Kind, Practice


def a_shared_task(session: Session, cast: Cast) -> tuple[Task, Patient, Patient]:
    number = builders.a_number()
    sam, lily = (
        builders.a_patient(session, cast=cast, first_name=name, last_name="Rivera", number=number)
        for name in ("Sam", "Lily")
    )
    return builders.a_task(session, cast=cast, number=number), sam, lily


def seen(session: Session, task: Task) -> str:
    at = session.get_one(Conversation, task.conversation_id, populate_existing=True).chosen_at
    return at.isoformat() if at else ""


def test_a_shared_number_is_shown_without_initials_and_says_who_uses_it(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task, sam, lily = a_shared_task(session, cast)

    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text
    head = page.partition('id="conversation-head"')[2].partition("</header>")[0]

    assert head.partition("<h2")[2].partition("</h2>")[0].count("(202) 555") == 1
    assert "Sam Rivera" not in head.partition("Who uses this number")[0]
    for patient in (sam, lily):
        assert f'href="/patients/{patient.id}"' in head
    assert "Who is this?" in page


def test_who_is_kept_from_a_patient_does_not_learn_who_shares_the_number(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    task, sam, _ = a_shared_task(session, cast)
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=sam.id, program_id=program.id))
    member = builders.a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    browser = browser_of(member)

    for address in (f"/inbox/all/c/{task.conversation_id}", f"/conversations/{task.conversation_id}/who"):
        page = browser.get(address).text
        assert "Sam Rivera" not in page
        assert "Lily Rivera" in page
        assert "1 more, whom you may not see" in page


def test_one_of_them_is_chosen_and_it_is_taken_back(ana: Browser, session: Session, cast: Cast) -> None:
    task, sam, _ = a_shared_task(session, cast)
    who, back = f"/conversations/{task.conversation_id}/who", f"/inbox/all/c/{task.conversation_id}"

    chosen = ana.post(who, patient_id=sam.id, seen="", back=back)
    page = ana.get(back).text

    assert (chosen.status_code, chosen.location) == (303, back)
    assert "Chosen: <bdi>Sam Rivera</bdi>" in page
    assert "Ana Alvarez chose Sam Rivera for these texts" in page
    undo = page.partition('action="/choices/')[2].partition('"')[0]
    assert ana.post(f"/choices/{undo}", back=back).status_code == 303
    assert "Chosen:" not in ana.get(back).text


def test_who_comes_second_gets_the_page_again_and_is_told(
    ana: Browser, admin: Browser, session: Session, cast: Cast
) -> None:
    task, sam, lily = a_shared_task(session, cast)
    who = f"/conversations/{task.conversation_id}/who"
    ana.post(who, patient_id=sam.id, seen="")

    late = admin.post(who, patient_id=lily.id, seen="")

    assert late.status_code == 409
    assert "Ana Alvarez has said who this is in the meantime" in late.text
    assert admin.post(who, patient_id=lily.id, seen=seen(session, task)).status_code == 303


def test_somebody_on_record_is_found_and_gets_the_number(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    who = f"/conversations/{task.conversation_id}/who"

    found = ana.post(f"{who}/search", q="porter").text
    ana.post(who, patient_id=cast.pat.id, seen="")

    assert f'name="patient_id" value="{cast.pat.id}"' in found
    assert "porter" not in ana.post(f"{who}/search", q="porter").request.path
    page = ana.get(f"/patients/{cast.pat.id}").text
    assert page.count("No longer theirs") >= 2


def test_a_new_patient_is_added_with_the_little_that_is_known(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    who = f"/conversations/{task.conversation_id}/who/patient"

    wrong = ana.post(who, first_name="Nora", last_name="", born_on="x", seen="")
    right = ana.post(who, first_name="Nora", last_name="Newman", born_on="1980-05-17", seen="")

    assert (wrong.status_code, right.status_code) == (422, 303)
    assert "Enter a last name." in wrong.text
    assert 'value="Nora"' in wrong.text
    nora = session.scalars(select(Patient).where(Patient.last_name == "Newman")).one()
    assert nora.chart_number.isdigit()
    assert session.get_one(Task, task.id, populate_existing=True).patient_id == nora.id
    twice = ana.post(
        who, first_name="nora", last_name="newman", born_on="1980-05-17", seen=seen(session, task)
    )
    assert "on record already" in twice.text


def test_an_animal_is_added_with_its_owner(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    session.get_one(Practice, cast.practice_id).kind = Kind.VETERINARY
    session.commit()
    ana = browser_of(cast.ana)
    task = builders.a_task(session, cast=cast)
    who = f"/conversations/{task.conversation_id}/who/patient"

    wrong = ana.post(who, first_name="Rex", species="dog", owner="", seen="")
    ana.post(who, first_name="Rex", species="dog", owner="Olga Owner", seen="")

    assert "Enter the owner" in wrong.text
    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text
    assert "<bdi>Olga Owner</bdi>" in page
    assert "owner of Rex" in page


def test_a_sender_without_a_number_is_nobody_who_can_be_reached(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, number="CITYLAB")
    who = f"/conversations/{task.conversation_id}/who"

    assert 'id="f-q"' not in ana.get(who).text
    assert ana.post(who, patient_id=cast.pat.id, seen="").status_code == 409
    assert ana.post(f"{who}/nobody", seen="").status_code == 303
    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text
    assert "Nobody on record uses this number." not in page
    assert "Not a patient" in page
    assert ana.post(f"{who}/nothing", seen=seen(session, task)).status_code == 303
    assert "Nobody on record uses this number." in ana.get(f"/inbox/all/c/{task.conversation_id}").text


def test_a_number_that_is_no_longer_theirs_is_read_from_the_patients_page(
    ana: Browser, session: Session, cast: Cast
) -> None:
    number = builders.a_number()
    robin = builders.a_patient(session, cast=cast, number=number)
    builders.a_task(session, cast=cast, number=number, body="From Robin", state=State.COMPLETED)
    phone = session.scalars(select(Phone).where(Phone.number == number)).one()
    conversation = session.scalars(select(Conversation).where(Conversation.phone_id == phone.id)).one()
    use = session.scalars(select(PhoneUse).where(PhoneUse.phone_id == phone.id)).one()
    session.commit()

    ended = ana.post(f"/patients/{robin.id}/numbers/{use.id}/end")
    builders.a_task(session, cast=cast, number=number, body="I am not Robin")
    record = ana.get(f"/patients/{robin.id}").text
    link = f"/inbox/all/c/{conversation.id}"

    assert ended.status_code == 303
    assert f"patient={robin.id}" in record
    old = ana.get(f"{link}?patient={robin.id}").text
    thread = old.partition('id="thread"')[2].partition('id="composer"')[0]
    assert "From Robin" in thread
    assert "I am not Robin" not in thread
    assert "no longer linked to Robin Reed" in old
    assert 'id="reply"' not in old
    now = ana.get(link).text
    head = now.partition('id="conversation-head"')[2].partition("</header>")[0]
    assert "Robin Reed" not in head
    assert ana.post(f"/patients/{robin.id}/numbers/{use.id}/again").status_code == 303
    assert "Robin Reed" in ana.get(link).text
