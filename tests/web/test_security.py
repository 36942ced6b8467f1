"""How I sign in: password, app, recovery codes, devices; each its owner's own."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PASSWORD, SECRET_KEY, Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.access import codes, factors
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.practice import SecondFactor, find_practice
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock
from triage.kit.secrets import Vault

NEW_PASSWORD = "another long password"
VAULT = Vault([SECRET_KEY])


def an_app(session: Session, member: Member) -> pyotp.TOTP:
    """Set up a minute ago; the recovery codes are thrown away."""
    now = clock.now(session)
    mine = find_member(session, member.practice_id, member.id)
    codes.begin(session, mine, vault=VAULT, now=now)
    secret = codes.secret_to_show(session, mine, vault=VAULT)
    assert secret
    app = pyotp.TOTP(secret)
    before = now - timedelta(seconds=60)
    factors.confirm_app(session, mine, app.at(before), vault=VAULT, now=before)
    session.commit()
    return app


def now_of(session: Session, app: pyotp.TOTP) -> str:
    session.commit()
    return app.at(clock.now(session))


def noted(session: Session) -> list[str]:
    found = select(audit.Audit).where(audit.Audit.action == "security_changed").order_by(audit.Audit.id)
    return [row.detail["what"] for row in session.scalars(found)]


class TestPassword:
    def test_ben_changes_his_password_and_stays_signed_in_here_alone(
        self, ben: Browser, browser_of: Callable[[Member], Browser], session: Session, cast: Cast
    ) -> None:
        elsewhere = browser_of(cast.ben)

        answer = ben.post("/security/password", old_password=PASSWORD, password=NEW_PASSWORD)

        assert answer.location == "/security"
        assert sign_in.check_password(session, "ben", NEW_PASSWORD) is not None
        assert ben.get("/preferences").status_code == 200
        assert elsewhere.get("/preferences").status_code == 303

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"old_password": "not it at all"}, "This is not your present password."),
            ({"old_password": ""}, "This is not your present password."),
            ({"password": "short"}, "Use at least 12 characters."),
        ],
    )
    def test_a_password_is_changed_only_by_who_knows_the_old_one(
        self, ben: Browser, session: Session, given: dict[str, Any], sentence: str
    ) -> None:
        answer = ben.post(
            "/security/password", **{"old_password": PASSWORD, "password": NEW_PASSWORD, **given}
        )

        assert answer.status_code == 422
        assert sentence in answer.text
        assert NEW_PASSWORD not in answer.text
        assert sign_in.check_password(session, "ben", PASSWORD) is not None

    def test_the_old_password_cannot_be_guessed(self, ben: Browser, session: Session) -> None:
        for _ in range(sign_in.BY_OLD_PASSWORD.tries):
            ben.post("/security/password", old_password="a guess", password=NEW_PASSWORD)

        answer = ben.post("/security/password", old_password=PASSWORD, password=NEW_PASSWORD)

        assert answer.status_code == 429
        assert "Too many tries." in answer.text
        assert sign_in.check_password(session, "ben", PASSWORD) is not None


class TestDevices:
    def test_ana_sees_where_she_is_signed_in(self, ana: Browser, session: Session, cast: Cast) -> None:
        builders.a_session(session, cast.ana, browser="Mozilla/5.0 (iPhone) Version/19 Safari/604")
        builders.a_session(session, cast.ben, browser="Mozilla/5.0 (Windows) Edg/140")
        session.commit()

        page = ana.get("/security").text

        assert "Safari on iPhone" in page
        assert page.count("This one") == 1
        assert "Edge" not in page

    def test_ana_signs_another_device_out(self, ana: Browser, session: Session, cast: Cast) -> None:
        other = builders.a_session(session, cast.ana)
        session.commit()

        answer = ana.post(f"/security/devices/{other.id}/end")

        session.refresh(other)
        assert answer.location == "/security"
        assert other.ended_at is not None
        assert ana.get("/security").status_code == 200
        assert noted(session) == ["device signed out"]

    def test_nobody_signs_a_device_of_somebody_else_out(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        bens = builders.a_session(session, cast.ben)
        session.commit()

        assert ana.post(f"/security/devices/{bens.id}/end").status_code == 404
        session.refresh(bens)
        assert bens.ended_at is None

    def test_everywhere_else_leaves_this_one(
        self, ana: Browser, browser_of: Callable[[Member], Browser], cast: Cast
    ) -> None:
        elsewhere, ben = browser_of(cast.ana), browser_of(cast.ben)

        ana.post("/security/devices/end")

        assert ana.get("/security").status_code == 200
        assert elsewhere.get("/security").status_code == 303
        assert ben.get("/security").status_code == 200


class TestApp:
    def test_ana_sets_up_an_app_and_is_given_recovery_codes(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        assert ana.post("/security/app").location == "/security/app"
        page = ana.get("/security/app").text
        spelled = re.search(r'<p class="spelled"><code>([A-Z2-7 ]+)</code>', page)
        assert spelled
        assert "<svg" in page

        app = pyotp.TOTP(spelled[1].replace(" ", ""))
        shown = ana.post("/security/app/confirmation", code=now_of(session, app))

        assert shown.status_code == 200
        assert len(re.findall(r"<li><code>([a-z0-9-]+)</code>", shown.text)) == codes.RECOVERY_CODES
        assert noted(session) == ["app added"]
        assert spelled[1] not in ana.get("/security/app").text

    def test_a_wrong_code_sets_up_nothing(self, ana: Browser, session: Session, cast: Cast) -> None:
        ana.post("/security/app")

        answer = ana.post("/security/app/confirmation", code="12345")

        assert answer.status_code == 422
        assert find_member(session, cast.practice_id, cast.ana.id).second_factor_at is None

    def test_the_codes_can_be_taken_along_as_a_file(self, ana: Browser, session: Session, cast: Cast) -> None:
        an_app(session, cast.ana)
        page = ana.post("/security/recovery-codes").text
        shown = re.findall(r"<li><code>([a-z0-9-]+)</code>", page)

        file = ana.post("/security/recovery-codes/file", codes=shown)
        made_up = ana.post("/security/recovery-codes/file", codes=[*shown, "aaaa-bbbb-cccc-dddd"])

        assert file.headers["Content-Disposition"].startswith("attachment")
        assert all(code in file.text for code in shown)
        assert made_up.status_code == 422

    def test_who_signed_in_long_ago_is_asked_again(self, ana: Browser, session: Session, cast: Cast) -> None:
        session.execute(update(MemberSession).values(proved_at=clock.now(session) - timedelta(minutes=16)))
        session.commit()

        assert ana.post("/security/app").location == "/security/confirmation"
        assert ana.get("/security/app").status_code == 200
        wrong = ana.post("/security/confirmation", password="not this one", next="/security/app")
        right = ana.post("/security/confirmation", password=PASSWORD, next="/security/app")

        assert wrong.status_code == 422
        assert right.location == "/security/app"
        assert ana.post("/security/app").location == "/security/app"

    def test_removing_the_last_factor_voids_the_codes(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        an_app(session, cast.ana)

        assert ana.post("/security/app/removal").location == "/security"

        member = find_member(session, cast.practice_id, cast.ana.id)
        assert member.second_factor_at is None
        assert factors.factors_of(session, member) == (False, 0, 0)


class TestSigningIn:
    def test_after_the_password_comes_the_code(self, stranger: Browser, session: Session, cast: Cast) -> None:
        app = an_app(session, cast.ana)

        first = stranger.post("/sign-in", login="ana", password=PASSWORD, next="/preferences")
        assert first.location == "/sign-in/code?next=/preferences"
        assert stranger.get("/preferences").status_code == 303
        second = stranger.post("/sign-in/code", code=now_of(session, app), next="/preferences")

        assert second.location == "/preferences"
        assert stranger.get("/preferences").status_code == 200
        how = session.scalars(select(MemberSession.how).where(MemberSession.member_id == cast.ana.id)).all()
        assert how == ["app"]

    def test_a_code_opens_once(self, app: Any, session: Session, cast: Cast) -> None:
        authenticator = an_app(session, cast.ana)
        one, other = Browser(app.test_client()), Browser(app.test_client())
        for browser in (one, other):
            browser.post("/sign-in", login="ana", password=PASSWORD)
        code = now_of(session, authenticator)

        assert one.post("/sign-in/code", code=code).status_code == 303
        assert other.post("/sign-in/code", code=code).status_code == 422

    def test_a_recovery_code_opens_once_in_any_spelling(self, app: Any, session: Session, cast: Cast) -> None:
        an_app(session, cast.ana)
        mine = find_member(session, cast.practice_id, cast.ana.id)
        [code, *_] = codes.new_recovery_codes(session, mine, now=clock.now(session))
        session.commit()
        one, other = Browser(app.test_client()), Browser(app.test_client())
        for browser in (one, other):
            browser.post("/sign-in", login="ana", password=PASSWORD)

        assert one.post("/sign-in/code", code=code.upper().replace("-", " ")).status_code == 303
        assert other.post("/sign-in/code", code=code).status_code == 422
        assert codes.count_recovery_codes(session, mine) == codes.RECOVERY_CODES - 1

    def test_codes_cannot_be_guessed(self, stranger: Browser, session: Session, cast: Cast) -> None:
        app = an_app(session, cast.ana)
        stranger.post("/sign-in", login="ana", password=PASSWORD)
        tries = [stranger.post("/sign-in/code", code=f"00000{n}").status_code for n in range(5)]

        answer = stranger.post("/sign-in/code", code=now_of(session, app))

        assert tries == [422] * 5
        assert answer.status_code == 429
        assert "Wait 15 minutes" in answer.text

    def test_without_the_password_there_is_no_second_step(self, stranger: Browser, cast: Cast) -> None:
        assert stranger.get("/sign-in/code").location == "/sign-in"
        assert stranger.post("/sign-in/code", code="123456").location == "/sign-in"

    def test_a_new_password_ends_a_half_finished_sign_in(
        self, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        app = an_app(session, cast.ana)
        stranger.post("/sign-in", login="ana", password=PASSWORD)
        mine = find_member(session, cast.practice_id, cast.ana.id)
        sign_in.set_password(session, mine, NEW_PASSWORD, now=clock.now(session))

        assert stranger.post("/sign-in/code", code=now_of(session, app)).location == "/sign-in"


class TestPolicy:
    def ask_of(self, session: Session, cast: Cast, whom: SecondFactor) -> None:
        find_practice(session, cast.practice_id).second_factor = whom
        session.commit()

    def test_everybody_may_be_asked_to_add_one(
        self, ana: Browser, dan: Browser, session: Session, cast: Cast
    ) -> None:
        self.ask_of(session, cast, SecondFactor.EVERYBODY)

        assert ana.get("/inbox/unassigned").location == "/security/app"
        assert ana.part("/inbox/counts").status_code == 403
        assert ana.post("/preferences").location == "/security/app"
        assert ana.get("/security/app").status_code == 200
        assert dan.get("/preferences").status_code == 200

    def test_or_only_who_may_change_settings(
        self, ana: Browser, admin: Browser, session: Session, cast: Cast
    ) -> None:
        self.ask_of(session, cast, SecondFactor.SETTINGS)

        assert ana.get("/preferences").status_code == 200
        assert admin.get("/preferences").location == "/security/app"

    def test_who_has_one_goes_on(self, ana: Browser, session: Session, cast: Cast) -> None:
        an_app(session, cast.ana)
        self.ask_of(session, cast, SecondFactor.EVERYBODY)

        assert ana.get("/preferences").status_code == 200

    def test_who_is_asked_can_set_it_up_or_sign_out(self, ana: Browser, session: Session, cast: Cast) -> None:
        self.ask_of(session, cast, SecondFactor.EVERYBODY)

        assert ana.post("/security/app").location == "/security/app"
        assert ana.post("/sign-out").location == "/sign-in"


class TestAgain:
    """Over an open page whose session has ended."""

    def ended(self, browser: Browser, session: Session) -> Browser:
        session.execute(update(MemberSession).values(ended_at=clock.now(session)))
        session.commit()
        return browser

    def form(self, member: Member, **more: str) -> dict[str, str]:
        return {"login": member.login, "password": PASSWORD, "member_id": str(member.id), **more}

    def test_ana_goes_on_with_her_page(self, ana: Browser, session: Session, cast: Cast) -> None:
        self.ended(ana, session)
        assert ana.part("/inbox/counts").status_code == 401

        answer = ana.post_part("/sign-in/again", **self.form(cast.ana))

        assert f'data-inside="{cast.ana.id}"' in answer.text
        token = re.search(r'data-csrf="([^"]+)"', answer.text)
        assert token
        kept = ana.client.post(
            "/security/devices/end", data={"csrf_token": token[1], "form_id": str(cast.ana.id)}
        )
        assert kept.location == "/security"

    def test_nobody_else_comes_in_under_her_page(self, ana: Browser, session: Session, cast: Cast) -> None:
        self.ended(ana, session)

        answer = ana.post_part("/sign-in/again", **self.form(cast.ben, member_id=str(cast.ana.id)))

        assert answer.status_code == 422
        assert ana.part("/inbox/counts").status_code == 401

    def test_a_second_factor_is_asked_for_there_too(self, ana: Browser, session: Session, cast: Cast) -> None:
        self.ended(ana, session)
        app = an_app(session, cast.ana)

        asked = ana.post_part("/sign-in/again", **self.form(cast.ana))
        of_page = {"member_id": str(cast.ana.id)}
        wrong = ana.post_part("/sign-in/again/code", code="0", **of_page)
        right = ana.post_part("/sign-in/again/code", code=now_of(session, app), **of_page)

        assert 'name="code"' in asked.text
        assert wrong.status_code == 422
        assert "data-inside" in right.text

    def test_the_code_of_somebody_else_opens_nothing_under_her_page(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        self.ended(ana, session)
        app = an_app(session, cast.ben)
        ana.post("/sign-in", login="ben", password=PASSWORD)

        answer = ana.post_part("/sign-in/again/code", code=now_of(session, app), member_id=str(cast.ana.id))

        assert "data-inside" not in answer.text
        assert ana.part("/inbox/counts").status_code == 401

    def test_another_tab_may_have_signed_in_already(self, ana: Browser, cast: Cast) -> None:
        assert f'data-inside="{cast.ana.id}"' in ana.part("/sign-in/again").text
