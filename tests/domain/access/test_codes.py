"""Codes of an app and codes on paper: each opens once, within its moments, for its owner."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import SECRET_KEY, Cast
from triage.domain.access import codes, factors
from triage.domain.access.codes import Totp
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.sign_in import How
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotPossible
from triage.kit.secrets import Vault

VAULT = Vault([SECRET_KEY])
STEP = timedelta(seconds=codes.STEP_SECONDS)


@pytest.fixture
def ana(session: Session, cast: Cast) -> Member:
    return find_member(session, cast.practice_id, cast.ana.id)


def an_app(session: Session, member: Member) -> pyotp.TOTP:
    """Set up two minutes ago."""
    before = clock.now(session) - 4 * STEP
    codes.begin(session, member, vault=VAULT, now=before)
    app = pyotp.TOTP(codes.secret_to_show(session, member, vault=VAULT) or "")
    codes.confirm(session, member, app.at(before), vault=VAULT, now=before)
    return app


def opens(session: Session, member: Member, code: str, *, after: timedelta = timedelta(0)) -> How | None:
    return codes.check(session, member, code, vault=VAULT, now=clock.now(session) + after)


def test_the_secret_is_sealed_for_its_owner(session: Session, cast: Cast, ana: Member) -> None:
    app = an_app(session, ana)

    sealed = session.scalars(select(Totp.secret_sealed)).one()

    assert app.secret not in sealed
    assert VAULT.open(sealed, about=f"totp of {ana.id}") == app.secret
    assert VAULT.open(sealed, about=f"totp of {cast.ben.id}") is None


def test_a_code_of_now_opens_once(session: Session, ana: Member) -> None:
    code = an_app(session, ana).at(clock.now(session))

    assert opens(session, ana, code) is How.APP
    assert opens(session, ana, code) is None


def test_a_phone_may_be_one_step_off_and_no_more(session: Session, ana: Member) -> None:
    app, now = an_app(session, ana), clock.now(session)

    assert opens(session, ana, app.at(now - 2 * STEP)) is None
    assert opens(session, ana, app.at(now + 2 * STEP)) is None
    assert opens(session, ana, app.at(now - STEP)) is How.APP
    assert opens(session, ana, app.at(now + STEP)) is How.APP


def test_after_a_newer_code_an_older_one_is_void(session: Session, ana: Member) -> None:
    app, now = an_app(session, ana), clock.now(session)

    assert opens(session, ana, app.at(now)) is How.APP
    assert opens(session, ana, app.at(now - STEP)) is None


def test_an_app_counts_only_after_its_first_code(session: Session, ana: Member) -> None:
    now = clock.now(session)
    codes.begin(session, ana, vault=VAULT, now=now)
    app = pyotp.TOTP(codes.secret_to_show(session, ana, vault=VAULT) or "")

    assert opens(session, ana, app.at(now)) is None
    with pytest.raises(Invalid):
        codes.confirm(session, ana, "000000x", vault=VAULT, now=now)
    assert not codes.has_app(session, ana)


def test_an_app_in_use_is_not_replaced_and_its_secret_not_shown(session: Session, ana: Member) -> None:
    an_app(session, ana)

    assert codes.secret_to_show(session, ana, vault=VAULT) is None
    with pytest.raises(NotPossible):
        codes.begin(session, ana, vault=VAULT, now=clock.now(session))


def test_codes_of_somebody_else_open_nothing(session: Session, cast: Cast, ana: Member) -> None:
    ben = find_member(session, cast.practice_id, cast.ben.id)
    app = an_app(session, ana)
    [on_paper, *_] = codes.new_recovery_codes(session, ana, now=clock.now(session))

    assert opens(session, ben, app.at(clock.now(session))) is None
    assert opens(session, ben, on_paper) is None


@pytest.mark.parametrize("given", ["", " ", "-", "abcd", "²²²²²²", "1" * 5000, "12345\x00"])
def test_what_is_no_code_opens_nothing(session: Session, ana: Member, given: str) -> None:
    an_app(session, ana)
    codes.new_recovery_codes(session, ana, now=clock.now(session))

    assert opens(session, ana, given) is None


def test_new_recovery_codes_void_the_former(session: Session, ana: Member) -> None:
    [old, *_] = codes.new_recovery_codes(session, ana, now=clock.now(session))
    [new, *_] = codes.new_recovery_codes(session, ana, now=clock.now(session))

    assert opens(session, ana, old) is None
    assert opens(session, ana, new) is How.RECOVERY_CODE
    assert opens(session, ana, new) is None


def test_of_many_at_once_one_gets_in(fresh_cast: Cast) -> None:
    with db.transaction() as session:
        ana = find_member(session, fresh_cast.practice_id, fresh_cast.ana.id)
        app = an_app(session, ana)
        code = app.at(clock.now(session))

    def try_it(_: int) -> How | None:
        with db.transaction() as session:
            return codes.check(session, ana, code, vault=VAULT, now=clock.now(session))

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(try_it, range(16)))

    assert opened.count(How.APP) == 1


def test_a_reset_leaves_nothing_and_says_who_did_it(session: Session, cast: Cast, ana: Member) -> None:
    an_app(session, ana)
    codes.new_recovery_codes(session, ana, now=clock.now(session))

    factors.reset(session, ana, by=cast.admin, now=clock.now(session))

    assert factors.factors_of(session, ana) == (False, 0, 0)
    assert ana.second_factor_at is None
