"""Signing in: passwords, sessions that end by themselves and at once, and how often one may try."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import PASSWORD, Cast
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock, db
from triage.kit.errors import Invalid


def is_signed_in(session: Session, token: str, *, after: timedelta, is_activity: bool = False) -> bool:
    now = clock.now(session) + after
    return sign_in.member_of_session(session, token, now=now, is_activity=is_activity) is not None


class TestPasswords:
    def test_ana_signs_in_with_her_password(self, session: Session, cast: Cast) -> None:
        member = sign_in.check_password(session, " ANA ", PASSWORD)

        assert member is not None
        assert (member.id, member.role.name) == (cast.ana.id, "Care team")

    @pytest.mark.parametrize(
        ("login", "password"),
        [("ana", "a wrong password"), ("ana", ""), ("nobody", PASSWORD), ("", ""), ("ana", "ä" * 5000)],
    )
    def test_anything_else_is_refused(self, login: str, password: str, session: Session, cast: Cast) -> None:
        assert sign_in.check_password(session, login, password) is None

    def test_somebody_who_left_cannot_sign_in(self, session: Session, cast: Cast) -> None:
        find_member(session, cast.practice_id, cast.ana.id).is_active = False

        assert sign_in.check_password(session, "ana", PASSWORD) is None

    def test_somebody_without_a_password_cannot_sign_in(self, session: Session, cast: Cast) -> None:
        find_member(session, cast.practice_id, cast.ana.id).password_hash = None

        assert sign_in.check_password(session, "ana", "") is None

    @pytest.mark.parametrize("password", ["eleven char", "x" * 129])
    def test_a_password_has_a_length(self, password: str) -> None:
        with pytest.raises(Invalid):
            sign_in.hash_password(password)

    def test_a_long_password_counts_to_its_last_letter(self, session: Session, cast: Cast) -> None:
        member = find_member(session, cast.practice_id, cast.ana.id)
        long = ("seven quiet lamps over a river " * 5)[:128]
        member.password_hash = sign_in.hash_password(long)

        assert sign_in.check_password(session, "ana", long) is not None
        assert sign_in.check_password(session, "ana", long[:127]) is None

    @pytest.mark.parametrize(
        "password", ["passwordpassword", "qwertyuiop123", "111111111111", "Ana Alvarez ana"]
    )
    def test_what_anybody_would_guess_is_no_password(self, password: str) -> None:
        with pytest.raises(Invalid, match="easy to guess"):
            sign_in.hash_password(password, about=("ana", "Ana Alvarez"))


class TestSessions:
    def test_a_token_signs_its_member_in(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="Firefox", now=clock.now(session))

        found = sign_in.member_of_session(session, token, now=clock.now(session), is_activity=True)

        assert found is not None
        assert found[0].id == cast.ana.id
        assert session.scalar(select(MemberSession.token_digest)) != token

    def test_no_other_token_does(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="", now=clock.now(session))

        for other in ("", token[:-1], token.swapcase(), "x" * 10_000):
            assert not is_signed_in(session, other, after=timedelta(0))

    def test_a_session_idles_out(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="", now=clock.now(session))

        assert is_signed_in(session, token, after=timedelta(minutes=14, seconds=59))
        assert not is_signed_in(session, token, after=timedelta(minutes=15))

    def test_what_a_person_does_renews_it_and_polling_does_not(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="", now=clock.now(session))

        assert is_signed_in(session, token, after=timedelta(minutes=10))
        assert not is_signed_in(session, token, after=timedelta(minutes=16))
        assert is_signed_in(session, token, after=timedelta(minutes=10), is_activity=True)
        session.expire_all()
        assert is_signed_in(session, token, after=timedelta(minutes=16))

    def test_a_session_ends_after_twelve_hours_whatever_happens(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="", now=clock.now(session))

        for minutes in range(10, 12 * 60, 10):
            assert is_signed_in(session, token, after=timedelta(minutes=minutes), is_activity=True)
            session.expire_all()
        assert not is_signed_in(session, token, after=timedelta(hours=12), is_activity=True)

    def test_signing_out_ends_one_session_and_ending_all_ends_all(self, session: Session, cast: Cast) -> None:
        now = clock.now(session)
        one, two, three = (sign_in.start_session(session, cast.ana, browser="", now=now) for _ in range(3))
        bens = sign_in.start_session(session, cast.ben, browser="", now=now)

        sign_in.end_session(session, one, now=now)
        sign_in.end_session(session, one, now=now)
        session.expire_all()
        assert [is_signed_in(session, token, after=timedelta(0)) for token in (one, two, three)] == [
            False,
            True,
            True,
        ]

        sign_in.end_all_sessions(session, cast.ana, now=now)
        session.expire_all()
        assert not is_signed_in(session, two, after=timedelta(0))
        assert is_signed_in(session, bens, after=timedelta(0))

    def test_somebody_who_left_is_out_at_once(self, session: Session, cast: Cast) -> None:
        token = sign_in.start_session(session, cast.ana, browser="", now=clock.now(session))

        find_member(session, cast.practice_id, cast.ana.id).is_active = False
        session.flush()

        assert not is_signed_in(session, token, after=timedelta(0))


class TestTries:
    def test_each_few_tries_cost_more_time(self, session: Session) -> None:
        now = clock.now(session)
        seconds, waits = 0, []

        for _ in range(14):
            at = now + timedelta(seconds=seconds)
            wait = sign_in.wait_before_trying(session, "Ana ", "192.0.2.1", now=at)
            waits.append(None if wait is None else wait.total_seconds())
            # As people do: they wait as long as they are told, and no longer.
            seconds += round(wait.total_seconds()) if wait is not None else 1

        assert waits[:5] == [None] * 5
        assert waits[5] == 25
        assert [wait for wait in waits if wait is not None and wait > 60] == sorted(
            wait for wait in waits if wait is not None and wait > 60
        )
        assert max(wait for wait in waits if wait is not None) > 10 * 60
        assert sign_in.wait_before_trying(session, "ben", "192.0.2.1", now=now) is None

    def test_other_spellings_of_a_login_share_its_tries(self, session: Session) -> None:
        now = clock.now(session)
        spellings = ("ana", " ANA ", "a\x00na", "\x00ana", "ana\x00\x00")

        for login in spellings:
            assert sign_in.wait_before_trying(session, login, "10.0.0.1", now=now) is None

        assert sign_in.wait_before_trying(session, "ana\x00 ", "10.0.0.2", now=now) is not None

    def test_login_and_address_are_one_door(self, session: Session, cast: Cast) -> None:
        now = clock.now(session)
        session.get_one(Member, cast.ana.id).email = "ana@clinic.example"
        session.flush()

        for given in ("ana", "ana@clinic.example", "ANA@Clinic.example", "ana", "ana@clinic.example"):
            assert sign_in.wait_before_trying(session, given, "10.0.0.1", now=now) is None

        assert sign_in.wait_before_trying(session, "ana", "10.0.0.2", now=now) is not None
        assert sign_in.wait_before_trying(session, "ana@clinic.example", "10.0.0.3", now=now) is not None

    def test_after_a_quarter_of_an_hour_all_is_forgotten(self, session: Session) -> None:
        now = clock.now(session)
        for minutes in range(12):
            sign_in.wait_before_trying(session, "ana", "192.0.2.1", now=now + timedelta(minutes=minutes))

        later = now + timedelta(minutes=15)
        assert sign_in.wait_before_trying(session, "ana", "192.0.2.1", now=later) is None

    def test_an_address_is_bounded_too(self, session: Session) -> None:
        now = clock.now(session)

        allowed = sign_in.BY_ADDRESS.tries

        waits = [
            sign_in.wait_before_trying(session, f"login{n}", "192.0.2.1", now=now) for n in range(allowed + 1)
        ]

        assert waits[:-1] == [None] * allowed
        assert waits[-1] is not None

    def test_a_success_starts_the_count_anew(self, session: Session, cast: Cast) -> None:
        now = clock.now(session)
        for n in range(11):
            sign_in.wait_before_trying(session, "ana", f"192.0.2.{n}", now=now)

        sign_in.start_session(session, cast.ana, browser="", now=now)

        assert sign_in.wait_before_trying(session, "ana", "192.0.2.99", now=now) is None

    def test_parallel_guesses_do_not_slip_past_the_limit(self, fresh_database: str) -> None:
        def guess(number: int) -> bool:
            with db.transaction() as session:
                now = clock.now(session)
                return sign_in.wait_before_trying(session, "ana", f"192.0.2.{number}", now=now) is None

        with ThreadPoolExecutor(8) as pool:
            allowed = list(pool.map(guess, range(60)))

        assert allowed.count(True) == sign_in.AT_ONCE.tries
