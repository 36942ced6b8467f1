"""The named lists: what stands in each, in which order, page by page, and as many as their counts say."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import (
    a_member,
    a_number,
    a_patient,
    a_place_in_care_team,
    a_program,
    a_reply,
    a_task,
    a_text_from,
    ago,
    an_inbound,
    received,
)
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain import verify
from triage.domain.conversations import delivery, reading
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.inbox import folders, rows, scope, stars, transitions
from triage.domain.inbox.filters import Filters, Sort
from triage.domain.inbox.folders import COUNTED, Listing, Slug
from triage.domain.inbox.task import State, Task
from triage.domain.intake import process
from triage.domain.patients import following
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.member import Member
from triage.kit import clock
from triage.kit.errors import Invalid


def ids_in(session: Session, member: Member, slug: Slug, filters: Filters = Filters()) -> list[UUID]:
    return folders.listing(session, member, slug, now=clock.now(session), filters=filters).ids


def count_of(session: Session, member: Member, slug: Slug) -> int:
    return folders.counts(session, member, now=clock.now(session)).of(slug)


def many_tasks(session: Session, cast: Cast, count: int) -> list[UUID]:
    """As if some texts had come at the same moment, so that the order needs its tie-breaker."""
    for number in range(count):
        sent_at = ago(session, minutes=count - number // 3)
        received(session, a_text_from(a_number()), practice_id=cast.practice_id, sent_at=sent_at)
    process.run_due()
    session.expire_all()
    return list(session.scalars(select(Task.id)))


def number_of_a_patient_of_ana(session: Session, cast: Cast) -> str:
    number = a_number()
    a_place_in_care_team(session, patient=a_patient(session, cast=cast, number=number), member=cast.ana)
    return number


def all_pages(session: Session, member: Member, slug: Slug, sort: Sort | None, size: int) -> list[Listing]:
    pages, after = [], None
    while True:
        page = folders.listing(
            session, member, slug, now=clock.now(session), filters=Filters(sort=sort), after=after, size=size
        )
        pages.append(page)
        after = page.next_cursor
        if after is None:
            return pages


@pytest.mark.parametrize(
    ("state", "slugs"),
    [
        (State.PENDING, {Slug.UNASSIGNED, Slug.ALL}),
        (State.ASSIGNED, {Slug.MINE, Slug.ALL, Slug.MINE_ALL}),
        (State.COMPLETED, {Slug.COMPLETED}),
        (State.DELETED, {Slug.DELETED}),
    ],
)
def test_a_task_stands_in_the_folders_of_its_state(
    state: State, slugs: set[Slug], session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast, state=state)

    found = {slug for slug in Slug if ids_in(session, cast.ana, slug) == [task.id]}

    assert found == slugs
    for slug in Slug:
        if slug not in folders.OF_MESSAGES:
            held = folders.holds(session, cast.ana, slug, task.id, now=clock.now(session))
            assert held == (slug in slugs)


def test_my_patients_are_those_i_care_for_and_those_i_follow(session: Session, cast: Cast) -> None:
    cared_for = a_task(session, cast=cast, number=PAT_NUMBER)
    robin = a_patient(session, cast=cast, number=(robins := a_number()))
    followed = a_task(session, cast=cast, number=robins)
    a_task(session, cast=cast, number=a_number())
    a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
    following.answer(session, robin, yes=True, by=cast.ana, now=clock.now(session))
    following.answer(session, robin, yes=False, by=cast.admin, now=clock.now(session))
    session.commit()

    assert set(ids_in(session, cast.ana, Slug.MY_PATIENTS)) == {cared_for.id, followed.id}
    assert count_of(session, cast.ana, Slug.MY_PATIENTS) == 2
    assert ids_in(session, cast.admin, Slug.MY_PATIENTS) == []
    assert "I10" not in verify.verify(session).broken

    transitions.complete(session, cared_for, by=cast.ana)
    assert ids_in(session, cast.ana, Slug.MY_PATIENTS) == [followed.id]


def test_a_program_closes_my_patients_to_me(session: Session, cast: Cast) -> None:
    program = a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    eve = a_member(session, cast=cast, role=cast.roles["Care team"], kept_out_of=[program])
    a_place_in_care_team(session, patient=cast.pat, member=eve)
    a_task(session, cast=cast, number=PAT_NUMBER)

    assert ids_in(session, eve, Slug.MY_PATIENTS) == []
    assert count_of(session, eve, Slug.MY_PATIENTS) == 0


def test_a_task_that_was_mine_stays_in_for_me_all(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ana])

    assert ids_in(session, cast.ana, Slug.MINE_ALL) == [task.id]
    assert ids_in(session, cast.ana, Slug.MINE) == []


def test_a_task_that_waits_too_long_is_overdue_until_it_is_answered(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, sent_at=ago(session, minutes=121))
    a_task(session, cast=cast, sent_at=ago(session, minutes=119))

    assert ids_in(session, cast.ana, Slug.OVERDUE) == [task.id]
    assert count_of(session, cast.ana, Slug.OVERDUE) == 1
    unassigned = folders.counts(session, cast.ana, now=clock.now(session)).folders[0]
    assert (unassigned.slug, unassigned.is_red) == ("unassigned", True)

    a_reply(session, by=cast.ana, task=task)

    assert ids_in(session, cast.ana, Slug.OVERDUE) == []
    assert not folders.counts(session, cast.ana, now=clock.now(session)).folders[0].is_red


def test_a_failed_text_waits_for_somebody_until_it_is_dismissed(session: Session, cast: Cast) -> None:
    message = a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    text = session.get_one(OutboundText, message.id)
    assert ids_in(session, cast.ana, Slug.FAILED) == []

    text.is_failed, text.state = True, OutboundState.FAILED
    session.flush()
    assert ids_in(session, cast.ana, Slug.FAILED) == [message.id]
    assert count_of(session, cast.ana, Slug.FAILED) == 1

    delivery.dismiss(session, text, by=cast.ana.id, now=clock.now(session))
    session.flush()
    assert ids_in(session, cast.ana, Slug.FAILED) == []


def test_a_text_that_needs_a_person_waits_for_one(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    message = a_reply(session, by=cast.ana, task=task)
    session.get_one(OutboundText, message.id).state = OutboundState.NEEDS_PERSON
    session.flush()

    (row,) = rows.task_rows(session, cast.ana, [task.id], now=clock.now(session))
    assert ids_in(session, cast.ana, Slug.FAILED) == [message.id]
    assert [tag.text for tag in row.tags] == ["Not delivered", "Unknown number"]


def test_sent_by_me_holds_what_i_sent(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast)
    mine = a_reply(session, by=cast.ana, task=task)
    a_reply(session, by=cast.admin, task=task)

    assert ids_in(session, cast.ana, Slug.SENT) == [mine.id]


def test_a_facility_filters_tasks_and_messages(session: Session, cast: Cast) -> None:
    a_reply(session, by=cast.ana, task=a_task(session, cast=cast))
    south = a_task(session, cast=cast, to=SOUTH_NUMBER)
    sent = a_reply(session, by=cast.ana, task=south)
    filters = Filters(facility_id=cast.south.id)

    assert ids_in(session, cast.ana, Slug.MINE, filters) == [south.id]
    assert ids_in(session, cast.ana, Slug.SENT, filters) == [sent.id]
    counted = folders.counts(session, cast.ana, now=clock.now(session), filters=filters)
    assert (counted.of(Slug.MINE), counted.of(Slug.ALL)) == (1, 1)


def test_only_what_nobody_has_read_can_be_asked_for(session: Session, cast: Cast) -> None:
    read, unread = a_task(session, cast=cast), a_task(session, cast=cast)
    conversation = scope.find_conversation(session, cast.ana, read.conversation_id)
    reading.mark_read(session, conversation, by=cast.ana, now=clock.now(session))
    session.flush()

    assert ids_in(session, cast.ana, Slug.UNASSIGNED, Filters(is_unread_only=True)) == [unread.id]

    reading.mark_unread(session, conversation, by=cast.ana, now=clock.now(session))
    session.flush()

    assert len(ids_in(session, cast.ana, Slug.UNASSIGNED, Filters(is_unread_only=True))) == 2


@pytest.mark.parametrize("sort", [None, Sort.OLDEST, Sort.NEWEST])
@pytest.mark.parametrize("size", [1, 2, 7, 20, 50])
def test_pages_have_no_gaps_and_no_repeats(
    size: int, sort: Sort | None, session: Session, cast: Cast
) -> None:
    everything = many_tasks(session, cast, 20)

    pages = all_pages(session, cast.ana, Slug.UNASSIGNED, sort, size)

    ids = [id_ for page in pages for id_ in page.ids]
    assert sorted(ids) == sorted(everything)
    assert {page.total for page in pages} == {20}
    assert len(pages) == -(-20 // size)
    waits = [session.get_one(Task, id_).waiting_since for id_ in ids]
    assert waits == sorted(waits, reverse=sort is Sort.NEWEST)


@pytest.mark.parametrize("slug", [slug for slug in Slug if slug is not Slug.OVERDUE])
def test_every_folder_can_be_paged(slug: Slug, session: Session, cast: Cast) -> None:
    for state in (State.PENDING, State.ASSIGNED, State.COMPLETED, State.DELETED):
        for _ in range(3):
            task = a_task(session, cast=cast, state=state, number=number_of_a_patient_of_ana(session, cast))
            if state is State.ASSIGNED:
                message = a_reply(session, by=cast.ana, task=task)
                session.get_one(OutboundText, message.id).is_failed = True
                stars.star(session, message, by=cast.ana, now=clock.now(session))
    session.commit()

    for sort in (None, Sort.OLDEST, Sort.NEWEST):
        pages = all_pages(session, cast.ana, slug, sort, 2)
        ids = [id_ for page in pages for id_ in page.ids]
        assert len(ids) == len(set(ids)) == pages[0].total >= 3
        if slug in COUNTED:
            assert count_of(session, cast.ana, slug) == len(ids)
    newest, oldest = (
        all_pages(session, cast.ana, slug, sort, 50)[0].ids for sort in (Sort.NEWEST, Sort.OLDEST)
    )
    assert newest == list(reversed(oldest))


def test_a_page_goes_on_where_it_ended_although_rows_came_and_went(session: Session, cast: Cast) -> None:
    many_tasks(session, cast, 6)
    now = clock.now(session)
    first = folders.listing(session, cast.ana, Slug.UNASSIGNED, now=now, size=3)
    rest = folders.listing(session, cast.ana, Slug.UNASSIGNED, now=now, after=first.next_cursor).ids
    gone = session.get_one(Task, first.ids[0])
    transitions.complete(session, gone, by=cast.ana)
    session.commit()
    late = a_task(session, cast=cast)

    second = folders.listing(session, cast.ana, Slug.UNASSIGNED, now=now, after=first.next_cursor)

    assert second.ids == [*rest, late.id]


def test_a_cursor_that_no_page_gave_out_is_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid):
        folders.listing(session, cast.ana, Slug.ALL, now=clock.now(session), after="nonsense")


def test_counting_stops_where_no_badge_needs_more(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    many_tasks(session, cast, 5)
    monkeypatch.setattr(folders, "MOST_COUNTED", 3)

    assert count_of(session, cast.ana, Slug.UNASSIGNED) == 3


def test_a_text_to_a_read_conversation_makes_it_unread(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, number=PAT_NUMBER)
    conversation = scope.find_conversation(session, cast.ana, task.conversation_id)
    reading.mark_read(session, conversation, by=cast.ana, now=clock.now(session))
    session.commit()
    assert ids_in(session, cast.ana, Slug.ALL, Filters(is_unread_only=True)) == []

    an_inbound(session, cast=cast)

    assert ids_in(session, cast.ana, Slug.ALL, Filters(is_unread_only=True)) == [task.id]


def test_an_answered_task_keeps_its_place_in_the_queue(session: Session, cast: Cast) -> None:
    first, second = a_task(session, cast=cast), a_task(session, cast=cast)
    session.execute(update(Task).where(Task.id == first.id).values(waiting_since=ago(session, minutes=9)))
    a_reply(session, by=cast.ana, task=first)

    assert ids_in(session, cast.ana, Slug.ALL) == [first.id, second.id]
    assert timedelta(minutes=8) < clock.now(session) - session.get_one(Task, first.id).waiting_since
