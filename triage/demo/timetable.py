"""When the demo's stories happened: office hours of ten days, and what waits counted back from now."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from triage.demo.houses import House, Reached
from triage.demo.people import Clinic
from triage.demo.scripts import Kind, Line, Talk

DAYS = 10
OPENS, CLOSES, LAST_START = time(8), time(18), time(16)
ANYBODY = ("", "es", "evening", "weekend")
DEEDS = (Kind.OUT, Kind.DEED)
# By whether the patient wrote before, and writes now: the shortest and the longest pause in seconds.
_GAPS = {
    (True, True): (25, 70),
    (True, False): (120, 1500),
    (False, True): (50, 500),
    (False, False): (60, 400),
}


@dataclass(frozen=True)
class Step:
    """One thing that happened between a number of the practice and another number."""

    at: datetime
    talk: Talk
    house: House
    site: str
    other: str
    reached: Reached | None
    line: Line
    who: str
    to: tuple[str, ...]
    text: str


def steps_of(house: House, talks: list[Talk], waiting: list[Talk], *, now: datetime) -> list[Step]:
    """Everything that happened at one practice, in order; the same for the same talks and moment."""
    dice = random.Random(house.clinic.name)
    plan = _Plan(house, dice, now)
    steps = [step for talk in waiting for step in plan.named(talk)]
    for talk, reached, start in plan.cast(talks, waiting):
        steps += plan.told(talk, reached, start)
    return sorted(steps, key=lambda step: step.at)


class _Plan:
    def __init__(self, house: House, dice: random.Random, now: datetime) -> None:
        self._house = house
        self._dice = dice
        self._now = now
        self._zone = ZoneInfo(house.time_zone)
        self._today = now.astimezone(self._zone).date()

    def named(self, talk: Talk) -> list[Step]:
        """A talk with somebody in particular; it says itself when it happened."""
        reached = self._house.by_name(talk.about) or self._house.reached.get(talk.about)
        return self.told(talk, reached, self._now)

    def cast(self, talks: list[Talk], waiting: list[Talk]) -> Iterator[tuple[Talk, Reached, datetime]]:
        """Who had each talk that anybody could have had, and when it began.

        Those of whom a text is waiting are left out, because an earlier reply would decide who gets it. Nobody
        has two talks on one day.
        """
        taken = {talk.about for talk in waiting}
        free = [
            reached
            for reached in self._house.reached.values()
            if reached.name not in taken and reached.is_one_person and reached.is_textable
        ]
        self._dice.shuffle(free)
        in_spanish = [reached for reached in free if reached.language == "es"]
        others = [reached for reached in free if reached.language != "es"]
        for about, days, earliest in (
            ("evening", self._working_days()[:-1], time(18, 40)),
            ("weekend", self._weekends(), time(9, 30)),
        ):
            for place, talk in enumerate(talk for talk in talks if talk.about == about):
                yield talk, others.pop(), self._moment(days[place % len(days)], earliest, time(21, 30))
        for about, people in (("es", in_spanish), ("", others)):
            chosen = [talk for talk in talks if talk.about == about]
            self._dice.shuffle(chosen)
            days = self._working_days()
            for place, talk in enumerate(chosen):
                day = days[place * len(days) // len(chosen)]
                yield talk, people[place % len(people)], self._moment(day, OPENS, LAST_START)

    def told(self, talk: Talk, reached: Reached | None, start: datetime) -> list[Step]:
        """The lines of a talk as steps; staff act in office hours unless the talk says when things happened."""
        who = _Who(self._house.clinic, reached, self._dice, speaks=talk.about if talk.about == "es" else "")
        steps: list[Step] = []
        at, before, keeps_hours = start, None, talk.about in ANYBODY
        for line in talk.lines:
            at = self._moved(at, before, line)
            if line.kind in (Kind.PAUSE, Kind.AGO, Kind.DAY):
                before = line
                continue
            if keeps_hours and line.kind in DEEDS:
                at = self._in_office_hours(at)
            steps.append(
                Step(
                    at=at,
                    talk=talk,
                    house=self._house,
                    site=who.site,
                    other=reached.number if reached else talk.about,
                    reached=reached,
                    line=line,
                    who=who.login(line.who) if line.who else "",
                    to=line.to if line.mark == "chosen" else tuple(who.login(one) for one in line.to),
                    text=who.fill(line.text),
                )
            )
            before = line
        return steps

    def _moved(self, at: datetime, before: Line | None, line: Line) -> datetime:
        """The moment of a line, from that of the line before it."""
        gap = self._gap(before, line)
        match line.kind:
            case Kind.PAUSE:
                return at + line.lasts
            case Kind.AGO:
                return self._now - line.lasts
            case Kind.DAY:
                return self._at(self._working_day(line.days), line.at)
        return at + gap

    def _gap(self, before: Line | None, line: Line) -> timedelta:
        """How long people take; some answer at once, some finish their coffee first."""
        if before is None or before.kind in (Kind.PAUSE, Kind.AGO, Kind.DAY):
            return timedelta(0)
        if line.kind is Kind.DEED:
            return timedelta(seconds=self._dice.randint(20, 80))
        shortest, longest = _GAPS[before.kind is Kind.IN, line.kind is Kind.IN]
        return timedelta(seconds=self._dice.randint(shortest, longest))

    def _in_office_hours(self, at: datetime) -> datetime:
        local = at.astimezone(self._zone)
        day = local.date()
        if _is_working_day(day) and OPENS <= local.time() < CLOSES:
            return at
        if not _is_working_day(day) or local.time() >= CLOSES:
            day = next(later for later in _days(day, 1) if _is_working_day(later))
        return self._moment(day, time(8, 4), time(8, 50))

    def _moment(self, day: date, earliest: time, latest: time) -> datetime:
        first, last = self._at(day, earliest), self._at(day, latest)
        return first + (last - first) * self._dice.random()

    def _at(self, day: date, moment: time) -> datetime:
        return datetime.combine(day, moment, self._zone).astimezone(UTC)

    def _working_day(self, back: int) -> date:
        days = (day for day in _days(self._today, -1) if _is_working_day(day))
        return next(islice(days, back - 1, None))

    def _working_days(self) -> list[date]:
        days = (self._today - timedelta(days=n) for n in range(DAYS, 0, -1))
        return [day for day in days if _is_working_day(day)]

    def _weekends(self) -> list[date]:
        """Free days after which a working day has passed."""
        last = self._working_days()[-1]
        days = (self._today - timedelta(days=n) for n in range(DAYS, 0, -1))
        return [day for day in days if not _is_working_day(day) and day < last]


class _Who:
    """The people of one talk: whoever answers the first time answers to its end."""

    def __init__(self, clinic: Clinic, reached: Reached | None, dice: random.Random, *, speaks: str) -> None:
        self._clinic = clinic
        self._reached = reached
        self.site = reached.site if reached else clinic.sites[0]
        parts: dict[str, list[str]] = {}
        for colleague in clinic.colleagues:
            if colleague.part and colleague.sites == (self.site,):
                parts.setdefault(colleague.part, []).append(colleague.login)
        # The last of a part is the one who speaks Spanish.
        self._parts = {part: logins[-1] if speaks else dice.choice(logins) for part, logins in parts.items()}

    def login(self, name: str) -> str:
        return self._parts.get(name, name)

    def fill(self, text: str) -> str:
        doctor = next(one for one in self._clinic.colleagues if one.login == self._parts["doctor"])
        words = {"doctor": f"Dr. {doctor.name.split()[-1]}"}
        if self._reached:
            words |= {"first": self._reached.name.split()[0], "pet": self._reached.about}
        for name, word in words.items():
            text = text.replace("{" + name + "}", word)
        return text


def _is_working_day(day: date) -> bool:
    return day.weekday() < 5


def _days(beside: date, step: int) -> Iterator[date]:
    return (beside + timedelta(days=step * n) for n in count(1))
