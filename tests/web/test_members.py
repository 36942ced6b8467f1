"""The people of a practice: adding, changing, switching off, passwords, signing out."""

import html
import re
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import PASSWORD, Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.inbox.task import State, Task, TaskEvent
from triage.domain.practice import member as members
from triage.domain.practice import sign_in
from triage.domain.practice.member import Member
from triage.domain.practice.sign_in import MemberSession
from triage.kit import clock

NEW_PASSWORD = "another long password"


def the_form(member: Member, **changed: Any) -> dict[str, Any]:
    """What the page of this member sends when nothing is touched."""
    form = {"login": member.login, "name": member.name, "role_id": str(member.role_id), "is_active": "yes"}
    return {name: value for name, value in {**form, **changed}.items() if value is not None}


def test_the_list_names_everybody_of_the_practice_and_nobody_else(admin: Browser) -> None:
    page = admin.get("/settings/members").text

    assert all(name in page for name in ("Ana Alvarez", "Ben Brook", "Cleo Carter"))
    assert "Dan Drew" not in page


def test_who_has_not_come_yet_is_counted_apart(admin: Browser, session: Session, cast: Cast) -> None:
    here = len([one for one in members.members_of(session, cast.practice_id) if one.is_active])

    session.execute(update(Member).where(Member.id == cast.ben.id).values(password_hash=None))
    session.commit()

    assert f"{here - 1} members, 1 invited." in admin.get("/settings/members").text


def test_an_admin_adds_somebody_who_can_then_sign_in(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post(
        "/settings/members/new",
        login=" Eve.Ellis ",
        name="Eve  Ellis",
        role_id=str(cast.roles["Care team"].id),
        password=NEW_PASSWORD,
        facility_ids=[str(cast.north.id)],
    )

    eve = sign_in.check_password(session, "eve.ellis", NEW_PASSWORD)
    assert answer.location == "/settings/members"
    assert eve is not None
    assert (eve.name, eve.practice_id) == ("Eve Ellis", cast.practice_id)
    assert members.facility_ids_of(session, eve) == {cast.north.id}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"login": "ana"}, "This login is taken."),
        ({"login": "dan"}, "This login is taken."),
        ({"login": "e e"}, "Use 2 to 64 letters"),
        ({"name": ""}, "Enter the person&#39;s name."),
        ({"password": "short"}, "Use at least 12 characters."),
        ({"password": "x" * 129}, "Use at most 128 characters."),
        ({"role_id": ""}, "Choose a role."),
        ({"facility_ids": ["nonsense"]}, "Choose among the locations"),
        ({"program_ids": ["nonsense"]}, "Choose among the programs"),
    ],
)
def test_somebody_who_cannot_be_added_is_refused(
    admin: Browser, session: Session, cast: Cast, given: dict[str, Any], sentence: str
) -> None:
    wanted = {
        "login": "eve",
        "name": "Eve Ellis",
        "role_id": str(cast.roles["Care team"].id),
        "password": NEW_PASSWORD,
        **given,
    }

    answer = admin.post("/settings/members/new", **wanted)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{wanted["password"]}"' not in answer.text
    assert session.scalar(select(Member.id).where(Member.login == "eve")) is None


def test_a_role_of_another_practice_cannot_be_given(dan: Browser, session: Session, cast: Cast) -> None:
    answer = dan.post(
        "/settings/members/new",
        login="eve",
        name="Eve",
        role_id=str(cast.roles["Care team"].id),
        password=NEW_PASSWORD,
    )

    assert answer.status_code == 422


def test_an_admin_changes_somebody(admin: Browser, session: Session, cast: Cast) -> None:
    program = builders.a_program(session, cast=cast)
    session.commit()

    answer = admin.post(
        f"/settings/members/{cast.ben.id}",
        **the_form(
            cast.ben,
            name="Benjamin Brook",
            role_id=str(cast.roles["Supervisor"].id),
            is_away="yes",
            facility_ids=[str(cast.north.id), str(cast.south.id)],
            program_ids=[str(program.id)],
        ),
    )

    ben = members.find_member(session, cast.practice_id, cast.ben.id)
    assert answer.location == "/settings/members"
    assert (ben.name, ben.role.name, ben.is_away) == ("Benjamin Brook", "Supervisor", True)
    assert members.facility_ids_of(session, ben) == {cast.north.id, cast.south.id}
    assert members.kept_out_of_ids(session, ben) == {program.id}


