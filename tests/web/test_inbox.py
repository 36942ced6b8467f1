"""The inbox pages: who sees which folder, row and conversation, and what opening one does."""

import gzip
import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.conversations.conversation import Conversation
from triage.domain.inbox.task import State


def test_ana_starts_with_what_waits_for_nobody(ana: Browser) -> None:
    assert ana.get("/").location == "/inbox/unassigned"


def test_ben_starts_with_what_is_his(ben: Browser) -> None:
    assert ben.get("/").location == "/inbox/mine"


def test_cleo_who_sees_no_messages_starts_with_her_preferences(cleo: Browser) -> None:
    assert cleo.get("/").location == "/preferences"


def test_a_stranger_is_asked_to_sign_in(stranger: Browser) -> None:
    assert stranger.get("/inbox/unassigned").location.startswith("/sign-in")


def test_ana_sees_a_new_text_in_unassigned(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, body="Is the clinic open today?")

    page = ana.get("/inbox/unassigned").text

    assert f'id="t-{task.id}"' in page
    assert "Is the clinic open today?" in page
    assert "<title>(1) Unassigned · Elm Street Clinic</title>" in page


def test_no_name_and_no_number_stands_in_a_title(ana: Browser, session: Session, cast: Cast) -> None:
    row = builders.an_inbound(session, cast=cast)
    task = builders.task_of(session, row)
    assert task

    page = ana.get(f"/inbox/unassigned/c/{task.conversation_id}").text

    title = re.search(r"<title>(.*?)</title>", page)
    assert title
    assert "Pat" not in title[1]


@pytest.mark.parametrize("folder", ["unassigned", "mine", "all", "overdue", "mine-all", "starred"])
def test_ana_opens_every_folder_while_it_is_empty(ana: Browser, folder: str) -> None:
    answer = ana.get(f"/inbox/{folder}")

    assert answer.status_code == 200
    assert 'id="empty"' in answer.text


@pytest.mark.parametrize("folder", ["completed", "sent", "deleted", "failed"])
def test_ana_opens_the_library(ana: Browser, folder: str, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast, state=State.COMPLETED)
    task = builders.a_task(session, cast=cast, state=State.ASSIGNED)
    builders.a_reply(session, by=cast.ana, task=task)

    assert ana.get(f"/inbox/{folder}").status_code == 200


def test_ben_does_not_find_the_folders_of_others(ben: Browser) -> None:
    assert ben.get("/inbox/unassigned").status_code == 404


def test_cleo_may_not_open_a_folder(cleo: Browser) -> None:
    assert cleo.get("/inbox/mine").status_code == 403


