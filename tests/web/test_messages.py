"""Stars are each member's own; a failed text is sent again as a new one."""

import re
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain.conversations import delivery
from triage.domain.conversations.delivery import OutboundState, OutboundText
from triage.domain.conversations.message import Message
from triage.domain.inbox import stars, transitions
from triage.domain.practice.practice import Practice


def starred(session: Session, cast: Cast, message_id: UUID) -> bool:
    session.expire_all()
    return message_id in stars.starred_of(session, cast.ana, {message_id})


def test_ana_stars_and_unstars(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    address = f"/messages/{task.last_message_id}"

    part = ana.post_part(f"{address}/star", at="/inbox/unassigned").text
    assert starred(session, cast, task.last_message_id)
    assert 'aria-pressed="true"' in part

    ana.post_part(f"{address}/unstar", at="/inbox/unassigned")
    assert not starred(session, cast, task.last_message_id)


def test_a_star_is_seen_by_its_member_alone(ana: Browser, ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben], body="Keep this one")
    ana.post(f"/messages/{task.last_message_id}/star", back="/inbox/all")

    assert "Keep this one" in ana.get("/inbox/starred").text
    assert "Keep this one" not in ben.get("/inbox/starred").text


def test_nobody_stars_what_is_out_of_sight(
    ben: Browser, cleo: Browser, dan: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)

    for browser, status in ((ben, 404), (cleo, 403), (dan, 404)):
        assert browser.post_part(f"/messages/{task.last_message_id}/star").status_code == status
        assert browser.post_part(f"/messages/{task.last_message_id}/unstar").status_code == status


def test_a_failed_text_is_sent_again(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    message = builders.a_reply(session, by=cast.ana, task=task)
    text = delivery.outbound_of(session, message.id)
    assert text
    text.state, text.is_failed, text.error_code = OutboundState.FAILED, True, 30007
    session.commit()

    page = ana.get("/inbox/failed").text
    answer = ana.post_part(f"/messages/{message.id}/resend", at=f"/inbox/all/c/{task.conversation_id}")

    assert "Not delivered" in page
    assert answer.status_code == 200
    assert "Queued" in answer.text
    assert "Not delivered" not in ana.get("/inbox/failed").text


def test_a_failure_that_was_dealt_with_leaves_the_list(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    message = builders.a_reply(session, by=cast.ana, task=task)
    text = delivery.outbound_of(session, message.id)
    assert text
    text.state, text.is_failed, text.error_code = OutboundState.FAILED, True, 21610
    session.commit()
    assert f"r-{message.id}" in ana.get("/inbox/failed").text
    page = ana.get(f"/inbox/failed/c/{task.conversation_id}").text

    answer = ana.post_part(f"/messages/{message.id}/dismissal", at=f"/inbox/all/c/{task.conversation_id}")

    assert f"/messages/{message.id}/dismissal" in page
    assert answer.status_code == 200
    assert f"/messages/{message.id}/dismissal" not in answer.text
    assert f"r-{message.id}" not in ana.get("/inbox/failed").text


def test_a_text_that_may_still_fail_is_not_dismissed(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    message = builders.a_reply(session, by=cast.ana, task=task)

    assert ana.post_part(f"/messages/{message.id}/dismissal").status_code == 409


def test_who_had_the_task_once_dismisses_nothing(ben: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    message = builders.a_reply(session, by=cast.ben, task=task)
    text = delivery.outbound_of(session, message.id)
    assert text
    text.state, text.is_failed, text.error_code = OutboundState.FAILED, True, 30007
    transitions.unassign(session, task, by=cast.ana)
    session.commit()

    assert ben.post_part(f"/messages/{message.id}/dismissal").status_code == 403


def test_a_text_that_went_out_is_not_sent_again(ana: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast)
    message = builders.a_reply(session, by=cast.ana, task=task)

    answer = ana.post_part(f"/messages/{message.id}/resend")

    assert answer.status_code == 409
    assert "Only a text that failed" in answer.text


def test_nobody_resends_what_is_out_of_sight(
    ben: Browser, dan: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    message = builders.a_reply(session, by=cast.ana, task=task)

    for browser in (ben, dan):
        assert browser.post_part(f"/messages/{message.id}/resend").status_code == 404


def test_a_failed_text_says_so_also_where_another_follows_at_once(
    ana: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    failed = builders.a_reply(session, by=cast.ana, task=task)
    text = delivery.outbound_of(session, failed.id)
    assert text
    text.state, text.is_failed, text.error_code = OutboundState.FAILED, True, 30007
    session.commit()
    builders.a_reply(session, by=cast.ana, task=task)

    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text

    assert "Not delivered" in page.partition('id="thread"')[2]
    assert f"/messages/{failed.id}/resend" in page


def test_unread_from_here_on(ana: Browser, ben: Browser, session: Session, cast: Cast) -> None:
    number = builders.a_number()
    task = builders.a_task(session, cast=cast, number=number, body="The first")
    first = task.last_message_id
    builders.an_inbound(session, cast=cast, number=number, body="The second")
    at = f"/inbox/unassigned/c/{task.conversation_id}?task={task.id}"
    ana.get(at)

    part = ana.post_part(f"/messages/{first}/unread", at=at).text.partition('id="thread"')[2]

    assert part.index('id="new-rule"') < part.index("The first") < part.index("The second")
    assert ben.post_part(f"/messages/{first}/unread").status_code == 404


def test_a_held_text_is_taken_back_once(ana: Browser, session: Session, cast: Cast) -> None:
    session.execute(update(Practice).values(hold_seconds=5))
    session.commit()
    task = builders.a_task(session, cast=cast)
    at = f"/inbox/all/c/{task.conversation_id}?task={task.id}"
    sent = ana.post_part(f"/conversations/{task.conversation_id}/messages", at=at, body="Too fast.").text
    undo = re.search(r'action="(/messages/[^"]+/withdrawal)"', sent)
    assert undo
    assert 'data-toast="5000" data-exactly' in sent
    form = {"form_id": str(uuid4())}

    first, again = (ana.post_part(undo[1], at=at, **form) for _ in range(2))

    assert "Too fast.</textarea>" in first.text
    assert first.text.count("Too fast.") == 1
    assert again.status_code == 200
    assert session.scalar(select(func.count()).select_from(Message).where(Message.body == "Too fast.")) == 0


def test_what_was_taken_back_leaves_when_its_page_sends_it_again(
    ana: Browser, session: Session, cast: Cast
) -> None:
    """The browser's own Back shows the form as it was, with the id it had."""
    session.execute(update(Practice).values(hold_seconds=5))
    session.commit()
    task = builders.a_task(session, cast=cast)
    address, form = f"/conversations/{task.conversation_id}/messages", {"form_id": str(uuid4())}
    ana.post(address, body="Yes, at nine.", **form)
    (message_id,) = session.scalars(select(Message.id).where(Message.body == "Yes, at nine.")).all()
    ana.post(f"/messages/{message_id}/withdrawal")

    ana.post(address, body="Yes, at nine.", **form)
    ana.post(address, body="Yes, at nine.", **form)

    assert session.scalar(select(func.count()).select_from(OutboundText)) == 1


def test_a_text_that_has_left_is_not_taken_back(ana: Browser, session: Session, cast: Cast) -> None:
    message = builders.a_reply(session, by=cast.ana, task=builders.a_task(session, cast=cast))
    delivery.claim(session, limit=1)
    session.commit()

    answer = ana.post_part(f"/messages/{message.id}/withdrawal")

    assert answer.status_code == 409
    assert "has left already" in answer.text
