"""When the demo's stories happened: before now, in office hours, and the same for the same moment."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from triage.demo.houses import House, Reached
from triage.demo.people import CLINICS, HARBOR, Clinic
from triage.demo.scripts import Kind, Talk, read_talks
from triage.demo.timetable import ANYBODY, Step, steps_of

ZONE = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 18, 17, tzinfo=UTC)


def a_house(clinic: Clinic = HARBOR) -> House:
    """With the people who are named in the stories, and as many others as the talks need."""
    names = {talk.about for talk in waiting_of(clinic)} - set(ANYBODY)
    others = [f"Person {number}" for number in range(40)]
    house = House(clinic, uuid4(), str(ZONE))
    for place, name in enumerate([*sorted(names), *others]):
        number = name if name.startswith("+") else f"+1202555{place:04}"
        house.reached[number] = Reached(
            name=name,
            number=number,
            born_on=date(1980, 1, 1),
            language="es" if place % 4 == 0 else "en",
            site=clinic.sites[place % len(clinic.sites)],
            about=name,
            patient_id=uuid4(),
            phone_id=uuid4(),
        )
    return house


def talks_of(clinic: Clinic) -> list[Talk]:
    return read_talks(f"{clinic.file}_talks")


def waiting_of(clinic: Clinic) -> list[Talk]:
    return read_talks(f"{clinic.file}_waiting")


def plan(now: datetime = NOON, clinic: Clinic = HARBOR) -> list[Step]:
    return steps_of(a_house(clinic), talks_of(clinic), waiting_of(clinic), now=now)


@pytest.mark.parametrize("clinic", CLINICS, ids=lambda clinic: clinic.file)
def test_everything_happened_before_now_whenever_the_demo_is_started(clinic: Clinic) -> None:
    for hours in range(0, 15 * 24, 5):
        now = NOON + timedelta(hours=hours)
        steps = plan(now, clinic)

        assert now - timedelta(days=13) < steps[0].at and steps[-1].at < now
        assert now - steps[-1].at < timedelta(minutes=10)


def test_a_talk_keeps_its_order() -> None:
    steps = [step for step in plan() if step.reached and step.reached.name == "Maria Alvarez"]
    (talk,) = [talk for talk in waiting_of(HARBOR) if talk.about == "Maria Alvarez"]

    assert [step.line for step in steps] == [
        line for line in talk.lines if line.kind in (Kind.IN, Kind.OUT, Kind.DEED)
    ]


def test_the_same_moment_gives_the_same_history() -> None:
    def told(steps: list[Step]) -> list[tuple[object, ...]]:
        return [(step.at, step.other, step.who, step.text) for step in steps]

    assert told(plan()) == told(plan())


def test_staff_answer_in_office_hours_what_nobody_timed() -> None:
    named = {talk.about for talk in waiting_of(HARBOR)}
    deeds = [
        step.at.astimezone(ZONE)
        for step in plan()
        if step.line.kind in (Kind.OUT, Kind.DEED) and step.reached and step.reached.name not in named
    ]

    assert len(deeds) > 100
    assert all(at.weekday() < 5 and time(8) <= at.time() < time(18, 30) for at in deeds)


def test_some_texts_come_in_the_evening_and_at_the_weekend() -> None:
    came = [step.at.astimezone(ZONE) for step in plan() if step.line.kind is Kind.IN]

    assert any(at.weekday() >= 5 for at in came)
    assert any(at.weekday() < 5 and at.hour >= 18 for at in came)


def test_a_person_has_one_talk_a_day() -> None:
    """Else the answer to one would complete the task of the other."""
    busy: dict[tuple[str, date], set[int]] = {}
    for step in plan():
        if step.reached and step.reached.name.startswith("Person"):
            day = step.at.astimezone(ZONE).date()
            busy.setdefault((step.other, day), set()).add(id(step.talk))

    assert max(len(talks) for talks in busy.values()) == 1
