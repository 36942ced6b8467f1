"""What narrows a folder: each filter alone, together, and in folders of tasks and of messages."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from tests.builders import a_number, a_patient, a_reply, a_task, ago, an_inbound, task_of
from tests.cast import SOUTH_NUMBER, Cast
from triage.domain.inbox import folders, transitions
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.searching import Sought
from triage.domain.inbox.task import State
from triage.domain.practice.member import Member
from triage.kit import clock

PHOTO = [{"url": "https://carrier.example/photo", "content_type": "image/jpeg"}]


def ids_in(session: Session, member: Member, slug: Slug, **given: object) -> list[UUID]:
    filters = Filters(**given)  # type: ignore[arg-type]  # each test names its own
    return folders.listing(session, member, slug, now=clock.now(session), filters=filters).ids


def test_tasks_of_one_assignee(session: Session, cast: Cast) -> None:
    bens = a_task(session, cast=cast, assignees=[cast.ben, cast.ana])
    anas = a_task(session, cast=cast, assignees=[cast.ana])
    a_task(session, cast=cast)

    assert ids_in(session, cast.ana, Slug.ALL, assignee_id=cast.ben.id) == [bens.id]
    assert set(ids_in(session, cast.ana, Slug.ALL, assignee_id=cast.ana.id)) == {bens.id, anas.id}


def test_a_task_that_was_given_on_is_no_longer_of_the_one_who_had_it(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    transitions.assign(session, task, [cast.ana.id], by=cast.ana)

    assert ids_in(session, cast.ana, Slug.ALL, assignee_id=cast.ben.id) == []


def test_a_closed_task_is_of_those_who_had_it_when_it_was_closed(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    transitions.assign(session, task, [cast.ana.id], by=cast.ana)
    session.commit()
    transitions.complete(session, task, by=cast.ana)
    session.commit()

    assert ids_in(session, cast.ana, Slug.COMPLETED, assignee_id=cast.ana.id) == [task.id]
    assert ids_in(session, cast.ana, Slug.COMPLETED, assignee_id=cast.ben.id) == []


def test_an_assignee_narrows_nothing_where_the_folder_says_who_has_it(session: Session, cast: Cast) -> None:
    waiting = a_task(session, cast=cast)
    mine = a_task(session, cast=cast, assignees=[cast.ana])

    assert ids_in(session, cast.ana, Slug.UNASSIGNED, assignee_id=cast.ben.id) == [waiting.id]
    assert ids_in(session, cast.ana, Slug.MINE, assignee_id=cast.ben.id) == [mine.id]


def test_messages_of_conversations_that_somebody_works_on(session: Session, cast: Cast) -> None:
    sent = a_reply(session, by=cast.ana, task=a_task(session, cast=cast, assignees=[cast.ben]))
    a_reply(session, by=cast.ana, task=a_task(session, cast=cast, assignees=[cast.ana]))

    assert ids_in(session, cast.ana, Slug.SENT, assignee_id=cast.ben.id) == [sent.id]


def test_texts_to_one_number_of_the_practice(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast)
    south = a_task(session, cast=cast, to=SOUTH_NUMBER)
    sent = a_reply(session, by=cast.ana, task=south)
    number_id = cast.south_number.id

    assert ids_in(session, cast.ana, Slug.ALL, practice_number_id=number_id) == [south.id]
    assert ids_in(session, cast.ana, Slug.SENT, practice_number_id=number_id) == [sent.id]


def test_texts_with_a_photo(session: Session, cast: Cast) -> None:
    row = an_inbound(session, cast=cast, number=a_number(), media=PHOTO)
    task = task_of(session, row)
    assert task
    a_task(session, cast=cast)

    assert ids_in(session, cast.ana, Slug.ALL, has_media=True) == [task.id]


def test_texts_of_people_who_speak_a_language(session: Session, cast: Cast) -> None:
    number, other = a_number(), a_number()
    a_patient(session, cast=cast, number=number).language = "es"
    a_patient(session, cast=cast, number=other)
    session.commit()
    task = a_task(session, cast=cast, number=number)
    a_task(session, cast=cast, number=other)

    assert ids_in(session, cast.ana, Slug.ALL, language="es") == [task.id]
    assert len(ids_in(session, cast.ana, Slug.ALL, language="en")) == 1


def test_texts_of_some_days(session: Session, cast: Cast) -> None:
    old = a_task(session, cast=cast, sent_at=ago(session, days=3))
    new = a_task(session, cast=cast, sent_at=ago(session, hours=1))
    yesterday = clock.now(session) - timedelta(days=1)

    assert ids_in(session, cast.ana, Slug.ALL, since=yesterday) == [new.id]
    assert ids_in(session, cast.ana, Slug.ALL, until=yesterday) == [old.id]


def test_filters_narrow_together_and_for_one_row_too(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, body="A refill", to=SOUTH_NUMBER)
    other = a_task(session, cast=cast, body="A refill")
    filters = Filters(facility_id=cast.south.id, is_unread_only=True, sought=Sought("refill", None))
    now = clock.now(session)

    assert folders.listing(session, cast.ana, Slug.UNASSIGNED, now=now, filters=filters).ids == [task.id]
    assert folders.holds(session, cast.ana, Slug.UNASSIGNED, task.id, now=now, filters=filters)
    assert not folders.holds(session, cast.ana, Slug.UNASSIGNED, other.id, now=now, filters=filters)


def test_only_ben_s_own_pass_a_filter_of_ben(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast, assignees=[cast.ana])

    assert ids_in(session, cast.ben, Slug.MINE_ALL, assignee_id=cast.ana.id) == []


def test_a_practice_that_never_had_a_text_is_new(session: Session, cast: Cast) -> None:
    assert not folders.has_ever_had_one(session, cast.ana)

    a_task(session, cast=cast, state=State.COMPLETED)

    assert folders.has_ever_had_one(session, cast.ana)
    assert not folders.has_ever_had_one(session, cast.dan)
