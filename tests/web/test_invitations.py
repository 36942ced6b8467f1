"""Invitations and new passwords by letter: links that open one account once, and tell a stranger nothing."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tests.cast import PASSWORD, SECRET_KEY, Cast
from tests.web.conftest import Browser
from triage.config import Settings
from triage.domain import mail
from triage.domain.access import resets, tokens
from triage.domain.access.resets import ResetRequest
from triage.domain.access.tokens import MemberToken
from triage.domain.mail import Letter, State, Template
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member, find_member
from triage.domain.practice.practice import SecondFactor, find_practice
from triage.kit import clock
from triage.kit.errors import NotFound
from triage.kit.secrets import Vault

VAULT = Vault([SECRET_KEY])
GOOD = "seven quiet lamps"
NORA = {"name": "Nora New", "login": "nora", "email": "nora@clinic.example"}


def invite(admin: Browser, session: Session, cast: Cast, **given: str) -> str:
    """Nora is invited; returns the path of the link in her letter."""
    admin.post("/settings/members/new", role_id=str(cast.roles["Care team"].id), **{**NORA, **given})
    return the_link(session, Template.INVITATION)


def the_link(session: Session, template: Template) -> str:
    session.commit()
    newest = select(Letter).where(Letter.template == template).order_by(Letter.id.desc())
    letter = session.scalars(newest).first()
    assert letter is not None
    values = json.loads(VAULT.open(letter.values_sealed or "", about=f"letter {letter.id}") or "{}")
    return str(values["link"]).removeprefix("http://localhost")


def nora(session: Session) -> Member:
    return session.scalars(select(Member).where(Member.login == "nora")).one()


class TestInviting:
    def test_nora_is_invited_chooses_a_password_and_is_in(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        assert "Elm Street Clinic" in stranger.get(link).text

        answer = stranger.post(link, password=GOOD)

        assert answer.location == "/security"
        assert "Welcome to Elm Street Clinic" in stranger.get("/security").text
        assert sign_in.check_password(session, "nora", GOOD) is not None
        assert sign_in.check_password(session, "NORA@clinic.example", GOOD) is not None

    def test_where_everybody_needs_a_second_factor_it_comes_next(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        find_practice(session, cast.practice_id).second_factor = SecondFactor.EVERYBODY
        session.commit()

        stranger.post(link, password=GOOD)

        assert stranger.get("/inbox/unassigned").location == "/security/app"

    @pytest.mark.parametrize(
        ("password", "sentence"),
        [
            ("short", "at least 12"),
            ("", "at least 12"),
            ("passwordpassword", "easy to guess"),
            ("elm street clinic", "easy to guess"),
        ],
    )
    def test_a_poor_password_uses_nothing_up(
        self, password: str, sentence: str, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)

        answer = stranger.post(link, password=password)

        assert answer.status_code == 422
        assert sentence in answer.text
        assert stranger.post(link, password=GOOD).status_code == 303

    def test_a_link_works_once(self, admin: Browser, app: Any, session: Session, cast: Cast) -> None:
        link = invite(admin, session, cast)
        Browser(app.test_client()).post(link, password=GOOD)

        again = Browser(app.test_client())
        assert again.get(link).status_code == 404
        assert again.post(link, password="another good one here").status_code == 404
        assert sign_in.check_password(session, "nora", GOOD) is not None

    @pytest.mark.parametrize(
        "spoil",
        [
            str.swapcase,
            str.upper,
            lambda token: token[:-1],
            lambda token: token + "A",
            lambda token: "%20",
            lambda token: " " + token,
            lambda token: token + "%00",
        ],
    )
    def test_no_other_link_does(
        self, spoil: Callable[[str], str], admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        token = invite(admin, session, cast).removeprefix("/invitations/")

        assert stranger.get(f"/invitations/{spoil(token)}").status_code == 404
        assert stranger.post(f"/invitations/{spoil(token)}", password=GOOD).status_code == 404
        assert stranger.get(f"/password-reset/{token}").status_code == 404
        assert nora(session).password_hash is None

    def test_it_expires_after_seven_days(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        week = timedelta(days=7)
        session.execute(
            update(MemberToken).values(
                created_at=MemberToken.created_at - week, expires_at=MemberToken.expires_at - week
            )
        )
        session.commit()

        assert stranger.get(link).status_code == 404
        assert "has expired" in admin.get(f"/settings/members/{nora(session).id}").text

    def test_who_has_got_a_password_meanwhile_is_not_opened_by_the_link(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        admin.post(f"/settings/members/{nora(session).id}/password", password=GOOD)

        assert stranger.get(link).status_code == 404
        assert stranger.post(link, password="another good one here").status_code == 404
        assert sign_in.check_password(session, "nora", GOOD) is not None

    def test_another_address_voids_the_link_that_went_to_the_former_one(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        role_id = str(cast.roles["Care team"].id)

        admin.post(
            f"/settings/members/{nora(session).id}",
            role_id=role_id,
            is_active="yes",
            **{**NORA, "email": "nora@right.example"},
        )

        assert stranger.get(link).status_code == 404
        assert session.scalars(select(Letter.state)).all() == [State.FAILED]

    def test_inviting_again_voids_the_former_link(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        first = invite(admin, session, cast)

        admin.post(f"/settings/members/{nora(session).id}/invitation")
        second = the_link(session, Template.INVITATION)

        assert stranger.get(first).status_code == 404
        assert stranger.get(second).status_code == 200
        states = session.scalars(select(Letter.state).order_by(Letter.id)).all()
        assert states == [State.FAILED, State.WAITING]

    def test_a_revoked_link_is_void(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)

        admin.post(f"/settings/members/{nora(session).id}/invitation/revocation")

        assert stranger.get(link).status_code == 404
        assert "Revoked." in admin.get(f"/settings/members/{nora(session).id}").text

    def test_a_member_who_is_switched_off_does_not_come_in(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        link = invite(admin, session, cast)
        nora(session).is_active = False
        session.commit()

        assert stranger.post(link, password=GOOD).status_code == 404

    def test_who_has_a_password_is_not_invited(self, admin: Browser, cast: Cast) -> None:
        assert admin.post(f"/settings/members/{cast.ana.id}/invitation").status_code == 409

    def test_without_an_address_the_link_is_shown_once(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        role_id = str(cast.roles["Care team"].id)

        page = admin.post("/settings/members/new", role_id=role_id, **{**NORA, "email": ""})

        found = re.search(r'value="http://localhost(/invitations/[^"]+)"', page.text)
        assert found
        assert stranger.get(found[1]).status_code == 200
        assert session.scalar(select(func.count()).select_from(Letter)) == 0

    @pytest.mark.parametrize(
        "email", ["nora", "nora@", "@clinic.example", "no ra@clinic.example", "a@b.c", "x" * 300]
    )
    def test_what_is_no_address_is_refused(
        self, email: str, admin: Browser, session: Session, cast: Cast
    ) -> None:
        role_id = str(cast.roles["Care team"].id)

        answer = admin.post("/settings/members/new", role_id=role_id, **{**NORA, "email": email})

        assert answer.status_code == 422
        assert "name@clinic.example" in answer.text


class TestNewPassword:
    def ask(self, browser: Browser, session: Session, cast: Cast, login: str = "ana") -> None:
        find_member(session, cast.practice_id, cast.ana.id).email = "ana@clinic.example"
        session.commit()
        browser.post("/password-reset", login=login)
        self.answered(session)

    def answered(self, session: Session) -> None:
        """As a worker does it."""
        session.commit()
        resets.answer_requests(session, vault=VAULT, public_url="http://localhost", now=clock.now(session))
        session.commit()

    @pytest.mark.parametrize("login", ["ana", " ANA ", "Ana@Clinic.example"])
    def test_ana_chooses_a_new_password(
        self, login: str, stranger: Browser, ana: Browser, session: Session, cast: Cast
    ) -> None:
        self.ask(stranger, session, cast, login)
        link = the_link(session, Template.PASSWORD_RESET)
        assert "ana" in stranger.get(link).text

        answer = stranger.post(link, password=GOOD)

        assert answer.location == "/sign-in?done=password"
        assert "Your password is changed" in stranger.get(answer.location).text
        assert sign_in.check_password(session, "ana", GOOD) is not None
        assert ana.get("/preferences").status_code == 303
        assert stranger.get(link).status_code == 404
        told = session.scalars(select(Letter.template).order_by(Letter.id.desc())).first()
        assert told is Template.PASSWORD_CHANGED

    @pytest.mark.parametrize("by", ["ana", "admin"])
    def test_a_password_that_came_meanwhile_voids_the_link(
        self, by: str, stranger: Browser, ana: Browser, admin: Browser, session: Session, cast: Cast
    ) -> None:
        self.ask(stranger, session, cast, "ana")
        link = the_link(session, Template.PASSWORD_RESET)

        if by == "ana":
            ana.post("/security/password", old_password=PASSWORD, password=GOOD)
        else:
            admin.post(f"/settings/members/{cast.ana.id}/password", password=GOOD)

        assert stranger.get(link).status_code == 404
        assert sign_in.check_password(session, "ana", GOOD) is not None

    def test_who_asks_about_nobody_gets_the_same_answer(
        self, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        known = stranger.post("/password-reset", login="ana")
        unknown = stranger.post("/password-reset", login="nobody")

        def plain(text: str) -> str:
            return re.sub(r'(content|value)="[^"]+"', "", text)

        assert plain(known.text) == plain(unknown.text)
        assert known.status_code == unknown.status_code == 200
        # The same work, too: who is meant is looked up afterwards, by a worker.
        assert session.scalar(select(func.count()).select_from(ResetRequest)) == 2
        self.answered(session)
        assert session.scalar(select(func.count()).select_from(ResetRequest)) == 0
        assert session.scalar(select(func.count()).select_from(Letter)) == 0

    def test_a_link_holds_one_hour(self, stranger: Browser, session: Session, cast: Cast) -> None:
        self.ask(stranger, session, cast)
        link = the_link(session, Template.PASSWORD_RESET)
        token = link.rsplit("/", 1)[1]
        now = clock.now(session)

        purpose = tokens.Purpose.PASSWORD_RESET
        assert tokens.owner(session, token, purpose, now=now + timedelta(minutes=59)).login == "ana"
        with pytest.raises(NotFound):
            tokens.owner(session, token, purpose, now=now + timedelta(minutes=61))

    def test_asking_often_writes_few_letters(self, stranger: Browser, session: Session, cast: Cast) -> None:
        for _ in range(6):
            self.ask(stranger, session, cast)

        count = select(func.count()).select_from(Letter).where(Letter.template == Template.PASSWORD_RESET)
        assert session.scalar(count) == resets.BY_LOGIN.tries

    def test_somebody_invited_cannot_go_round_the_invitation(
        self, admin: Browser, stranger: Browser, session: Session, cast: Cast
    ) -> None:
        invite(admin, session, cast)

        stranger.post("/password-reset", login="nora")
        self.answered(session)

        assert mail.newest(session, nora(session), Template.PASSWORD_RESET) is None

    def test_without_a_mail_server_the_page_says_whom_to_ask(
        self, stranger: Browser, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from triage import config

        monkeypatch.setenv("TRIAGE_SMTP_URL", "")
        config.settings.cache_clear()

        assert "Ask your practice admin" in stranger.get("/password-reset").text
