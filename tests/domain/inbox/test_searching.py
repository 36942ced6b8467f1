"""Searching a view: which rows have the words, of what the member may read, and how long a search lasts."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import a_member, a_number, a_patient, a_reply, a_role, a_task, ago, an_inbound
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.conversations.message import Message
from triage.domain.inbox import folders, rows, searching
from triage.domain.inbox.filters import Filters
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.searching import Sought
from triage.domain.inbox.task import State
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.kit import clock
from triage.kit.errors import Invalid, NotPossible


def found(session: Session, member: Member, words: str, slug: Slug = Slug.ALL) -> list[UUID]:
    filters = Filters(sought=Sought(words, None))
    return folders.listing(session, member, slug, now=clock.now(session), filters=filters).ids


@pytest.mark.parametrize("words", ["refill", "REFIL", "my refill", "inhal refil", "“refill”, my"])
def test_a_text_is_found_by_the_beginnings_of_its_words(session: Session, cast: Cast, words: str) -> None:
    task = a_task(session, cast=cast, body="May I have a refill of my inhaler?")
    a_task(session, cast=cast, body="Nothing of that kind")

    assert found(session, cast.ana, words) == [task.id]


@pytest.mark.parametrize("words", ["efill", "refill today", "!!", "'", "& | :*", "refill' | 'x"])
def test_what_is_not_in_a_text_is_not_found(session: Session, cast: Cast, words: str) -> None:
    a_task(session, cast=cast, body="May I have a refill of my inhaler?")

    assert found(session, cast.ana, words) == []


@pytest.mark.parametrize("words", ["manana", "Mañana", "cita mañ"])
def test_accents_do_not_matter(session: Session, cast: Cast, words: str) -> None:
    task = a_task(session, cast=cast, body="¿Mi cita es mañana?")

    assert found(session, cast.ana, words) == [task.id]


@pytest.mark.parametrize("words", ["porter", "Pat Porter", "0150", "(202) 555-0150", "+12025550150"])
def test_a_row_is_found_by_its_name_and_its_number(session: Session, cast: Cast, words: str) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    a_task(session, cast=cast)

    assert found(session, cast.ana, words) == [task.id]


def test_a_reply_belongs_to_the_task_that_was_open_when_it_was_sent(session: Session, cast: Cast) -> None:
    number = a_number()
    before = a_task(session, cast=cast, number=number, state=State.COMPLETED)
    task = a_task(session, cast=cast, number=number)
    a_reply(session, by=cast.ana, task=task, body="The pharmacy has it.")

    assert found(session, cast.ana, "pharmacy") == [task.id]
    assert found(session, cast.ana, "pharmacy", Slug.COMPLETED) == []
    assert found(session, cast.ana, "nine", Slug.COMPLETED) == [before.id]


def test_messages_are_found_among_messages(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    sent = a_reply(session, by=cast.ana, task=task, body="The pharmacy has it.")
    other = a_reply(session, by=cast.ana, task=task)

    assert found(session, cast.ana, "pharmacy", Slug.SENT) == [sent.id]
    assert set(found(session, cast.ana, "porter", Slug.SENT)) == {sent.id, other.id}


def test_ben_finds_what_is_his_and_nothing_else(session: Session, cast: Cast) -> None:
    his = a_task(session, cast=cast, body="A refill for Ben", assignees=[cast.ben])
    a_task(session, cast=cast, body="A refill for nobody")

    assert found(session, cast.ben, "refill", Slug.MINE) == [his.id]


def test_ben_does_not_find_what_was_written_after_his_past_task(session: Session, cast: Cast) -> None:
    number = a_number()
    past = a_task(session, cast=cast, number=number, assignees=[cast.ben], state=State.COMPLETED)
    an_inbound(session, cast=cast, number=number, body="Something about a rash")

    assert found(session, cast.ben, "rash", Slug.MINE_ALL) == []
    assert found(session, cast.ben, "nine", Slug.MINE_ALL) == [past.id]


def test_a_wall_stands_in_a_search_too(session: Session, cast: Cast) -> None:
    wall = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = a_member(session, cast=cast, role=wall, facilities=[cast.north])
    a_task(session, cast=cast, body="A refill", to=SOUTH_NUMBER)

    assert found(session, wes, "refill") == []
    assert len(found(session, cast.ana, "refill")) == 1


def test_nobody_behind_a_wall_is_found_by_name_through_a_shared_number(session: Session, cast: Cast) -> None:
    wall = a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = a_member(session, cast=cast, role=wall, facilities=[cast.north])
    number = a_number()
    a_patient(session, cast=cast, last_name="Northwood", number=number, facility=cast.north)
    a_patient(session, cast=cast, last_name="Southgate", number=number, facility=cast.south)
    task = a_task(session, cast=cast, number=number)

    assert found(session, wes, "northwood") == [task.id]
    assert found(session, wes, "southgate") == []
    assert found(session, cast.ana, "southgate") == [task.id]


def test_dan_finds_nothing_of_another_practice(session: Session, cast: Cast) -> None:
    a_task(session, cast=cast, body="A refill", number=PAT_NUMBER)

    assert found(session, cast.dan, "refill") == []
    assert found(session, cast.dan, "porter") == []


def test_a_search_looks_back_as_far_as_it_is_told(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, body="An old refill")
    session.execute(update(Message).values(at=ago(session, days=100)))
    recent = Filters(sought=Sought("refill", ago(session, days=90)))

    page = folders.listing(session, cast.ana, Slug.ALL, now=clock.now(session), filters=recent)

    assert page.ids == []
    assert found(session, cast.ana, "refill") == [task.id]


def test_counts_and_pages_agree_with_the_rows(session: Session, cast: Cast) -> None:
    for _ in range(3):
        a_task(session, cast=cast, body="A refill")
    a_task(session, cast=cast)
    filters, now = Filters(sought=Sought("refill", None)), clock.now(session)

    first = folders.listing(session, cast.ana, Slug.ALL, now=now, filters=filters, size=2)
    rest = folders.listing(
        session, cast.ana, Slug.ALL, now=now, filters=filters, size=2, after=first.next_cursor
    )

    assert (first.total, len(first.ids), len(rest.ids), rest.next_cursor) == (3, 2, 1, None)
    assert not set(first.ids) & set(rest.ids)


def test_a_row_shows_the_text_that_was_found(session: Session, cast: Cast) -> None:
    number = a_number()
    a_task(session, cast=cast, number=number, body="word " * 40 + "a refill of " + "pills " * 40)
    an_inbound(session, cast=cast, number=number, body="And something else")
    sought, now = Sought("refill", None), clock.now(session)
    page = folders.listing(session, cast.ana, Slug.ALL, now=now, filters=Filters(sought=sought))

    (row,) = rows.rows_of(session, cast.ana, page, now=now, sought=sought)

    assert row.snippet.startswith("…word")
    assert "a refill of" in row.snippet


def test_words_are_kept_for_their_member_alone_and_for_a_day(session: Session, cast: Cast) -> None:
    now = clock.now(session)
    search = searching.begin(session, cast.ana, "  a   refill ", now=now)

    assert searching.words_of(session, cast.ana, search.id) == "a refill"
    assert searching.words_of(session, cast.ben, search.id) is None
    assert searching.words_of(session, cast.dan, search.id) is None

    searching.trim(session, now=now + timedelta(hours=25))
    assert searching.words_of(session, cast.ana, search.id) is None


@pytest.mark.parametrize("words", ["", " a ", "\x00x"])
def test_one_letter_is_too_little_to_look_for(session: Session, cast: Cast, words: str) -> None:
    with pytest.raises(Invalid):
        searching.begin(session, cast.ana, words, now=clock.now(session))


def test_searches_are_counted(session: Session, cast: Cast) -> None:
    now = clock.now(session)
    for _ in range(searching.SEARCHES.tries):
        searching.begin(session, cast.ana, "refill", now=now)

    with pytest.raises(NotPossible, match="Wait 5 min"):
        searching.begin(session, cast.ana, "refill", now=now)
    searching.begin(session, cast.ben, "refill", now=now)


def test_texts_are_looked_up_in_their_index(session: Session, cast: Cast) -> None:
    connection = session.connection()
    connection.exec_driver_sql("set local enable_seqscan = off")
    query = select(Message.id).where(*searching.holds_words(Sought("refill", None)))
    statement = query.compile(connection, compile_kwargs={"literal_binds": True})

    plan = "\n".join(connection.exec_driver_sql(f"explain {statement}").scalars())

    assert "ix_message_words" in plan
