"""Members: who they are, where they work, what they prefer."""

from datetime import time
from typing import Any

import pytest
from sqlalchemy.orm import Session

from tests.cast import Cast
from triage.domain.practice import member as members
from triage.domain.practice.member import Density, Notice, Theme, find_member, initials_of, load_member
from triage.domain.practice.privileges import Privilege
from triage.kit import clock, db
from triage.kit.errors import Invalid, NotFound

PREFERENCES: dict[str, Any] = {
    "theme": "dark",
    "density": "compact",
    "notify_sound": "all",
    "notify_popup": "mine",
    "notify_tune": "drop",
    "notify_unread": False,
    "notify_verification": "all",
    "quiet_from": "22:00",
    "quiet_until": "7:30",
    "single_keys": False,
    "enter_sends": True,
    "is_available_for_chat": False,
    "is_away": True,
}


def add(session: Session, cast: Cast, **given: str) -> members.Member:
    values = {"login": "eve", "name": "Eve Ellis", **given}
    role = cast.roles["Care team"]
    return members.add_member(
        session, cast.practice_id, role_id=role.id, password_hash=None, now=clock.now(session), **values
    )


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Ana Alvarez", "AA"),
        ("Ana Maria de la Cruz", "AC"),
        ("Dr. Sato", "S"),
        ("Dr. Kenji Sato", "KS"),
        ("ben", "B"),
        ("Özil Åberg", "ÖÅ"),
        ("(Jo) Lee", "L"),
        ("", "?"),
    ],
)
def test_initials_are_those_of_the_first_and_the_last_name(name: str, initials: str) -> None:
    assert initials_of(name) == initials


def test_a_person_keeps_their_colour() -> None:
    ids = [db.new_id() for _ in range(200)]

    assert [members.hue_of(id_) for id_ in ids] == [members.hue_of(id_) for id_ in ids]
    assert {members.hue_of(id_) for id_ in ids} == set(range(members.HUES))


@pytest.mark.parametrize(("name", "first"), [("Dana Fox", "Dana"), ("Dr. Sato", "Dr. Sato"), ("Jo", "Jo")])
def test_a_signed_text_ends_with_the_first_name(name: str, first: str, session: Session, cast: Cast) -> None:
    assert add(session, cast, name=name).first_name == first


def test_a_login_is_written_small(session: Session, cast: Cast) -> None:
    assert add(session, cast, login=" EVE ").login == "eve"


@pytest.mark.parametrize("login", ["", "two words", "ümlaut", "ana", "DAN"])
def test_a_login_that_is_taken_or_cannot_be_typed_is_refused(
    login: str, session: Session, cast: Cast
) -> None:
    with pytest.raises(Invalid) as refusal:
        add(session, cast, login=login)
    assert list(refusal.value.fields) == ["login"]


def test_a_member_needs_a_name_and_a_role_of_the_practice(session: Session, cast: Cast) -> None:
    with pytest.raises(Invalid):
        add(session, cast, name="  ")
    with pytest.raises(NotFound):
        members.add_member(
            session,
            cast.practice_id,
            login="eve",
            name="Eve",
            role_id=cast.dan.role_id,
            password_hash=None,
            now=clock.now(session),
        )


def test_a_member_of_another_practice_is_not_found(session: Session, cast: Cast) -> None:
    with pytest.raises(NotFound):
        find_member(session, cast.practice_id, cast.dan.id)
    assert members.briefs(session, cast.practice_id, {cast.dan.id, cast.ana.id}).keys() == {cast.ana.id}


def test_facilities_are_replaced(session: Session, cast: Cast) -> None:
    eve = add(session, cast)
    members.set_facilities(session, eve, {cast.north.id})
    members.set_facilities(session, eve, {cast.south.id})

    loaded = load_member(session, eve.id)

    assert loaded is not None
    assert [place.facility_id for place in loaded.at_facilities] == [cast.south.id]


def test_preferences_are_changed(session: Session, cast: Cast) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)

    members.change_preferences(ana, **PREFERENCES)
    session.flush()
    session.refresh(ana)

    assert (ana.theme, ana.density) == (Theme.DARK, Density.COMPACT)
    assert (ana.notify_sound, ana.notify_popup) == (Notice.ALL, Notice.MINE)
    assert (ana.quiet_from, ana.quiet_until) == (time(22), time(7, 30))
    assert (ana.single_keys, ana.enter_sends) == (False, True)
    assert (ana.is_available_for_chat, ana.is_away) == (False, True)


@pytest.mark.parametrize("field", ["theme", "density", "notify_sound", "notify_popup", "notify_tune"])
def test_a_word_that_is_no_choice_is_refused(field: str, session: Session, cast: Cast) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)

    with pytest.raises(Invalid):
        members.change_preferences(ana, **{**PREFERENCES, field: "purple"})


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        ("22:00", "", "quiet_until"),
        ("", "07:00", "quiet_from"),
        ("late", "07:00", "quiet_from"),
        ("22:00", "22:00", "quiet_until"),
    ],
)
def test_quiet_hours_are_two_different_times(
    since: str, until: str, field: str, session: Session, cast: Cast
) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)

    with pytest.raises(Invalid) as refusal:
        members.change_preferences(ana, **{**PREFERENCES, "quiet_from": since, "quiet_until": until})

    assert set(refusal.value.fields) == {field}


def test_quiet_hours_can_be_left_empty(session: Session, cast: Cast) -> None:
    ana = find_member(session, cast.practice_id, cast.ana.id)

    members.change_preferences(ana, **{**PREFERENCES, "quiet_from": "", "quiet_until": " "})

    assert (ana.quiet_from, ana.quiet_until) == (None, None)


def test_everybody_is_listed_active_first(session: Session, cast: Cast) -> None:
    find_member(session, cast.practice_id, cast.ana.id).is_active = False
    session.flush()

    names = [member.name for member in members.members_of(session, cast.practice_id)]

    assert names == ["Ada Admin", "Ben Brook", "Cleo Carter", "Ana Alvarez"]


@pytest.mark.parametrize(
    ("name", "privileges"),
    [
        ("ana", {Privilege.MESSAGES, Privilege.ALL_MESSAGES, Privilege.PATIENTS}),
        ("ben", {Privilege.MESSAGES}),
        ("cleo", set()),
        ("admin", set(Privilege) - {Privilege.SIGNED_IN}),
    ],
)
def test_each_role_may_what_its_table_says(name: str, privileges: set[Privilege], cast: Cast) -> None:
    member = getattr(cast, name)

    assert {one for one in Privilege if member.may(one)} == privileges | {Privilege.SIGNED_IN}
