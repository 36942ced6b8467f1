"""What a member sees changes with what they have, had and wrote."""

from sqlalchemy.orm import Session

from tests.builders import a_reply, a_task, conversation_of
from tests.cast import NORTH_NUMBER, PAT_NUMBER, SOUTH_NUMBER, Cast
from triage.domain.conversations.message import Message
from triage.domain.inbox import folders, scope, stars, transitions
from triage.domain.inbox.folders import Slug
from triage.domain.inbox.task import State
from triage.kit import clock


def test_an_open_assignment_opens_the_whole_thread_of_the_patient(session: Session, cast: Cast) -> None:
    before = a_task(session, cast=cast, state=State.COMPLETED, number=PAT_NUMBER, to=SOUTH_NUMBER)
    now_bens = a_task(session, cast=cast, number=PAT_NUMBER, to=NORTH_NUMBER)
    assert session.scalars(scope.visible_messages(cast.ben)).all() == []

    transitions.assign(session, now_bens, [cast.ben.id], by=cast.ana)

    seen = {message.id for message in session.scalars(scope.visible_messages(cast.ben))}
    assert seen == {before.last_message_id, now_bens.last_message_id}
    assert scope.may_write_in(session, cast.ben, conversation_of(session, before))


def test_after_his_task_is_closed_ben_keeps_its_messages_and_what_he_sent(
    session: Session, cast: Cast
) -> None:
    before = a_task(session, cast=cast, state=State.COMPLETED, number=PAT_NUMBER)
    bens = a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])
    sent = a_reply(session, by=cast.ben, task=bens)
    by_ana = a_reply(session, by=cast.ana, task=bens)
    transitions.complete(session, bens, by=cast.ben)
    session.flush()

    seen = {message.id for message in session.scalars(scope.visible_messages(cast.ben))}

    assert seen == {bens.last_message_id, sent.id}
    assert {before.last_message_id, by_ana.id}.isdisjoint(seen)
    assert not scope.may_write_in(session, cast.ben, conversation_of(session, bens))


def test_a_text_to_an_open_task_of_ben_s_unknown_number_opens_that_number_alone(
    session: Session, cast: Cast
) -> None:
    a_task(session, cast=cast)
    bens = a_task(session, cast=cast, assignees=[cast.ben])

    assert [one.id for one in session.scalars(scope.visible_conversations(cast.ben))] == [
        bens.conversation_id
    ]


def test_what_a_member_sent_is_theirs_to_see_after_the_task_was_given_away(
    session: Session, cast: Cast
) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    sent = a_reply(session, by=cast.ben, task=task)
    transitions.assign(session, task, [cast.ana.id], by=cast.ana)

    listing = folders.listing(session, cast.ben, Slug.SENT, now=clock.now(session))

    assert listing.ids == [sent.id]


def test_a_star_is_the_member_s_own_and_stays_within_what_is_visible(session: Session, cast: Cast) -> None:
    task = a_task(session, cast=cast, assignees=[cast.ben])
    message, now = session.get_one(Message, task.last_message_id), clock.now(session)
    stars.star(session, message, by=cast.ben, now=now)
    stars.star(session, message, by=cast.ben, now=now)

    assert folders.listing(session, cast.ben, Slug.STARRED, now=now).ids == [message.id]
    assert folders.listing(session, cast.ana, Slug.STARRED, now=now).ids == []
    assert stars.starred_of(session, cast.ben, {message.id}) == {message.id}
    assert stars.starred_of(session, cast.ben, set()) == set()

    stars.unstar(session, message, by=cast.ben)

    assert folders.listing(session, cast.ben, Slug.STARRED, now=now).ids == []
