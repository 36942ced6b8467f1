"""Roles: their table, changing them, and what their members lose by it."""

import html
import re

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.inbox.task import State
from triage.domain.practice.privileges import SWITCHES, Messages, Role


def test_the_table_shows_every_role_with_its_members(admin: Browser, cast: Cast) -> None:
    page = admin.get("/settings/roles").text

    assert all(name in page for name in cast.roles)


def test_an_admin_adds_a_role(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post(
        "/settings/roles/new",
        name="Night desk",
        messages="assigned",
        privileges=["patients", "export"],
        own_facilities_only="yes",
    )

    role = session.scalars(select(Role).where(Role.name == "Night desk")).one()
    assert answer.location == "/settings/roles"
    assert role.practice_id == cast.practice_id
    assert role.messages is Messages.ASSIGNED
    assert (role.patients, role.export, role.own_facilities_only) == (True, True, True)
    assert (role.members, role.settings, role.purge) == (False, False, False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": ""}, "Give the role a name."),
        ({"name": "Supervisor"}, "Another role has this name."),
        ({"messages": "some"}, "Choose what the role may see."),
        ({"privileges": ["everything"]}, "Choose among the offered privileges."),
    ],
)
def test_a_role_that_cannot_be_is_refused(
    admin: Browser, session: Session, given: dict[str, object], sentence: str
) -> None:
    wanted = {"name": "Night desk", "messages": "all", "privileges": ["patients"], **given}

    answer = admin.post("/settings/roles/new", **wanted)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert session.scalar(select(Role.id).where(Role.name == "Night desk")) is None


def test_the_name_of_a_role_of_the_product_stays(admin: Browser, session: Session, cast: Cast) -> None:
    role = cast.roles["Care team"]

    answer = admin.post(f"/settings/roles/{role.id}", name="Nurses", messages="all")

    assert answer.status_code == 422
    assert session.get_one(Role, role.id).name == "Care team"


def test_the_last_role_that_may_administer_members_keeps_it(
    admin: Browser, session: Session, cast: Cast
) -> None:
    role = cast.roles["Practice admin"]

    answer = admin.post(f"/settings/roles/{role.id}", name=role.name, messages="all", privileges=["settings"])

    assert answer.status_code == 422
    assert "Nobody could administer members any more." in answer.text
    assert session.get_one(Role, role.id).members is True


def test_a_role_may_lose_members_when_somebody_else_has_it(
    admin: Browser, session: Session, cast: Cast
) -> None:
    builders.a_member(
        session, cast=cast, role=builders.a_role(session, cast=cast, messages="none", members=True)
    )
    role = cast.roles["Practice admin"]

    answer = admin.post(f"/settings/roles/{role.id}", name=role.name, messages="all", privileges=["settings"])

    assert answer.location == "/settings"
    assert session.get_one(Role, role.id).members is False
    assert admin.get("/settings/roles").status_code == 403


