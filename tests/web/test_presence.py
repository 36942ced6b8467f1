"""Who else looks at a conversation or writes in it: told to those who may see it, and to nobody else."""

import pytest
import redis
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain.inbox.task import State
from triage.kit import presence


@pytest.fixture(autouse=True)
def _connected(redis_url: str) -> None:
    presence.connect(redis.Redis.from_url(redis_url, socket_timeout=1))


def others(browser: Browser) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = browser.get("/presence").get_json()["conversations"]
    return found


def test_a_colleague_who_writes_is_told_to_others_and_not_to_herself(
    ana: Browser, admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    ana.post(f"/conversations/{task.conversation_id}/presence", doing="writing")

    assert others(admin) == {str(task.conversation_id): [{"name": "Ana Alvarez", "writes": True}]}
    assert others(ana) == {}


def test_the_answer_says_who_else_is_there(
    ana: Browser, admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    address = f"/conversations/{task.conversation_id}/presence"
    ana.post(address, doing="viewing")

    answer = admin.post(address, doing="viewing").get_json()

    assert answer == {
        "conversations": {str(task.conversation_id): [{"name": "Ana Alvarez", "writes": False}]}
    }


def test_who_leaves_is_gone(ana: Browser, admin: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    address = f"/conversations/{task.conversation_id}/presence"
    ana.post(address, doing="viewing")

    ana.post(address, doing="gone")

    assert others(admin) == {}


def test_who_may_not_see_the_conversation_is_told_nothing(
    ana: Browser, ben: Browser, dan: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    ana.post(f"/conversations/{task.conversation_id}/presence", doing="writing")

    assert others(ben) == {}
    assert others(dan) == {}


def test_who_only_reads_does_not_write(ana: Browser, ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, state=State.COMPLETED, assignees=[cast.ben])

    ben.post(f"/conversations/{task.conversation_id}/presence", doing="writing")

    assert others(ana) == {str(task.conversation_id): [{"name": "Ben Brook", "writes": False}]}
