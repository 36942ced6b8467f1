"""The care team's tab, the panel beside a conversation, and the question whether to be notified."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PAT_NUMBER, Cast
from tests.web.conftest import Browser
from triage.domain.inbox.task import Task
from triage.domain.patients import care_team
from triage.domain.patients.care_team import CareTeamMember
from triage.domain.patients.following import PatientFollower
from triage.domain.patients.patient import Enrolment
from triage.domain.practice.member import Member
from triage.domain.practice.privileges import Messages


def tab(cast: Cast, rest: str = "") -> str:
    return f"/patients/{cast.pat.id}/care-team{rest}"


def the_text_of_pat(session: Session, cast: Cast) -> Task:
    return builders.a_task(session, cast=cast, number=PAT_NUMBER)


def answers(session: Session) -> list[tuple[Any, bool]]:
    session.expire_all()
    return [(one.member_id, one.is_on) for one in session.scalars(select(PatientFollower))]


class TestTheTab:
    def test_a_member_joins_changes_and_leaves(self, ana: Browser, session: Session, cast: Cast) -> None:
        answer = ana.post(
            tab(cast), member_ids=cast.ben.id, role="Physician", since_on="2024-03-01", is_primary="yes"
        )
        assert answer.location == tab(cast)
        assert "Physician · primary · since 1 Mar 2024" in ana.get(tab(cast)).text

        ana.post(tab(cast, f"/{cast.ben.id}"), role="Consultant", since_on="2024-03-02")
        assert "Consultant · since 2 Mar 2024" in ana.get(tab(cast)).text

        ana.post(tab(cast, f"/{cast.ben.id}/end"), until_on="2024-06-30")
        page = ana.get(tab(cast)).text
        assert "Consultant · 2 Mar 2024 until 30 Jun 2024" in page
        assert session.scalars(select(CareTeamMember)).all() == []

    def test_what_was_typed_stays_when_something_is_wrong(self, ana: Browser, cast: Cast) -> None:
        answer = ana.post(tab(cast), member_ids=cast.ben.id, role="Physician", since_on="2999-01-01")

        assert answer.status_code == 422
        assert "The first day lies in the future." in answer.text
        assert 'value="Physician"' in answer.text
        assert f'<option value="{cast.ben.id}" selected>' in answer.text

    def test_only_those_who_may_see_the_patient_are_offered(
        self, ana: Browser, session: Session, cast: Cast
    ) -> None:
        wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
        sol = builders.a_member(session, cast=cast, role=wall, name="Sol South", facilities=[cast.south])

        assert "Sol South" not in ana.get(tab(cast)).text
        assert ana.post(tab(cast), member_ids=sol.id).status_code == 422

    def test_who_was_overtaken_sees_what_a_colleague_saved(
        self, ana: Browser, admin: Browser, session: Session, cast: Cast
    ) -> None:
        builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben)
        session.commit()
        seen = '{"is_primary": false, "role": "", "since_on": ""}'
        admin.post(tab(cast, f"/{cast.ben.id}"), role="Nurse", seen=seen)

        answer = ana.post(tab(cast, f"/{cast.ben.id}"), role="Physician", seen=seen)

        assert answer.status_code == 409
        assert "Role in the team is now" in answer.text
        assert 'value="Physician"' in answer.text

    def test_without_the_privilege_it_is_only_looked_at(
        self, browser_of: Callable[[Member], Browser], session: Session, cast: Cast
    ) -> None:
        role = builders.a_role(session, cast=cast, messages=Messages.ALL)
        reader = browser_of(builders.a_member(session, cast=cast, role=role))
        builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben)
        session.commit()

        page = reader.get(tab(cast)).text

        assert "Ben Brook" in page
        assert "Add a member" not in page
        assert reader.post(tab(cast), member_ids=cast.ana.id).status_code == 403
        assert reader.get(tab(cast, f"/{cast.ben.id}")).status_code == 403

    @pytest.mark.parametrize("who", ["ben", "cleo", "dan"])
    def test_others_have_no_such_page(self, request: pytest.FixtureRequest, cast: Cast, who: str) -> None:
        browser: Browser = request.getfixturevalue(who)

        assert browser.get(tab(cast)).status_code == 404
        assert browser.post(tab(cast), member_ids=cast.ben.id).status_code in (403, 404)


class TestTheQuestion:
    def test_it_is_asked_until_it_is_answered(self, ana: Browser, session: Session, cast: Cast) -> None:
        task = the_text_of_pat(session, cast)
        page = f"/inbox/all/c/{task.conversation_id}"
        assert "Notify me about this patient?" in ana.get(page).text

        answer = ana.post(f"/conversations/{task.conversation_id}/following", answer="no", back=page)

        assert answer.location == page
        assert answers(session) == [(cast.ana.id, False)]
        shown = ana.get(page).text
        assert "Notify me about this patient?" not in shown
        assert "Notify me</button>" in shown

    def test_a_yes_shows_the_member_with_a_way_out(self, ana: Browser, session: Session, cast: Cast) -> None:
        task = the_text_of_pat(session, cast)
        page = f"/inbox/all/c/{task.conversation_id}"

        answer = ana.post_part(f"/conversations/{task.conversation_id}/following", at=page, answer="yes")

        assert "Notification user" in answer.text
        assert "Turn off notifications" in answer.text
        assert "#panel-slot" in answer.text
        ana.post(f"/conversations/{task.conversation_id}/following", answer="no", back=page)
        assert answers(session) == [(cast.ana.id, False)]

    def test_colleagues_see_the_follower_and_cannot_turn_it_off(
        self, ana: Browser, admin: Browser, session: Session, cast: Cast
    ) -> None:
        ana.post(f"/patients/{cast.pat.id}/following", answer="yes")

        page = admin.get(tab(cast)).text

        assert "Notification user" in page
        assert "Turn off" not in page

    def test_the_care_team_is_not_asked(self, ana: Browser, session: Session, cast: Cast) -> None:
        builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ana)
        task = the_text_of_pat(session, cast)

        assert "Notify me" not in ana.get(f"/inbox/all/c/{task.conversation_id}").text

    def test_an_unknown_number_asks_nothing(self, ana: Browser, session: Session, cast: Cast) -> None:
        task = builders.a_task(session, cast=cast)

        assert "Notify me" not in ana.get(f"/inbox/all/c/{task.conversation_id}").text
        answer = ana.post(f"/conversations/{task.conversation_id}/following", answer="yes")
        assert answer.status_code == 404

    def test_who_sees_only_assigned_messages_follows_nobody(
        self, ben: Browser, session: Session, cast: Cast
    ) -> None:
        task = builders.a_task(session, cast=cast, number=PAT_NUMBER, assignees=[cast.ben])

        assert "Notify me" not in ben.get(f"/inbox/mine/c/{task.conversation_id}").text
        assert ben.post(f"/patients/{cast.pat.id}/following", answer="yes").status_code == 403
        assert answers(session) == []

    def test_through_a_wall_nobody_is_followed(
        self, browser_of: Callable[[Member], Browser], session: Session, cast: Cast
    ) -> None:
        wall = builders.a_role(session, cast=cast, messages=Messages.ALL, own_facilities_only=True)
        sol = browser_of(builders.a_member(session, cast=cast, role=wall, facilities=[cast.south]))

        assert sol.post(f"/patients/{cast.pat.id}/following", answer="yes").status_code == 404
        assert answers(session) == []


def test_who_is_kept_out_of_the_program_finds_no_team_and_follows_nobody(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    program = builders.a_program(session, cast=cast)
    session.add(Enrolment(practice_id=cast.practice_id, patient_id=cast.pat.id, program_id=program.id))
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben)
    task = the_text_of_pat(session, cast)
    role = cast.roles["Care team"]
    eve = browser_of(builders.a_member(session, cast=cast, role=role, kept_out_of=[program]))

    assert eve.get(tab(cast)).status_code == 404
    assert eve.post(tab(cast), member_ids=cast.ana.id).status_code == 404
    assert eve.get(tab(cast, f"/{cast.ben.id}")).status_code == 404
    assert eve.post(tab(cast, f"/{cast.ben.id}/end")).status_code == 404
    assert eve.post(f"/patients/{cast.pat.id}/following", answer="yes").status_code == 404
    assert eve.post(f"/conversations/{task.conversation_id}/following", answer="yes").status_code == 404
    assert answers(session) == []


def test_the_panel_says_who_is_notified_and_why_not(ana: Browser, session: Session, cast: Cast) -> None:
    builders.a_place_in_care_team(session, patient=cast.pat, member=cast.ben, is_primary=True)
    task = the_text_of_pat(session, cast)

    page = ana.get(f"/inbox/all/c/{task.conversation_id}").text

    assert "Not notified: only assigned messages" in page
    assert [place.is_primary for place in care_team.team_of(session, cast.practice_id, cast.pat.id)] == [True]
