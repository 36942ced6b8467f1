"""What a row of a list shows."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.builders import a_contact, a_number, a_patient, a_reply, a_task, a_use, ago, an_inbound
from tests.cast import PAT_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import folders, rows, stars
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.rows import Row
from triage.domain.inbox.task import State, Task
from triage.domain.patients.patient import PatientKind
from triage.domain.practice.member import Member
from triage.kit import clock


def row_of(session: Session, member: Member, task: Task) -> Row:
    session.expire_all()
    (row,) = rows.task_rows(session, member, [task.id], now=clock.now(session))
    return row


def tags(row: Row) -> list[str]:
    return [tag.text for tag in row.tags]


def test_a_waiting_text_of_a_known_patient(session: Session, cast: Cast) -> None:
    row = row_of(session, cast.ana, a_task(session, cast=cast, number=PAT_NUMBER, body="Can I\n come?"))

    assert (row.name, row.number_label, row.snippet) == ("Pat Porter", "(202) 555-0150", "Can I come?")
    assert (row.state, row.version, row.is_unread, row.is_mine) == ("pending", 1, True, False)
    assert (row.facility_name, tags(row), row.prefix) == ("North", ["Unassigned"], "")


def test_an_unknown_number_is_shown_as_a_number(session: Session, cast: Cast) -> None:
    number = a_number()

    row = row_of(session, cast.ana, a_task(session, cast=cast, number=number))

    assert row.name == row.number_label
    assert tags(row) == ["Unknown number", "Unassigned"]


def test_a_number_of_a_country_that_does_not_exist_is_shown_as_it_came(session: Session, cast: Cast) -> None:
    assert row_of(session, cast.ana, a_task(session, cast=cast, number="+4220000")).name == "+4220000"


def test_a_shared_number_names_nobody(session: Session, cast: Cast) -> None:
    a_patient(session, cast=cast, number=PAT_NUMBER)

    row = row_of(session, cast.ana, a_task(session, cast=cast, number=PAT_NUMBER))

    assert row.name == "(202) 555-0150"
    assert "2 possible patients" in tags(row)


def test_an_owner_of_two_animals_is_named(session: Session, cast: Cast) -> None:
    animals = [a_patient(session, cast=cast, kind=PatientKind.ANIMAL) for _ in range(2)]
    owner, number = a_contact(session, of=animals), a_number()
    for animal in animals:
        a_use(session, patient=animal, number=number, contact=owner)

    row = row_of(session, cast.ana, a_task(session, cast=cast, number=number))

    assert row.name == "Maria Moss"
    assert "2 possible patients" in tags(row)


def test_the_gravest_comes_first_and_no_more_than_three(session: Session, cast: Cast) -> None:
    number = a_number()
    task = a_task(session, cast=cast, number=number, sent_at=ago(session, hours=3))
    an_inbound(session, cast=cast, number=number, body="STOP")

    assert tags(row_of(session, cast.ana, task)) == ["Overdue", "STOP received", "Unknown number"]


def test_how_long_it_is_overdue(session: Session, cast: Cast) -> None:
    row = row_of(session, cast.ana, a_task(session, cast=cast, sent_at=ago(session, hours=3)))

    assert row.overdue_for is not None
    assert timedelta(minutes=60) <= row.overdue_for < timedelta(minutes=61)


def test_an_answered_task_says_so_and_is_not_overdue(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, sent_at=ago(session, hours=3), number=PAT_NUMBER)
    a_reply(session, by=cast.ana, task=task)

    row = row_of(session, cast.ana, task)

    assert (row.overdue_for, tags(row), row.is_mine) == (None, ["Answered"], True)
    assert [brief.name for brief in row.assignees] == ["Ana Alvarez"]


def test_an_answer_that_failed_is_no_answer(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, sent_at=ago(session, hours=5), number=PAT_NUMBER)
    message = a_reply(session, by=cast.ana, task=task)
    session.execute(update(OutboundText).where(OutboundText.message_id == message.id).values(is_failed=True))
    session.commit()

    row = row_of(session, cast.ana, task)

    assert tags(row) == ["Overdue", "Not delivered"]
    now = clock.now(session)
    assert folders.counts(session, cast.ana, now=now).of(Slug.OVERDUE) == 1
    assert verify.verify(session).is_clean


def test_an_answer_of_which_nobody_knows_whether_it_left_is_no_answer(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, sent_at=ago(session, hours=5), number=PAT_NUMBER)
    message = a_reply(session, by=cast.ana, task=task)
    unclear = update(OutboundText).where(OutboundText.message_id == message.id)
    session.execute(unclear.values(state=OutboundState.NEEDS_PERSON))
    session.commit()

    assert tags(row_of(session, cast.ana, task)) == ["Overdue", "Not delivered"]
    assert "I10" not in verify.verify(session).broken


def test_pictures_are_counted(session: Session, cast: Cast) -> None:
    media = [{"url": "https://media.example/1", "content_type": "image/jpeg"}]
    task = a_task(session, cast=cast, number=PAT_NUMBER)

    an_inbound(session, cast=cast, body="", media=media)
    one = row_of(session, cast.ana, task)
    an_inbound(session, cast=cast, body="More", media=media * 2)

    assert (one.prefix, one.snippet, "1 photo" in tags(one)) == ("Photo", "", True)
    assert "2 photos" in tags(row_of(session, cast.ana, task))


def test_a_closed_task_says_by_whom_and_when(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben], number=PAT_NUMBER)

    row = row_of(session, cast.ana, task)

    assert row.closed_by is not None
    assert (row.state, row.closed_by.name, row.closed_at) == ("completed", "Ana Alvarez", task.closed_at)
    assert (row.assignees, tags(row)) == ((), [])


def test_a_star_belongs_to_the_newest_text_of_a_row(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    stars.star(session, session.get_one(Message, task.last_message_id), by=cast.ana, now=clock.now(session))
    session.commit()
    assert row_of(session, cast.ana, task).is_starred

    an_inbound(session, cast=cast)

    assert not row_of(session, cast.ana, task).is_starred


def test_rows_of_sent_and_failed_texts(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    message = a_reply(session, by=cast.ana, task=task)
    session.execute(update(OutboundText).where(OutboundText.message_id == message.id).values(is_failed=True))
    session.expire_all()
    now = clock.now(session)

    sent, failed = (
        rows.rows_of(session, cast.ana, folders.listing(session, cast.ana, slug, now=now), now=now)[0]
        for slug in (Slug.SENT, Slug.FAILED)
    )

    assert (sent.message_id, sent.prefix, sent.name) == (message.id, "You:", "Pat Porter")
    assert tags(failed) == ["Not delivered"]


def test_rows_come_in_the_order_that_was_asked_for(session: Session, cast: Cast) -> None:
    ids = [a_task(session, cast=cast).id for _ in range(4)]
    order = [ids[2], ids[0], ids[3], ids[1]]

    shown = rows.task_rows(session, cast.ana, order, now=clock.now(session))

    assert [row.task_id for row in shown] == order
