"""Moving a task: each move by somebody who may, somebody who may not, and somebody from elsewhere."""

import re
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain.inbox import scope, transitions
from triage.domain.inbox.task import State, Task
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages

MOVES = ["assignees", "assignees/none", "claim", "completion", "deletion", "reopening"]


def now(session: Session, task: Task) -> Task:
    session.expire_all()
    found = scope.task_for_system(session, task.id)
    assert found
    return found


def test_ana_completes_a_task(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post(f"/tasks/{task.id}/completion", version=task.version, back="/inbox/unassigned")

    assert (answer.status_code, answer.location) == (303, "/inbox/unassigned")
    assert now(session, task).state is State.COMPLETED
    assert "Completed" in ana.get("/inbox/unassigned").text


def test_htmx_gets_header_row_counts_and_a_toast_with_undo(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    at = f"/inbox/unassigned/c/{task.conversation_id}?task={task.id}"

    part = ana.post_part(f"/tasks/{task.id}/completion", at=at, version=task.version).text

    thread = f"#conversation[data-conversation=&#34;{task.conversation_id}&#34;] #thread"
    for target in (f"#task-{task.id}", f"#t-{task.id}", thread, "#counts", "#toasts"):
        assert f'hx-target="{target}"' in part
    assert "Completed by Ana Alvarez" in part
    assert re.search(r'action="/task-events/[0-9a-f-]+/undo"', part)


def test_a_notice_says_whose_it_is_on_the_page_and_not_in_a_cookie(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, number=PAT_NUMBER)

    part = ana.post_part(f"/tasks/{task.id}/claim").text
    ana.post(f"/tasks/{task.id}/completion", back="/preferences")

    assert "Assigned to you · <bdi>Pat Porter</bdi>" in part
    page = ana.get("/preferences").text
    assert "Completed</span>" in page
    assert "Pat Porter" not in page


def test_undo_gives_the_task_back(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    part = ana.post_part(f"/tasks/{task.id}/completion", version=task.version).text
    undo = re.search(r'action="(/task-events/[0-9a-f-]+/undo)"', part)
    assert undo

    ana.post_part(undo[1])

    assert now(session, task).state is State.PENDING


def test_nobody_undoes_the_move_of_another(
    ana: Browser, dan: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    part = ana.post_part(f"/tasks/{task.id}/completion").text
    undo = re.search(r'action="(/task-events/[0-9a-f-]+/undo)"', part)
    assert undo

    assert ben.post_part(undo[1]).status_code == 404
    assert dan.post_part(undo[1]).status_code == 404


def test_ana_assigns_a_task_to_two(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post_part(f"/tasks/{task.id}/assignees", member_ids=[str(cast.ben.id), str(cast.ana.id)])

    assert "Assigned to Ben Brook, you" in answer.text
    assert now(session, task).owner_id == cast.ben.id


def test_assigning_to_nobody_is_refused_in_words(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post_part(f"/tasks/{task.id}/assignees")

    assert answer.status_code == 422
    assert "Choose at least one member." in answer.text


def test_cleo_cannot_be_given_a_task(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post_part(f"/tasks/{task.id}/assignees", member_ids=str(cast.cleo.id))

    assert answer.status_code == 422


def test_ana_takes_a_task(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    ana.post_part(f"/tasks/{task.id}/claim")

    assert now(session, task).owner_id == cast.ana.id


def test_ana_puts_a_task_back_into_the_queue(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    ana.post_part(f"/tasks/{task.id}/assignees/none")

    assert now(session, task).state is State.PENDING


def test_ana_deletes_and_reopens(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    ana.post_part(f"/tasks/{task.id}/deletion")
    assert now(session, task).state is State.DELETED

    ana.post_part(f"/tasks/{task.id}/reopening")
    assert now(session, task).state is State.PENDING


def test_ben_completes_what_is_his(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    assert ben.post_part(f"/tasks/{task.id}/completion").status_code == 200
    assert now(session, task).state is State.COMPLETED


@pytest.mark.parametrize("move", ["assignees", "assignees/none", "claim", "deletion"])
def test_ben_may_not_do_more_with_it(ben: Browser, session: Session, cast: Cast, move: str) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    answer = ben.post_part(f"/tasks/{task.id}/{move}", member_ids=str(cast.ben.id))

    assert answer.status_code == 403
    assert 'class="toast is-danger"' in answer.text


@pytest.mark.parametrize("move", MOVES)
def test_a_task_outside_the_scope_is_not_there(
    ben: Browser, dan: Browser, session: Session, cast: Cast, move: str
) -> None:
    task = builders.a_task(session, cast=cast)

    for browser in (ben, dan):
        answer = browser.post_part(f"/tasks/{task.id}/{move}", member_ids=str(cast.ana.id))
        assert answer.status_code == 404


@pytest.mark.parametrize("move", MOVES)
def test_cleo_may_do_nothing(cleo: Browser, session: Session, cast: Cast, move: str) -> None:
    task = builders.a_task(session, cast=cast)

    assert cleo.post_part(f"/tasks/{task.id}/{move}").status_code == 403


@pytest.mark.parametrize("move", MOVES)
def test_a_stranger_is_told_to_sign_in(stranger: Browser, session: Session, cast: Cast, move: str) -> None:
    task = builders.a_task(session, cast=cast)

    answer = stranger.post_part(f"/tasks/{task.id}/{move}")

    assert answer.status_code == 401
    assert "Sign in" in answer.text


def test_the_same_form_sent_twice_completes_once(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    before = task.version
    form: dict[str, Any] = {"form_id": str(uuid4()), "version": before}

    first = ana.post_part(f"/tasks/{task.id}/completion", **form)
    again = ana.post_part(f"/tasks/{task.id}/completion", **form)

    assert (first.status_code, again.status_code) == (200, 200)
    assert "undo" not in again.text
    assert now(session, task).version == before + 1


def test_a_form_without_an_id_changes_nothing(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    assert ana.post_part(f"/tasks/{task.id}/completion", form_id="").status_code == 422
    assert now(session, task).state is State.PENDING


def test_who_was_slower_learns_who_was_faster(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    seen = task.version
    transitions.complete(session, task, by=cast.ben)
    session.commit()

    answer = ana.post_part(f"/tasks/{task.id}/completion", version=seen)

    assert answer.status_code == 409
    assert "Ben Brook completed this" in answer.text


def test_completing_what_the_patient_wrote_on_is_refused(ana: Browser, session: Session, cast: Cast) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number)
    seen = task.version
    builders.an_inbound(session, cast=cast, number=number, body="One more thing")

    answer = ana.post_part(f"/tasks/{task.id}/completion", version=seen)

    assert answer.status_code == 409
    assert "wrote again" in answer.text


def test_a_form_cannot_send_anybody_to_another_site(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    answer = ana.post(f"/tasks/{task.id}/completion", back="https://example.org/")

    assert answer.location == "/"


def test_ana_chooses_among_colleagues(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    page, part = ana.get(f"/tasks/{task.id}/assignees").text, ana.part(f"/tasks/{task.id}/assignees").text

    assert "<html" in page
    assert "<html" not in part
    assert "Ben Brook" in part
    assert "Cannot read messages" in part
    assert "Dan Drew" not in part


def test_who_cannot_see_the_task_is_not_offered_it(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    role = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    builders.a_member(session, cast=cast, role=role)
    session.execute(update(Member).where(Member.id == cast.ben.id).values(password_hash=None))
    session.commit()

    part = ana.part(f"/tasks/{task.id}/assignees").text

    assert part.count("Invited, not here yet") == 1
    assert "Cannot see this task" in part


def test_ben_does_not_choose_for_others(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    assert ben.part(f"/tasks/{task.id}/assignees").status_code == 403


def test_a_task_says_why_it_is_where_it_is(
    ana: Browser, ben: Browser, dan: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    assert "no rule found anybody" in ana.part(f"/tasks/{task.id}/why").text
    assert "<html" in ana.get(f"/tasks/{task.id}/why").text
    assert ben.part(f"/tasks/{task.id}/why").status_code == 404
    assert dan.part(f"/tasks/{task.id}/why").status_code == 404