def test_dan_sees_nothing_of_another_practice(dan: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    assert f"t-{task.id}" not in dan.get("/inbox/unassigned").text
    assert dan.get(f"/inbox/unassigned/c/{task.conversation_id}").status_code == 404
    assert dan.part(f"/inbox/unassigned/rows/{task.id}").status_code == 404


def test_ben_does_not_find_a_conversation_that_was_never_his(
    ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    assert ben.get(f"/inbox/mine/c/{task.conversation_id}").status_code == 404


def test_ben_opens_what_is_assigned_to_him(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben], body="For Ben to read")

    page = ben.get(f"/inbox/mine/c/{task.conversation_id}").text

    assert "For Ben to read" in page
    assert f"/tasks/{task.id}/completion" in page
    assert f"/tasks/{task.id}/deletion" not in page
    assert f"/tasks/{task.id}/assignees" not in page


def test_opening_a_conversation_marks_it_read_for_everybody(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    ana.get(f"/inbox/unassigned/c/{task.conversation_id}")

    session.expire_all()
    assert session.get_one(Conversation, task.conversation_id).unread_since is None


def test_a_page_that_fetches_by_itself_reads_nothing_for_anybody(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    ana.client.get(f"/inbox/unassigned/c/{task.conversation_id}", headers={"X-Background": "1"})

    session.expire_all()
    assert session.get_one(Conversation, task.conversation_id).unread_since is not None


def test_opening_a_conversation_is_audited(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)

    ana.get(f"/inbox/unassigned/c/{task.conversation_id}")

    deeds = session.scalars(
        select(audit.Audit).where(audit.Audit.action == audit.Action.READ_CONVERSATION)
    ).all()
    assert [(deed.member_id, deed.subject_id) for deed in deeds] == [(cast.ana.id, task.conversation_id)]


def test_htmx_gets_the_pane_the_panel_and_the_row(ana: Browser, session: Session, cast: Cast) -> None:
    row = builders.an_inbound(session, cast=cast)
    task = builders.task_of(session, row)
    assert task

    part = ana.part(f"/inbox/unassigned/c/{task.conversation_id}?task={task.id}", at="/inbox/unassigned").text

    assert part.lstrip().startswith('<section class="pane conversation" id="conversation"')
    assert f'hx-target="#t-{task.id}"' in part
    assert "Pat Porter" in part.partition("#panel-slot")[2]
    assert "<html" not in part


def test_a_row_that_left_its_folder_says_why(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, state=State.COMPLETED)

    part = ana.part(f"/inbox/unassigned/rows/{task.id}").text

    assert "data-gone" in part
    assert "Completed by Ana Alvarez" in part


def test_rows_that_changed_at_one_moment_come_together(ana: Browser, session: Session, cast: Cast) -> None:
    here = builders.a_task(session, cast=cast, body="Still here")
    gone = builders.a_task(session, cast=cast, state=State.COMPLETED)
    elsewhere = builders.a_task(session, cast=cast, body="Not asked for")

    part = ana.part(f"/inbox/unassigned/rows?only={here.id},{gone.id}").text

    assert part.count('class="row') - part.count('class="row-') == 2
    assert f'id="t-{here.id}"' in part
    assert "Completed by Ana Alvarez" in part
    assert str(elsewhere.id) not in part


def test_ben_gets_no_row_that_is_not_his_among_several(ben: Browser, session: Session, cast: Cast) -> None:
    his = builders.a_task(session, cast=cast, state=State.ASSIGNED, assignees=[cast.ben])
    of_ana = builders.a_task(session, cast=cast, state=State.ASSIGNED, assignees=[cast.ana])

    part = ben.part(f"/inbox/mine/rows?only={his.id},{of_ana.id}").text

    assert f'id="t-{his.id}"' in part
    assert str(of_ana.id) not in part


def test_a_mistyped_row_among_several_is_not_found(ana: Browser) -> None:
    assert ana.part("/inbox/unassigned/rows?only=nothing").status_code == 404


def test_a_task_of_another_conversation_is_not_found_in_this_one(
    ana: Browser, session: Session, cast: Cast
) -> None:
    one, other = builders.a_task(session, cast=cast), builders.a_task(session, cast=cast)

    assert ana.get(f"/inbox/unassigned/c/{one.conversation_id}?task={other.id}").status_code == 404


def test_older_rows_come_with_a_cursor(ana: Browser, session: Session, cast: Cast) -> None:
    for _ in range(52):
        builders.a_task(session, cast=cast)

    first = ana.get("/inbox/unassigned").text
    older = re.search(r'hx-get="(/inbox/unassigned/rows\?after=[^"]+)"', first)
    assert older
    second = ana.part(older[1].replace("&amp;", "&")).text

    assert first.count('class="row ') == 50
    assert second.count('class="row ') == 2
    assert 'id="older"' not in second


def test_a_mistyped_cursor_is_refused_in_words(ana: Browser) -> None:
    answer = ana.get("/inbox/unassigned?after=nonsense")

    assert answer.status_code == 422
    assert "Start again from the top of the list" in answer.text


def test_a_mistyped_location_is_not_found(ana: Browser) -> None:
    assert ana.get("/inbox/unassigned?loc=nowhere").status_code == 404


def test_ana_looks_at_one_location_only(ana: Browser, session: Session, cast: Cast) -> None:
    north = builders.a_task(session, cast=cast)
    south = builders.a_task(session, cast=cast, to=cast.south_number.number)

    page = ana.get(f"/inbox/unassigned?loc={cast.north.id}").text

    assert f"t-{north.id}" in page
    assert f"t-{south.id}" not in page


def test_the_counts_follow_what_waits(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast)
    builders.a_task(session, cast=cast, assignees=[cast.ana])

    assert 'data-total="2"' in ana.part("/inbox/counts").text


def test_the_number_above_the_list_comes_with_the_counts(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast)
    builders.a_task(session, cast=cast, to=cast.south_number.number)

    part = ana.part(f"/inbox/counts?loc={cast.north.id}&active=unassigned").text

    assert '<span class="queue-shown" id="shown" data-total="1">1</span>' in part
    assert 'id="counts" data-total="1"' in part


def test_an_empty_text_is_named_so_in_the_row_and_in_the_thread(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, body="")

    page = ana.get(f"/inbox/unassigned/c/{task.conversation_id}").text

    assert '<bdi class="row-prefix">(no text)</bdi>' in page
    assert "Empty text" in page


def test_the_box_to_find_a_patient_is_for_those_who_may(ana: Browser, ben: Browser) -> None:
    assert 'data-palette="/palette"' in ana.get("/inbox/unassigned").text
    assert 'data-palette=""' in ben.get("/inbox/mine").text


def test_ben_counts_only_what_is_his(ben: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast)
    builders.a_task(session, cast=cast, assignees=[cast.ben])

    part = ben.part("/inbox/counts").text

    assert 'data-total="1"' in part
    assert "Unassigned" not in part


def test_a_page_comes_compressed_to_a_browser_that_takes_it(ana: Browser) -> None:
    plain = ana.get("/inbox/unassigned")
    packed = ana.client.get("/inbox/unassigned", headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) < len(plain.data) / 3
    assert b"Unassigned" in gzip.decompress(packed.data)
