"""What open pages may hear: signals with ids for those who may know, and no more than "counts moved" for others."""

import json
import threading
from typing import Any
from uuid import uuid4

import pytest
import redis
from flask import Flask
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock
from triage.kit import live as kit_live
from triage.kit.live import Signal, stream_of
from triage.web import live

TASK = str(uuid4())


@pytest.fixture
def signals(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    client: redis.Redis = redis.Redis.from_url(redis_url)
    monkeypatch.setattr(live.hub, "_client", client)
    return client


def told(client: redis.Redis, cast: Cast, times: int) -> list[str]:
    fields: dict[Any, Any] = {"kind": "task", "ids": json.dumps({"task": TASK}), "to": "[]"}
    ids: list[Any] = [client.xadd(stream_of(cast.practice_id), fields) for _ in range(times)]
    return [id_.decode() for id_ in ids]


def missed_since(browser: Browser, last: str) -> Any:
    return browser.get(f"/live/since?after={last}").json


def test_a_page_that_polls_hears_what_it_missed(ana: Browser, signals: redis.Redis, cast: Cast) -> None:
    first, _, last = told(signals, cast, 3)

    answer = missed_since(ana, first)

    assert answer["signals"] == [{"kind": "task", "ids": {"task": TASK}}] * 2
    assert answer["last"] == last


def test_a_page_that_missed_too_much_is_told_to_fetch_everything(
    ana: Browser, signals: redis.Redis, cast: Cast
) -> None:
    first, *_ = told(signals, cast, live.MOST_REPLAYED + 2)

    answer = missed_since(ana, first)

    assert answer["signals"] == [{"kind": "resync", "ids": {}}]


def test_a_page_that_missed_what_is_forgotten_is_told_so(
    ana: Browser, signals: redis.Redis, cast: Cast
) -> None:
    first, *_ = told(signals, cast, 3)
    signals.xtrim(stream_of(cast.practice_id), maxlen=1, approximate=False)

    answer = missed_since(ana, first)

    assert answer["signals"] == [{"kind": "resync", "ids": {}}]


def a_signal(*members: Member) -> Signal:
    return Signal("task", {"task": TASK}, frozenset(str(member.id) for member in members))


def test_who_sees_everything_hears_everything(cast: Cast) -> None:
    assert live.audible(a_signal(), live.ear_of(cast.ana)) == ("task", f'{{"task": "{TASK}"}}')


def test_whoever_asked_for_a_birth_date_hears_that_it_was_they(cast: Cast) -> None:
    signal = Signal("verification", {"state": "enabled"}, frozenset({str(cast.ana.id)}))

    assert live.audible(signal, live.ear_of(cast.ana)) == (
        "verification",
        '{"state": "enabled", "mine": "yes"}',
    )
    assert live.audible(signal, live.ear_of(cast.admin)) == ("verification", '{"state": "enabled"}')
    assert live.audible(signal, live.ear_of(cast.ben)) is None


def test_who_sees_only_what_is_theirs_hears_only_of_that(cast: Cast) -> None:
    ben = live.ear_of(cast.ben)

    assert live.audible(a_signal(), ben) is None
    assert live.audible(a_signal(cast.ana), ben) is None
    assert live.audible(a_signal(cast.ben), ben) is not None


def test_who_sits_behind_a_wall_hears_that_counts_moved(session: Session, cast: Cast) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = builders.a_member(session, cast=cast, role=wall, name="Wes Wall", facilities=[cast.north])

    assert live.audible(a_signal(), live.ear_of(wes)) == ("counts", "{}")


def test_who_sits_behind_a_wall_hears_of_presence_without_a_place(session: Session, cast: Cast) -> None:
    """Where it is, only the answer to who may see it says; and no count has moved."""
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = builders.a_member(session, cast=cast, role=wall, name="Wes Wall", facilities=[cast.north])
    signal = Signal("presence", {"conversation": TASK}, frozenset())

    assert live.audible(signal, live.ear_of(wes)) == ("presence", "{}")
    assert live.audible(signal, live.ear_of(cast.ben)) is None


def test_what_is_told_to_one_alone_nobody_else_hears(cast: Cast) -> None:
    signal = Signal("draft", {"conversation": TASK}, frozenset({str(cast.ana.id)}), is_private=True)

    assert live.audible(signal, live.ear_of(cast.ana)) is not None
    assert live.audible(signal, live.ear_of(cast.admin)) is None


def test_a_stream_ends_when_the_role_hears_less(session: Session, cast: Cast) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
    wes = builders.a_member(session, cast=cast, role=wall, name="Wes Wall", facilities=[cast.north])
    token = sign_in.start_session(session, wes, browser="test", now=clock.now(session))
    session.commit()
    ear = live.ear_of(wes)
    assert live._still_signed_in(token, ear)

    session.execute(update(Member).where(Member.id == wes.id).values(role_id=cast.ben.role_id))
    session.commit()
    session.expire_all()

    assert not live._still_signed_in(token, ear)


def test_a_stream_ends_when_its_page_is_locked(session: Session, cast: Cast) -> None:
    token = sign_in.start_session(session, cast.ana, browser="test", now=clock.now(session))
    session.commit()
    ear = live.ear_of(cast.ana)
    assert live._still_signed_in(token, ear)

    session.execute(update(MemberSession).values(locked_at=clock.now(session)))
    session.commit()
    session.expire_all()

    assert not live._still_signed_in(token, ear)


def test_a_page_that_connects_again_by_itself_says_what_it_heard_last(app: Flask) -> None:
    with app.test_request_context("/live?after=5-1&from=9"):
        assert live._heard() == ("5-1", True)
    with app.test_request_context("/live?after=5-1", headers={"Last-Event-ID": "7-0"}):
        assert live._heard() == ("7-0", True)


@pytest.mark.parametrize(
    ("made", "until"),
    [("1790000001000", "1790000000000-0"), ("5", "0-0"), ("-5", ""), ("x", ""), ("9" * 16, "")],
)
def test_a_page_that_never_listened_has_heard_up_to_when_it_was_made(
    app: Flask, made: str, until: str
) -> None:
    with app.test_request_context(f"/live?from={made}"):
        assert live._heard().until == until


def test_what_was_said_since_a_page_was_made_is_told(
    signals: redis.Redis, session: Session, cast: Cast
) -> None:
    ear = live.ear_of(cast.ana)
    made = live.Heard("1-0", is_signal=False)
    assert list(live._missed(ear, made)) == []

    told(signals, cast, 2)

    assert [one.partition("event: ")[2].partition("\n")[0] for one in live._missed(ear, made)] == [
        "task",
        "task",
    ]
    assert list(live._missed(ear, live.Heard("1-0", is_signal=True))) == ["event: resync\ndata: {}\n\n"]


def test_a_reader_that_stops_says_so_and_the_next_page_starts_another() -> None:
    hub = live.Hub()
    hub._reader = threading.current_thread()

    assert not hub._goes_on()

    assert hub._reader is None


class TestWhoseMessageItIs:
    """A new message says how near it is to whoever hears of it; the page then asks their wishes."""

    @staticmethod
    def a_message(
        audience: frozenset[str] = frozenset(),
        followers: frozenset[str] = frozenset(),
        seers: frozenset[str] = frozenset(),
    ) -> Signal:
        return Signal("message", {"conversation": TASK}, audience, False, followers, seers)

    @staticmethod
    def told(signal: Signal, member: Member) -> dict[str, str] | None:
        heard = live.audible(signal, live.ear_of(member))
        return (
            {name: value for name, value in json.loads(heard[1]).items() if value == "yes"} if heard else None
        )

    def test_a_follower_hears_that_it_is_of_their_patient(self, cast: Cast) -> None:
        signal = self.a_message(followers=frozenset({str(cast.ana.id)}))

        assert self.told(signal, cast.ana) == {"patient": "yes"}
        assert self.told(signal, cast.admin) == {}
        assert self.told(signal, cast.ben) is None

    def test_an_assignee_hears_that_it_is_theirs(self, cast: Cast) -> None:
        assert self.told(self.a_message(audience=frozenset({str(cast.ben.id)})), cast.ben) == {"mine": "yes"}

    def test_behind_a_wall_only_those_who_are_named_hear_which_it_is(
        self, session: Session, cast: Cast
    ) -> None:
        wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
        wes = builders.a_member(session, cast=cast, role=wall, name="Wes Wall", facilities=[cast.north])
        ear, its_id = live.ear_of(wes), frozenset({str(wes.id)})

        assert live.audible(self.a_message(), ear) == ("counts", "{}")
        assert live.audible(self.a_message(seers=its_id), ear) == ("message", f'{{"conversation": "{TASK}"}}')
        assert self.told(self.a_message(followers=its_id), wes) == {"patient": "yes"}

    def test_a_text_names_its_listeners_on_the_stream(
        self, signals: redis.Redis, session: Session, cast: Cast
    ) -> None:
        builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        session.commit()
        kit_live.connect(signals)
        try:
            builders.an_inbound(session, cast=cast)
        finally:
            kit_live.connect(None)

        entries: Any = signals.xrevrange(stream_of(cast.practice_id))
        sent = [kit_live.read(fields) for _, fields in entries]
        message = next(one for one in sent if one.kind == "message")
        assert message.followers == {str(cast.ana.id)}
