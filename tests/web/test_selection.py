"""Several rows at once: one request, one way back, and what was left, by name."""

import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox import scope, stars, transitions
from triage.domain.inbox.task import State, Task

VERBS = ["assignees", "claim", "completion", "deletion", "reopening", "star", "unstar", "unread", "read"]
AT = "/inbox/all"


def now(session: Session, task: Task) -> Task:
    session.expire_all()
    found = scope.task_for_system(session, task.id)
    assert found
    return found


def chosen(*tasks: Task) -> list[str]:
    return [f"{task.id}:{task.version}" for task in tasks]


def three(session: Session, cast: Cast) -> list[Task]:
    return [builders.a_task(session, cast=cast) for _ in range(3)]


def undo_of(part: str) -> str:
    found = re.search(r'action="(/task-events/[0-9a-f-]+/undo)"', part)
    assert found
    return found[1]


def test_ana_completes_three_at_once_and_takes_it_back(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)

    part = ana.post_part("/selection/completion", at="/inbox/unassigned", tasks=chosen(*tasks)).text

    assert "3 completed" in part
    assert part.count("Completed by Ana Alvarez") == 3
    assert [now(session, task).state for task in tasks] == [State.COMPLETED] * 3

    again = ana.post_part(undo_of(part), at="/inbox/unassigned").text

    assert "3 undone" in again
    assert [now(session, task).state for task in tasks] == [State.PENDING] * 3


SEEN = "2026-11-25T10:00:00+00:00 5:5:"


