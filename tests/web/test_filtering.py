"""Filters in the address: chips to take off, folders that keep them, numbers that agree, and searches without words."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, SOUTH_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain.inbox.searching import Search
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages


def test_a_location_stays_when_one_goes_to_another_folder(ana: Browser, session: Session, cast: Cast) -> None:
    page = ana.get(f"/inbox/unassigned?loc={cast.north.id}&sort=newest").text

    for folder in ("mine", "all", "completed", "sent"):
        assert f'href="/inbox/{folder}?loc={cast.north.id}&amp;sort=newest"' in page


def test_the_numbers_beside_the_folders_are_of_the_location(
    ana: Browser, session: Session, cast: Cast
) -> None:
    builders.a_task(session, cast=cast)
    builders.a_task(session, cast=cast, to=SOUTH_NUMBER)
    south = f"/inbox/unassigned?loc={cast.south.id}"
    task = builders.a_task(session, cast=cast, to=SOUTH_NUMBER)

    assert 'id="counts" data-total="3"' in ana.get("/inbox/unassigned").text
    assert 'id="counts" data-total="2"' in ana.get(south).text
    assert 'data-total="1"' in ana.post_part(f"/tasks/{task.id}/completion", at=south).text


def test_each_filter_has_a_chip_that_takes_it_off(ana: Browser, cast: Cast) -> None:
    asked = {
        "loc": str(cast.north.id),
        "who": str(cast.ben.id),
        "number": str(cast.north_number.id),
        "lang": "es",
        "media": "1",
        "unread": "1",
        "since": "2026-01-05",
        "until": "2026-01-06",
    }
    page = ana.client.get("/inbox/all", query_string=asked).text

    chips = re.findall(r'class="chip is-on" href="([^"]+)".*?<span class="truncate">([^<]+)', page)
    assert [label for _, label in chips] == [
        "North", "Assigned to Ben Brook", cast.north_number.label, "Spanish", "With photo", "Unread",
        "From 5 Jan 2026", "Until 6 Jan 2026",
    ]  # fmt: skip
    for name, (url, _) in zip(asked, chips, strict=True):
        assert f"{name}=" not in url.replace("&amp;", "&").partition("?")[2].split("&")
        assert url.count("=") == len(asked) - 1


def test_who_has_it_is_not_asked_where_the_folder_says_so(ana: Browser, cast: Cast) -> None:
    who = f"?who={cast.ben.id}"

    assert "Assigned to Ben" not in ana.get(f"/inbox/unassigned{who}").text
    assert "Assigned to Ben" in ana.get(f"/inbox/completed{who}").text
    assert "Assigned to me" in ana.get(f"/inbox/all?who={cast.ana.id}").text
    assert "Assigned to" not in ana.part("/inbox/mine/filters").text
    assert "Assigned to" in ana.part("/inbox/all/filters").text


def test_filters_are_a_page_and_a_piece_and_keep_what_is_on(ana: Browser, cast: Cast) -> None:
    address = f"/inbox/all/filters?loc={cast.south.id}&media=1"

    page, part = ana.get(address).text, ana.part(address).text

    assert "<h1>Filter All pending</h1>" in page
    assert f'<option value="{cast.south.id}" selected>' in part
    assert 'name="media" value="1" checked' in part


def test_ben_is_not_asked_who_has_it(ben: Browser) -> None:
    assert "Assigned to" not in ben.part("/inbox/mine-all/filters").text


@pytest.mark.parametrize("query", ["who=nobody", "number=1", "search=words"])
def test_a_mistyped_filter_is_not_found(ana: Browser, query: str) -> None:
    assert ana.get(f"/inbox/all?{query}").status_code == 404


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "9999-12-31"])
def test_a_day_that_is_none_is_refused_in_words(ana: Browser, day: str) -> None:
    answer = ana.get(f"/inbox/all?until={day}")

    assert answer.status_code == 422
    assert "Write days as 2026-11-25." in answer.text


def test_a_location_that_is_none_of_theirs_shows_nothing(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast)

    page = ana.get("/inbox/all?loc=0190d3a0-0000-7000-8000-000000000001").text

    assert "Another location" in page
    assert "Nothing matches these filters" in page


def test_a_wall_hides_other_sites_from_the_filters(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = browser_of(builders.a_member(session, cast=cast, role=wall, facilities=[cast.north]))

    pages = wes.get("/inbox/all").text + wes.part("/inbox/all/filters").text + wes.get("/new-message").text

    assert str(cast.south.id) not in pages
    assert str(cast.south_number.id) not in pages


# ---- searching


def searched(browser: Browser, words: str, folder: str = "all", at: str = "") -> str:
    answer = browser.post(f"/inbox/{folder}/search", q=words, back=at or f"/inbox/{folder}")
    assert answer.status_code == 303, answer.text
    return answer.location


def test_words_stand_in_no_address(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, body="May I have a refill?")
    other = builders.a_task(session, cast=cast)

    address = searched(ana, "refill")
    page = ana.get(address).text

    assert re.fullmatch(r"/inbox/all\?search=[0-9a-f-]{36}", address)
    assert f't-{task.id}"' in page
    assert f't-{other.id}"' not in page
    assert "May I have a <mark>refill</mark>?" in page
    assert "“refill”" in page
    assert "refill" not in "".join(re.findall(r'(?:href|hx-get|action)="([^"]*)"', page))
    assert "refill" not in "".join(re.findall(r"<title>(.*?)</title>", page))


def test_a_search_keeps_the_filters_and_the_folders_keep_the_search(
    ana: Browser, session: Session, cast: Cast
) -> None:
    address = searched(ana, "porter", at=f"/inbox/all?loc={cast.north.id}&search=x&all=1")
    builders.a_task(session, cast=cast, number=PAT_NUMBER)

    page = ana.get(address).text

    assert f"loc={cast.north.id}" in address
    assert "all=1" not in address
    assert "<mark>Porter</mark>" in page
    assert f'href="/inbox/completed?{address.partition("?")[2].replace("&", "&amp;")}"' in page


def test_a_search_without_a_hit_says_where_it_looked(ana: Browser) -> None:
    address = searched(ana, "refil")

    page = ana.get(address).text
    assert "No message matches “<bdi>refil</bdi>”" in page
    assert f'href="{address.replace("&", "&amp;")}&amp;all=1"' in page
    assert "Search all time" not in ana.get(f"{address}&all=1").text


def test_a_search_of_somebody_else_has_ended(ana: Browser, admin: Browser, session: Session) -> None:
    address = searched(admin, "refill")

    page = ana.get(address).text

    assert "That search has ended." in page
    assert "refill" not in page

    session.execute(delete(Search))
    session.commit()
    assert "That search has ended." in admin.get(address).text


@pytest.mark.parametrize("words", ["a", " b "])
def test_too_few_letters_are_refused_in_words(ana: Browser, words: str) -> None:
    searched(ana, words)

    assert "Type at least two letters or digits." in ana.get("/inbox/all").text
    assert ana.post_part("/inbox/all/search", q=words).status_code == 422


def test_ben_searches_his_own_folders_only(ben: Browser) -> None:
    assert ben.post("/inbox/unassigned/search", q="refill").status_code == 404
    assert searched(ben, "refill", "mine").startswith("/inbox/mine?search=")


def test_a_row_that_no_longer_passes_says_so(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    ana.get(f"/inbox/unassigned/c/{task.conversation_id}")

    assert "data-gone" not in ana.part(f"/inbox/unassigned/rows/{task.id}").text
    assert (
        '<span class="row-reason">Read</span>' in ana.part(f"/inbox/unassigned/rows/{task.id}?unread=1").text
    )
    far = ana.part(f"/inbox/unassigned/rows/{task.id}?loc={cast.south.id}").text
    assert "Does not match the filters" in far


def test_a_practice_without_texts_is_told_how_to_begin(ana: Browser, session: Session, cast: Cast) -> None:
    assert "No messages yet" in ana.get("/inbox/unassigned").text

    builders.a_task(session, cast=cast, assignees=[cast.ben])

    assert "Nobody is waiting" in ana.get("/inbox/unassigned").text


def test_a_list_is_fetched_again_as_long_as_it_was(ana: Browser, session: Session, cast: Cast) -> None:
    for _ in range(52):
        builders.a_task(session, cast=cast)

    assert ana.part("/inbox/unassigned/rows").text.count('class="row ') == 50
    assert ana.part("/inbox/unassigned/rows?size=52").text.count('class="row ') == 52
    assert "50 of 52" in ana.get("/inbox/unassigned").text


def test_an_emptied_search_box_shows_the_whole_view_again(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast, body="A refill")
    found = ana.post("/inbox/all/search", q="refill").location

    cleared = ana.post("/inbox/all/search", q="  ", back=found)

    assert "search=" in found
    assert cleared.location == "/inbox/all"