def test_who_loses_all_messages_gives_back_the_tasks_and_is_signed_out(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    role = cast.roles["Assigned only"]

    answer = admin.post(f"/settings/roles/{role.id}", name=role.name, messages="none")

    session.expire_all()
    assert answer.status_code == 303
    assert task.state is State.PENDING
    assert "1 open task went back to the queue." in admin.get("/settings/roles").text
    assert ben.get("/preferences").status_code == 303


def test_a_role_that_keeps_its_messages_keeps_its_tasks(
    admin: Browser, ben: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast, assignees=[cast.ben])
    role = cast.roles["Assigned only"]

    admin.post(f"/settings/roles/{role.id}", name=role.name, messages="all", privileges=["patients"])

    session.expire_all()
    assert task.state is State.ASSIGNED
    assert ben.get("/inbox/unassigned").status_code == 200


def test_a_wall_between_locations_takes_what_lies_behind_it(
    admin: Browser, session: Session, cast: Cast
) -> None:
    """Ana works nowhere yet: with the wall, the task of the north location is out of her reach."""
    task = builders.a_task(session, cast=cast, assignees=[cast.ana])
    role = cast.roles["Care team"]

    admin.post(f"/settings/roles/{role.id}", name=role.name, messages="all", own_facilities_only="yes")

    session.expire_all()
    assert task.state is State.PENDING


def test_the_change_of_a_role_is_noted_by_its_fields(admin: Browser, session: Session, cast: Cast) -> None:
    role = cast.roles["Supervisor"]

    admin.post(f"/settings/roles/{role.id}", name=role.name, messages="all", privileges=["patients", "purge"])

    noted = session.scalars(select(audit.Audit).where(audit.Audit.action == audit.Action.ROLE_CHANGED)).one()
    assert (noted.subject_id, noted.member_id) == (role.id, cast.admin.id)
    assert set(noted.detail["fields"].split(", ")) == {"dashboard", "export", "purge"}


def test_ana_can_change_no_role(ana: Browser, session: Session, cast: Cast) -> None:
    role = cast.roles["Care team"]

    answer = ana.post(f"/settings/roles/{role.id}", name=role.name, messages="all", privileges=["members"])

    assert answer.status_code == 403
    assert session.get_one(Role, role.id).members is False


def test_a_role_of_another_practice_does_not_exist(dan: Browser, cast: Cast) -> None:
    address = f"/settings/roles/{cast.roles['Care team'].id}"

    assert dan.get(address).status_code == 404
    assert dan.post(address, name="Care team", messages="none").status_code == 404


def a_table(session: Session, cast: Cast, **ticks: list[Role]) -> dict[str, list[str]]:
    """The form of the whole table as it is shown, with `ticks` in place of a row's own."""
    roles = list(session.scalars(select(Role).where(Role.practice_id == cast.practice_id).order_by(Role.id)))
    rows = {switch: [str(role.id) for role in roles if getattr(role, switch)] for switch in SWITCHES}
    rows |= {switch: [str(role.id) for role in ticked] for switch, ticked in ticks.items()}
    return {"messages": [f"{role.id}:{role.messages.value}" for role in roles], **rows}


def test_what_is_ticked_is_first_shown_with_those_it_concerns(
    admin: Browser, session: Session, cast: Cast
) -> None:
    builders.a_member(session, cast=cast, role=cast.roles["Care team"], name="Nia North")
    form = a_table(session, cast, export=[cast.roles["Practice admin"], cast.roles["Care team"]])

    page = admin.post("/settings/roles", **form).text

    assert "2 people gain" in page
    assert "Ana Alvarez" in page
    assert "Nia North" in page
    assert "Loses <strong>Export</strong>" in page
    assert session.get_one(Role, cast.roles["Care team"].id).export is False


def test_what_was_shown_is_saved_when_it_is_wanted(admin: Browser, session: Session, cast: Cast) -> None:
    form = a_table(session, cast, export=[cast.roles["Practice admin"], cast.roles["Care team"]])

    answer = admin.post("/settings/roles", **form, confirmed="yes")

    assert answer.status_code == 303
    assert session.get_one(Role, cast.roles["Care team"].id).export is True
    assert session.get_one(Role, cast.roles["Supervisor"].id).export is False
    assert "2 roles saved." in admin.get("/settings/roles").text


def test_a_table_without_a_difference_says_so(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/roles", **a_table(session, cast))

    assert answer.location == "/settings/roles"
    assert "Nothing was different." in admin.get("/settings/roles").text


@pytest.mark.parametrize("confirmed", ["", "yes"])
def test_the_table_never_leaves_nobody_who_administers(
    admin: Browser, session: Session, cast: Cast, confirmed: str
) -> None:
    answer = admin.post("/settings/roles", **a_table(session, cast, members=[]), confirmed=confirmed)

    assert answer.status_code == 422
    assert "Nobody could administer members any more." in answer.text
    assert session.get_one(Role, cast.roles["Practice admin"].id).members is True


def test_the_right_to_administer_moves_from_one_role_to_another_at_once(
    admin: Browser, session: Session, cast: Cast
) -> None:
    form = a_table(session, cast, members=[cast.roles["Care team"]])

    answer = admin.post("/settings/roles", **form, confirmed="yes")

    assert answer.status_code == 303
    assert session.get_one(Role, cast.roles["Care team"].id).members is True
    assert session.get_one(Role, cast.roles["Practice admin"].id).members is False


def test_who_saves_second_is_told_what_the_first_one_saved(
    admin: Browser, session: Session, cast: Cast
) -> None:
    found = re.search(r'name="seen" value="([^"]+)"', admin.get("/settings/roles").text)
    assert found
    form = a_table(session, cast, export=[cast.roles["Practice admin"], cast.roles["Care team"]])
    session.get_one(Role, cast.roles["Supervisor"].id).purge = True
    session.commit()

    answer = admin.post("/settings/roles", **form, confirmed="yes", seen=html.unescape(found[1]))

    assert answer.status_code == 409
    assert "Remove for good for Supervisor is now <bdi>on</bdi>" in answer.text
    assert session.get_one(Role, cast.roles["Care team"].id).export is False


def test_a_role_begins_as_a_copy_of_another(admin: Browser, cast: Cast) -> None:
    page = admin.get(f"/settings/roles/new?from={cast.roles['Supervisor'].id}").text

    assert 'value="Copy of Supervisor"' in page
    assert re.search(r'name="privileges" value="export" checked', page)


def test_a_role_that_nobody_has_is_removed(admin: Browser, session: Session, cast: Cast) -> None:
    role = builders.a_role(session, cast=cast, messages=Messages.ALL)

    answer = admin.post(f"/settings/roles/{role.id}/removal")

    assert answer.location == "/settings/roles"
    assert session.scalar(select(Role.id).where(Role.id == role.id)) is None


def test_a_role_that_somebody_has_stays_also_when_they_cannot_sign_in(
    admin: Browser, session: Session, cast: Cast
) -> None:
    role = builders.a_role(session, cast=cast, messages=Messages.ALL)
    former = builders.a_member(session, cast=cast, role=role)
    former.is_active = False
    session.commit()

    answer = admin.post(f"/settings/roles/{role.id}/removal")

    assert answer.status_code == 409
    assert "One person has this role." in answer.text


def test_a_role_of_the_product_stays(admin: Browser, cast: Cast) -> None:
    assert admin.post(f"/settings/roles/{cast.roles['Supervisor'].id}/removal").status_code == 409