def test_all_of_a_view_is_completed_as_it_was_seen(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    elsewhere = builders.a_task(session, cast=cast, to=SOUTH_NUMBER)
    at = f"/inbox/unassigned?loc={cast.north.id}"
    chosen_view = ana.part("/selection/view/unassigned", at=at).text
    seen = re.search(r'data-seen="([^"]+)"', chosen_view)
    assert "All 3 selected" in chosen_view
    assert seen

    of = re.search(r'data-of="([^"]+)"', chosen_view)
    assert of
    form = {"view": "unassigned", "seen": seen[1], "of": of[1]}

    elsewhere_now = ana.post_part("/selection/completion", at="/inbox/unassigned", **form)
    part = ana.post_part("/selection/completion", at=at, **form).text

    assert elsewhere_now.status_code == 409
    assert "This view has changed" in elsewhere_now.text
    assert "3 completed" in part
    assert 'hx-target="#list"' in part
    assert [now(session, task).state for task in tasks] == [State.COMPLETED] * 3
    assert now(session, elsewhere).state is State.PENDING


@pytest.mark.parametrize(
    ("at", "view", "seen", "status"),
    [
        ("/inbox/all", "unassigned", SEEN, 409),
        ("/inbox/all?search=0190f000-0000-7000-8000-000000000000", "all", SEEN, 409),
        ("/inbox/all", "nonsense", SEEN, 404),
        ("/inbox/all", "all", "yesterday", 422),
        ("/inbox/all", "all", "2026-11-25T10:00:00", 422),
    ],
)
def test_a_view_that_is_not_the_page_s_is_not_touched(
    ana: Browser, session: Session, cast: Cast, at: str, view: str, seen: str, status: int
) -> None:
    task = builders.a_task(session, cast=cast)

    assert ana.post_part("/selection/deletion", at=at, view=view, seen=seen).status_code == status
    assert now(session, task).state is State.PENDING


def test_what_was_left_is_named_and_the_rest_is_done(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    pats = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    seen = chosen(task, pats)
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="One more thing")

    part = ana.post_part("/selection/completion", at="/inbox/unassigned", tasks=seen).text

    assert "Completed. Left as it was: Pat Porter. The patient wrote again. Read the new text first." in part
    assert now(session, task).state is State.COMPLETED
    assert now(session, pats).state is State.PENDING


def test_undo_takes_back_what_it_still_can(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    undo = undo_of(ana.post_part("/selection/completion", tasks=chosen(*tasks)).text)
    transitions.reopen(session, now(session, tasks[0]), by=cast.admin)
    session.commit()

    part = ana.post_part(undo, at="/inbox/unassigned").text

    assert "2 undone. Left as it was" in part
    assert [now(session, task).state for task in tasks] == [State.PENDING] * 3


def test_undo_of_one_leaves_what_was_done_at_another_moment(
    ana: Browser, session: Session, cast: Cast
) -> None:
    first, second = builders.a_task(session, cast=cast), builders.a_task(session, cast=cast)
    ana.post_part("/selection/completion", tasks=chosen(first))
    undo = undo_of(ana.post_part("/selection/completion", tasks=chosen(second)).text)

    ana.post_part(undo)

    assert now(session, first).state is State.COMPLETED
    assert now(session, second).state is State.PENDING


def test_ana_assigns_several_to_two(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)

    part = ana.post_part(
        "/selection/assignees", tasks=chosen(*tasks), member_ids=[str(cast.ben.id), str(cast.ana.id)]
    ).text

    assert "3 assigned" in part
    assert {now(session, task).owner_id for task in tasks} == {cast.ben.id}


def test_several_cannot_be_given_to_somebody_who_reads_nothing(
    ana: Browser, session: Session, cast: Cast
) -> None:
    tasks = three(session, cast)

    part = ana.post_part("/selection/assignees", tasks=chosen(*tasks), member_ids=str(cast.cleo.id)).text

    assert "Cleo" in part
    assert "is-danger" in part
    assert [now(session, task).state for task in tasks] == [State.PENDING] * 3


def test_ana_stars_several_and_takes_the_stars_back(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    messages = {task.last_message_id for task in tasks}

    part = ana.post_part("/selection/star", at=AT, tasks=chosen(*tasks)).text
    assert stars.starred_of(session, cast.ana, messages) == messages

    assert 'action="/selection/unstar"' in part
    ana.post_part("/selection/unstar", at=AT, tasks=[str(task.id) for task in tasks])
    assert stars.starred_of(session, cast.ana, messages) == set()


def test_ana_marks_several_unread_and_read_again(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    ana.post_part("/selection/read", tasks=chosen(*tasks))
    session.expire_all()
    assert not any(session.get_one(Conversation, task.conversation_id).unread_since for task in tasks)

    part = ana.post_part("/selection/unread", at=AT, tasks=chosen(*tasks)).text

    session.expire_all()
    assert all(session.get_one(Conversation, task.conversation_id).unread_since for task in tasks)
    assert 'action="/selection/read"' in part


def test_without_scripts_a_form_of_boxes_does_the_same(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    page = ana.get("/inbox/unassigned").text
    assert page.count('form="selection"') == 3

    answer = ana.post("/selection/claim", tasks=chosen(*tasks), back="/inbox/unassigned")

    assert (answer.status_code, answer.location) == (303, "/inbox/unassigned")
    assert "3 assigned to you" in ana.get("/inbox/unassigned").text
    assert {now(session, task).owner_id for task in tasks} == {cast.ana.id}


def test_a_notice_that_a_cookie_carries_names_nobody(ana: Browser, session: Session, cast: Cast) -> None:
    pats = builders.a_task(session, cast=cast, number=PAT_NUMBER)
    seen = chosen(pats)
    builders.an_inbound(session, cast=cast, number=PAT_NUMBER, body="One more thing")

    ana.post("/selection/completion", tasks=seen, back="/inbox/starred")
    page = ana.get("/inbox/starred").text

    assert "Left as it was: 1 of them." in page
    assert "Pat Porter" not in page


def test_whom_to_give_several_is_a_page_and_a_piece(ana: Browser, session: Session, cast: Cast) -> None:
    tasks = three(session, cast)
    query = "&".join(f"tasks={one}" for one in chosen(*tasks))

    page, part = ana.get(f"/selection/assignees?{query}").text, ana.part(f"/selection/assignees?{query}").text

    assert "3 conversations." in page
    assert page.count('type="hidden" name="tasks"') == part.count('type="hidden" name="tasks"') == 3
    assert "<html" not in part


@pytest.mark.parametrize("verb", VERBS)
def test_several_of_what_is_not_there_is_not_found(
    ana: Browser, dan: Browser, session: Session, cast: Cast, verb: str
) -> None:
    task = builders.a_task(session, cast=cast)

    answer = dan.post_part(f"/selection/{verb}", tasks=chosen(task), member_ids=str(cast.dan.id))

    assert answer.status_code == 404
    assert now(session, task).state is State.PENDING


@pytest.mark.parametrize("verb", VERBS)
def test_ben_does_nothing_in_bulk(ben: Browser, session: Session, cast: Cast, verb: str) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    assert ben.post_part(f"/selection/{verb}", tasks=chosen(task)).status_code == 403


@pytest.mark.parametrize("given", [{}, {"tasks": "nonsense"}, {"tasks": ["x" * 36]}])
def test_a_choice_that_no_page_offers_is_refused(ana: Browser, given: dict[str, Any]) -> None:
    assert ana.post_part("/selection/completion", **given).status_code == 422


def test_too_many_at_once_are_refused(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    many = [*chosen(task), *(f"00000000-0000-0000-0000-{number:012}" for number in range(1000))]

    answer = ana.post_part("/selection/completion", tasks=many)

    assert answer.status_code == 422
    assert "at most 1,000" in answer.text


def test_the_same_choice_sent_twice_is_done_once(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    form: dict[str, Any] = {"tasks": chosen(task), "form_id": "0190d3a0-0000-7000-8000-000000000001"}

    ana.post_part("/selection/completion", **form)
    again = ana.post_part("/selection/completion", **form)

    assert again.status_code == 200
    assert "undo" not in again.text


def test_m_takes_and_gives_back(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben, cast.ana])

    ana.post_part(f"/tasks/{task.id}/release", version=task.version)
    assert now(session, task).owner_id == cast.ben.id

    ana.post_part(f"/tasks/{task.id}/claim")
    assert now(session, task).owner_id == cast.ana.id

    part = ana.post_part(f"/tasks/{task.id}/release", at="/inbox/mine").text
    assert now(session, task).state is State.PENDING
    assert "Back in the shared queue" in part


def test_nobody_lets_go_of_what_is_not_theirs(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    answer = ana.post_part(f"/tasks/{task.id}/release")

    assert answer.status_code == 409
    assert "This task is not yours." in answer.text