def test_who_changes_a_member_second_is_told_what_the_first_one_changed(
    admin: Browser, session: Session, cast: Cast
) -> None:
    ben = session.get_one(Member, cast.ben.id)
    page = admin.get(f"/settings/members/{ben.id}").text
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen
    ben.is_away = True
    session.commit()

    answer = admin.post(
        f"/settings/members/{ben.id}", **the_form(ben, name="Benjamin Brook", seen=html.unescape(seen[1]))
    )

    assert answer.status_code == 409
    assert "Away is now <bdi>on</bdi>; it was <bdi>off</bdi>." in answer.text
    assert 'value="Benjamin Brook"' in answer.text
    assert session.get_one(Member, ben.id).name == "Ben Brook"


def test_a_change_is_noted_by_names_of_fields_and_never_by_what_they_hold(
    admin: Browser, session: Session, cast: Cast
) -> None:
    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben, name="Benjamin Brook", is_away="yes"))

    noted = _noted(session)
    assert noted.subject_id == cast.ben.id
    assert noted.detail == {"fields": "name, is_away"}


def test_an_untouched_form_notes_nothing(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben))

    assert session.scalar(select(audit.Audit.id).where(audit.Audit.action == "member_changed")) is None


def test_who_is_switched_off_gives_back_the_tasks_with_the_reason_and_is_signed_out(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben, is_active=None))

    session.expire_all()
    assert task.state is State.PENDING
    assert _last_event(session, task).why == "its assignee left"
    assert _last_event(session, task).member_id is None
    assert ben.get("/preferences").status_code == 303
    assert sign_in.check_password(session, "ben", PASSWORD) is None
    assert "1 open task went back to the queue." in admin.get("/settings/members").text


def test_a_task_that_somebody_else_has_too_stays_with_them(
    admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben, cast.ana])

    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben, is_active=None))

    session.expire_all()
    assert task.state is State.ASSIGNED
    assert task.owner_id == cast.ana.id


def test_who_gets_a_role_without_messages_gives_back_the_tasks_and_is_signed_out(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    role_id = str(cast.roles["No messages"].id)

    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben, role_id=role_id))

    session.expire_all()
    assert task.state is State.PENDING
    assert _last_event(session, task).why == "its assignee may no longer read messages"
    assert ben.get("/preferences").status_code == 303


def test_who_is_away_keeps_the_tasks_and_stays_signed_in(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])

    admin.post(f"/settings/members/{cast.ben.id}", **the_form(cast.ben, is_away="yes"))

    session.expire_all()
    assert task.state is State.ASSIGNED
    assert ben.get("/inbox/mine").status_code == 200


@pytest.mark.parametrize("change", [{"is_active": None}, {"role": "Care team"}])
def test_the_last_administrator_stays(
    admin: Browser, session: Session, cast: Cast, change: dict[str, Any]
) -> None:
    if "role" in change:
        change = {"role_id": str(cast.roles[change["role"]].id)}

    answer = admin.post(f"/settings/members/{cast.admin.id}", **the_form(cast.admin, **change))

    admin_now = members.find_member(session, cast.practice_id, cast.admin.id)
    assert answer.status_code == 422
    assert "Nobody could administer members any more." in answer.text
    assert (admin_now.is_active, admin_now.role_id) == (True, cast.admin.role_id)


