"""Settings pages: the practice, its rules, locations and numbers, and who may open which of them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders, cast
from tests.cast import Cast
from tests.web.conftest import Browser
from triage.domain import audit
from triage.domain.inbox.task import Task
from triage.domain.practice.member import Member
from triage.domain.practice.practice import Facility, Practice, PracticeNumber
from triage.domain.practice.privileges import Messages

PRACTICE = {
    "name": "Elm Street Clinic",
    "time_zone": "America/New_York",
    "overdue_after_minutes": "120",
    "idle_minutes": "15",
    "hold_seconds": "0",
    "texting_on": "yes",
    "reply_assigns": "yes",
}
PAGES = [
    "/settings/practice",
    "/settings/hours",
    "/settings/numbers",
    "/settings/auto-assignment",
    "/settings/quarantine",
    "/settings/facilities/new",
    "/settings/numbers/new",
    "/settings/roles",
    "/settings/roles/new",
    "/settings/members",
    "/settings/members/new",
]


@pytest.mark.parametrize("address", PAGES)
def test_an_admin_opens_every_settings_page(admin: Browser, address: str) -> None:
    assert admin.get(address).status_code == 200


@pytest.mark.parametrize("address", PAGES)
def test_ana_may_not_open_a_settings_page(ana: Browser, address: str) -> None:
    assert ana.get(address).status_code == 403


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_is_asked_to_sign_in_first(stranger: Browser, address: str) -> None:
    assert stranger.get(address).status_code == 303


def test_settings_begin_with_the_first_page_that_the_role_opens(admin: Browser, ana: Browser) -> None:
    assert admin.get("/settings").location == "/settings/practice"
    assert ana.get("/settings").location == "/preferences"


def test_settings_list_only_what_the_role_opens(ana: Browser) -> None:
    page = ana.get("/preferences").text

    assert "/settings/members" not in page
    assert "/settings/practice" not in page


def test_an_admin_changes_the_practice(admin: Browser, session: Session, cast: Cast) -> None:
    changed = {**PRACTICE, "name": "  Elm  Street ", "idle_minutes": "30", "sign_texts": "yes"}
    del changed["texting_on"]

    answer = admin.post("/settings/practice", **changed)

    practice = session.get_one(Practice, cast.practice_id)
    assert answer.location == "/settings/practice"
    assert (practice.idle_minutes, practice.sign_texts, practice.texting_on) == (30, True, False)
    assert "Practice saved." in admin.get("/settings/practice").text


def test_a_change_is_noted_by_the_names_of_its_fields(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/practice", **{**PRACTICE, "name": "Oak Clinic"})

    assert _details(session) == ["name"]


def test_nothing_is_noted_where_nothing_changed(admin: Browser, session: Session) -> None:
    admin.post("/settings/practice", **PRACTICE)

    assert _details(session) == []


@pytest.mark.parametrize(
    ("field", "given", "sentence"),
    [
        ("name", " ", "Enter the name that patients know."),
        ("time_zone", "Mars/Olympus", "Choose one of the time zones."),
        ("overdue_after_minutes", "4", "Choose between 5 minutes and 7 days."),
        ("overdue_after_minutes", "soon", "Choose between 5 minutes and 7 days."),
        ("idle_minutes", "61", "Choose between 5 and 60 minutes."),
        ("hold_seconds", "31", "Choose between 0 and 30 seconds."),
        ("idle_minutes", "9" * 30, "Choose between 5 and 60 minutes."),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(
    admin: Browser, session: Session, cast: Cast, field: str, given: str, sentence: str
) -> None:
    answer = admin.post("/settings/practice", **{**PRACTICE, field: given, "sign_texts": "yes"})

    assert answer.status_code == 422
    assert answer.text.count(sentence) == 2
    assert 'name="sign_texts" value="yes" role="switch" checked' in answer.text
    assert session.get_one(Practice, cast.practice_id).sign_texts is False


def test_the_same_form_changes_the_practice_once(admin: Browser, session: Session, cast: Cast) -> None:
    form = {**PRACTICE, "idle_minutes": "30", "form_id": str(uuid4())}

    admin.post("/settings/practice", **form)
    again = admin.post("/settings/practice", **form)

    assert again.status_code == 303
    assert _details(session) == ["idle_minutes"]


def test_the_same_form_with_other_content_is_refused(admin: Browser) -> None:
    form = {**PRACTICE, "form_id": str(uuid4())}

    admin.post("/settings/practice", **form)
    other = admin.post("/settings/practice", **{**form, "idle_minutes": "30"})

    assert other.status_code == 409


def test_a_form_without_its_id_is_refused(admin: Browser) -> None:
    assert admin.post("/settings/practice", **{**PRACTICE, "form_id": ""}).status_code == 422


def test_ana_cannot_change_the_practice(ana: Browser, session: Session, cast: Cast) -> None:
    answer = ana.post("/settings/practice", **{**PRACTICE, "idle_minutes": "30"})

    assert answer.status_code == 403
    assert session.get_one(Practice, cast.practice_id).idle_minutes == 15


def test_an_admin_of_another_practice_changes_only_their_own(
    dan: Browser, session: Session, cast: Cast
) -> None:
    dan.post("/settings/practice", **{**PRACTICE, "name": "Renamed by Dan"})

    assert session.get_one(Practice, cast.practice_id).name == "Elm Street Clinic"
    assert session.get_one(Practice, cast.other_practice.id).name == "Renamed by Dan"


def test_an_admin_changes_the_rules(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/auto-assignment", last_sender_days="14", care_team="yes")

    practice = session.get_one(Practice, cast.practice_id)
    assert answer.location == "/settings/auto-assignment"
    assert (practice.assign_last_sender, practice.last_sender_days) == (False, 14)
    assert practice.assign_care_team is True


@pytest.mark.parametrize("days", ["0", "91", "", "seven"])
def test_a_window_that_cannot_be_is_refused(admin: Browser, session: Session, cast: Cast, days: str) -> None:
    answer = admin.post("/settings/auto-assignment", last_sender="yes", last_sender_days=days)

    assert answer.status_code == 422
    assert "Choose between 1 and 90 days." in answer.text
    assert session.get_one(Practice, cast.practice_id).last_sender_days == 7


def test_an_admin_adds_a_location(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/facilities/new", name=" West  side ")

    names = session.scalars(select(Facility.name).where(Facility.practice_id == cast.practice_id))
    assert answer.location == "/settings/numbers"
    assert set(names) == {"North", "South", "West side"}


def test_an_admin_renames_a_location(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post(f"/settings/facilities/{cast.north.id}", name="Harbor")

    assert session.get_one(Facility, cast.north.id).name == "Harbor"
    assert _details(session) == ["name"]


@pytest.mark.parametrize("name", ["", "south", "SOUTH "])
def test_two_locations_cannot_share_a_name(admin: Browser, session: Session, cast: Cast, name: str) -> None:
    answer = admin.post(f"/settings/facilities/{cast.north.id}", name=name)

    assert answer.status_code == 422
    assert session.get_one(Facility, cast.north.id).name == "North"


def test_a_location_of_another_practice_does_not_exist(dan: Browser, cast: Cast) -> None:
    assert dan.get(f"/settings/facilities/{cast.north.id}").status_code == 404
    assert dan.post(f"/settings/facilities/{cast.north.id}", name="Mine").status_code == 404


def test_an_admin_adds_a_number_as_people_write_it(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post(
        "/settings/numbers/new", number="(202) 555-0177", label="Billing", facility_id=str(cast.south.id)
    )

    added = session.scalars(select(PracticeNumber).where(PracticeNumber.label == "Billing")).one()
    assert answer.location == "/settings/numbers"
    assert (added.number, added.practice_id) == ("+12025550177", cast.practice_id)
    assert added.facility_id == cast.south.id


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"number": "12"}, "Enter a full phone number"),
        ({"number": cast.NORTH_NUMBER}, "This number is in use already."),
        ({"number": cast.OTHER_NUMBER}, "This number is in use already."),
        ({"label": ""}, "Say what this number is for"),
        ({"facility_id": "nonsense"}, "Choose one of the locations."),
    ],
)
def test_a_number_that_cannot_be_added_is_refused(
    admin: Browser, session: Session, given: dict[str, str], sentence: str
) -> None:
    wanted = {"number": "+12025550177", "label": "Billing", "facility_id": "", **given}

    answer = admin.post("/settings/numbers/new", **wanted)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert session.scalar(select(PracticeNumber.id).where(PracticeNumber.label == "Billing")) is None


def test_a_location_of_another_practice_cannot_be_given_to_a_number(
    dan: Browser, session: Session, cast: Cast
) -> None:
    answer = dan.post(
        f"/settings/numbers/{cast.other_number.id}", label="Desk", facility_id=str(cast.north.id)
    )

    assert answer.status_code == 422
    assert session.get_one(PracticeNumber, cast.other_number.id).facility_id is None


def test_a_number_that_moves_takes_its_conversations_along(
    admin: Browser, session: Session, cast: Cast
) -> None:
    task = builders.a_task(session, cast=cast)
    assert task.facility_id == cast.north.id

    answer = admin.post(
        f"/settings/numbers/{cast.north_number.id}", label="North", facility_id=str(cast.south.id)
    )

    session.expire_all()
    assert answer.location == "/settings/numbers"
    assert task.facility_id == cast.south.id
    assert builders.conversation_of(session, task).facility_id == cast.south.id


def test_a_number_of_another_practice_does_not_exist(dan: Browser, cast: Cast) -> None:
    address = f"/settings/numbers/{cast.north_number.id}"

    assert dan.get(address).status_code == 404
    assert dan.post(address, label="Mine", facility_id="").status_code == 404


def _details(session: Session) -> list[Any]:
    query = select(audit.Audit.detail).where(audit.Audit.action == audit.Action.SETTINGS_CHANGED)
    return [detail["fields"] for detail in session.scalars(query)]


def a_trial(cast_: Cast, **given: str) -> dict[str, str]:
    return {
        "who": cast.PAT_NUMBER,
        "practice_number_id": str(cast_.north_number.id),
        "last_sender": "yes",
        "last_sender_days": "7",
        **given,
    }


def test_rules_are_tried_on_a_number(admin: Browser, session: Session, cast: Cast) -> None:
    task = builders.a_task(session, cast=cast, number="+12025550150", assignees=[cast.ben])

    page = admin.post("/settings/auto-assignment/trial", **a_trial(cast)).text

    assert "It joins the open task of" in page
    assert "Ben Brook" in page
    assert session.get_one(Task, task.id).version == task.version


def test_rules_are_tried_on_somebody_by_name(admin: Browser, cast: Cast) -> None:
    page = admin.post("/settings/auto-assignment/trial", **a_trial(cast, who=cast.pat.last_name)).text

    assert "It waits in Unassigned." in page


def test_where_several_could_be_meant_one_is_chosen(admin: Browser, session: Session, cast: Cast) -> None:
    for first in ("Anna", "Bella"):
        builders.a_patient(session, cast=cast, first_name=first, last_name="Twin", number=builders.a_number())
    session.commit()

    page = admin.post("/settings/auto-assignment/trial", **a_trial(cast, who="Twin")).text

    assert "Who is meant?" in page
    assert "Anna Twin" in page
    assert 'class="trial"' not in page


def test_rules_are_tried_only_by_who_may_look_patients_up(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    role = builders.a_role(session, cast=cast, messages=Messages.NONE, settings=True)
    clerk = browser_of(builders.a_member(session, cast=cast, role=role))

    page = clerk.get("/settings/auto-assignment").text
    answer = clerk.post("/settings/auto-assignment/trial", **a_trial(cast))

    assert 'name="who"' not in page
    assert answer.status_code == 422
    assert "a role that may look patients up" in page
    assert 'class="trial"' not in answer.text


def test_a_wall_stands_in_a_trial_too_when_several_share_the_number(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    wall = builders.a_role(session, cast=cast, messages=Messages.ALL, settings=True, own_facilities_only=True)
    wes = builders.a_member(session, cast=cast, role=wall, facilities=[cast.north])
    number = builders.a_number()
    for place in (cast.north, cast.south):
        builders.a_patient(session, cast=cast, number=number, facility=place)
    session.commit()

    answer = browser_of(wes).post("/settings/auto-assignment/trial", **a_trial(cast, who=number))

    assert answer.status_code == 422
    assert "somebody you may find" in answer.text


def test_rules_that_are_tried_are_not_saved(admin: Browser, session: Session, cast: Cast) -> None:
    page = admin.post("/settings/auto-assignment/trial", **a_trial(cast, care_team="yes")).text

    assert "Not saved yet." in page
    assert session.get_one(Practice, cast.practice_id).assign_care_team is False


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"who": "Nobody Atall"}, "Nobody you may find"),
        ({"practice_number_id": "nonsense"}, "Choose one of the practice"),
        ({"last_sender_days": "900"}, "Choose between 1 and 90 days."),
    ],
)
def test_a_trial_that_cannot_be_says_why(
    admin: Browser, cast: Cast, given: dict[str, str], sentence: str
) -> None:
    answer = admin.post("/settings/auto-assignment/trial", **a_trial(cast, **given))

    assert answer.status_code == 422
    assert sentence in answer.text


def test_rules_that_a_colleague_saved_meanwhile_are_shown_first(
    admin: Browser, session: Session, cast: Cast
) -> None:
    seen = '{"care_team": false, "last_sender": true, "last_sender_days": 7}'
    session.get_one(Practice, cast.practice_id).last_sender_days = 30
    session.commit()

    answer = admin.post("/settings/auto-assignment", last_sender_days="9", care_team="yes", seen=seen)

    assert answer.status_code == 409
    assert "Days is now <bdi>30</bdi>; it was <bdi>7</bdi>." in answer.text
    assert 'value="9"' in answer.text
    assert session.get_one(Practice, cast.practice_id).assign_care_team is False


def test_a_part_of_the_page_leaves_the_other_parts_alone(
    admin: Browser, session: Session, cast: Cast
) -> None:
    answer = admin.post(
        "/settings/practice", section="times", overdue_after_minutes="60", idle_minutes="20", hold_seconds="3"
    )

    practice = session.get_one(Practice, cast.practice_id)
    assert answer.status_code == 303
    assert (practice.overdue_after_minutes, practice.idle_minutes) == (60, 20)
    assert (practice.name, practice.texting_on) == ("Elm Street Clinic", True)


def test_what_a_colleague_saved_in_another_part_is_no_collision(
    admin: Browser, session: Session, cast: Cast
) -> None:
    seen = '{"idle_minutes": 15, "overdue_after_minutes": 120, "hold_seconds": 0}'
    practice = session.get_one(Practice, cast.practice_id)
    practice.name, practice.hold_seconds = "Elm Street", 0
    session.commit()
    times = {"overdue_after_minutes": "60", "idle_minutes": "20", "hold_seconds": "3"}

    first = admin.post("/settings/practice", section="times", seen=seen, **times)
    second = admin.post("/settings/practice", section="times", seen=seen, **times)

    assert (first.status_code, second.status_code) == (303, 409)
    assert "Idle minutes until sign-out is now <bdi>20</bdi>; it was <bdi>15</bdi>." in second.text


def test_the_languages_are_kept_with_the_first_before_the_others(
    admin: Browser, session: Session, cast: Cast
) -> None:
    answer = admin.post("/settings/practice", section="languages", first_language="es", languages=["en"])

    assert answer.location == "/settings/practice"
    assert session.get_one(Practice, cast.practice_id).languages == ["es", "en"]
    assert _details(session) == ["languages"]


def test_a_language_without_words_is_refused(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/practice", section="languages", first_language="fr")

    assert answer.status_code == 422
    assert answer.text.count("Choose among the languages offered.") == 2
    assert session.get_one(Practice, cast.practice_id).languages == ["en"]


def test_other_sections_leave_the_languages_alone(admin: Browser, session: Session, cast: Cast) -> None:
    admin.post("/settings/practice", section="languages", first_language="en", languages=["en", "es"])

    admin.post("/settings/practice", **PRACTICE)

    assert session.get_one(Practice, cast.practice_id).languages == ["en", "es"]


def test_the_practice_chooses_which_unread_is_shown(admin: Browser, session: Session, cast: Cast) -> None:
    builders.a_task(session, cast=cast)
    assert "row-mine" not in admin.get("/inbox/all").text

    answer = admin.post("/settings/practice", section="unread", unread_badge="both")

    assert answer.location == "/settings/practice"
    assert session.get_one(Practice, cast.practice_id).name == "Elm Street Clinic"
    assert "row-mine" in admin.get("/inbox/all").text
    assert "not read by you" in admin.get("/inbox/all").text


def test_an_unread_that_there_is_not_is_refused(admin: Browser, session: Session, cast: Cast) -> None:
    answer = admin.post("/settings/practice", section="unread", unread_badge="nobody")

    assert answer.status_code == 422
    assert "Choose one of the three." in answer.text


def test_who_was_overtaken_sees_which_unread_a_colleague_chose(admin: Browser) -> None:
    seen = '{"unread_badge": "shared"}'
    admin.post("/settings/practice", section="unread", unread_badge="both", seen=seen)

    answer = admin.post("/settings/practice", section="unread", unread_badge="member", seen=seen)

    assert answer.status_code == 409
    assert "Unread messages is now" in answer.text