def test_an_admin_sets_a_password_which_ends_every_session(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    answer = admin.post(f"/settings/members/{cast.ben.id}/password", password=NEW_PASSWORD)

    assert answer.location == f"/settings/members/{cast.ben.id}"
    assert sign_in.check_password(session, "ben", NEW_PASSWORD) is not None
    assert ben.get("/preferences").status_code == 303
    assert _noted(session).detail == {"fields": "password"}


def test_a_password_that_is_too_short_changes_nothing(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    answer = admin.post(f"/settings/members/{cast.ben.id}/password", password="short")

    assert answer.status_code == 422
    assert "Use at least 12 characters." in answer.text
    assert sign_in.check_password(session, "ben", PASSWORD) is not None
    assert ben.get("/preferences").status_code == 200


def test_an_admin_signs_somebody_out_everywhere(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    assert "On 1 browser now" in admin.get(f"/settings/members/{cast.ben.id}").text

    admin.post(f"/settings/members/{cast.ben.id}/sign-out")

    assert ben.get("/preferences").status_code == 303
    assert "Nowhere at the moment" in admin.get(f"/settings/members/{cast.ben.id}").text


@pytest.mark.parametrize("deed", ["", "/password", "/sign-out"])
def test_ana_can_do_nothing_to_a_member(ana: Browser, ben: Browser, cast: Cast, deed: str) -> None:
    address = f"/settings/members/{cast.ben.id}{deed}"

    assert ana.post(address, **the_form(cast.ben), password=NEW_PASSWORD).status_code == 403
    assert ben.get("/preferences").status_code == 200


@pytest.mark.parametrize("deed", ["", "/password", "/sign-out"])
def test_a_member_of_another_practice_does_not_exist(
    dan: Browser, ben: Browser, cast: Cast, deed: str
) -> None:
    address = f"/settings/members/{cast.ben.id}{deed}"

    assert dan.get(f"/settings/members/{cast.ben.id}").status_code == 404
    assert dan.post(address, **the_form(cast.ben), password=NEW_PASSWORD).status_code == 404
    assert ben.get("/preferences").status_code == 200


def _noted(session: Session) -> audit.Audit:
    return session.scalars(select(audit.Audit).where(audit.Audit.action == audit.Action.MEMBER_CHANGED)).one()


def _last_event(session: Session, task: Task) -> TaskEvent:
    return session.scalars(
        select(TaskEvent).where(TaskEvent.task_id == task.id).order_by(TaskEvent.version.desc()).limit(1)
    ).one()


@pytest.mark.parametrize("what", ["password", "second-factor/reset"])
def test_how_somebody_signs_in_is_changed_only_by_who_has_shown_lately_who_they_are(
    what: str, admin: Browser, session: Session, cast: Cast
) -> None:
    """An unattended desk must not open the accounts of others, nor one's own without the old password."""
    session.execute(update(MemberSession).values(proved_at=clock.now(session) - sign_in.FRESH_FOR))
    session.commit()
    page = f"/settings/members/{cast.admin.id}"

    answer = admin.post(f"{page}/{what}", password=NEW_PASSWORD, back=page)

    assert answer.location == f"/security/confirmation?next={page}"
    assert sign_in.check_password(session, cast.admin.login, NEW_PASSWORD) is None


def test_an_unattended_desk_invites_nobody(admin: Browser, session: Session, cast: Cast) -> None:
    session.execute(update(MemberSession).values(proved_at=clock.now(session) - sign_in.FRESH_FOR))
    session.commit()
    nobody = {"login": "eve", "name": "Eve Ellis", "role_id": str(cast.roles["Care team"].id)}

    asked = admin.get("/settings/members/new")
    refused = admin.post("/settings/members/new", **nobody, back="/settings/members/new")

    assert asked.location.startswith("/security/confirmation")
    assert refused.location == "/security/confirmation?next=/settings/members/new"
    assert session.scalars(select(Member).where(Member.login == "eve")).all() == []


def test_an_unattended_desk_sends_no_links_elsewhere(admin: Browser, session: Session, cast: Cast) -> None:
    page = f"/settings/members/{cast.ana.id}"
    session.execute(update(MemberSession).values(proved_at=clock.now(session) - sign_in.FRESH_FOR))
    session.commit()

    refused = admin.post(page, **the_form(cast.ana, name="Ana Alba", email="thief@elsewhere.example"))
    allowed = admin.post(page, **the_form(cast.ana, name="Ana Alba"))

    assert refused.status_code == 422
    assert "Confirm that it is you first." in refused.text
    assert f"/security/confirmation?next={page}" in refused.text
    assert allowed.status_code == 303
    session.refresh(found := session.get_one(Member, cast.ana.id))
    assert (found.name, found.email) == ("Ana Alba", cast.ana.email)
