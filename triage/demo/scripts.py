"""The stories of the demo: what was written and done, as text files that anybody can read and add to.

A file holds talks, with an empty line between them. A talk may begin with whom it is with:

    [Maria Alvarez]         somebody by name, a number, or letters that a sender uses as a name
    [es]                    anybody whose language is Spanish
    [evening], [weekend]    anybody, at that time; without such a line anybody, in office hours

and goes on with one line for each thing that happened:

    < text                  the patient writes ("<photo", "<twice" and "<missed": with a photo, told twice by the
                            carrier, never told and found later)
    > who: text             a member writes ("front", "nurse" and "doctor" are found for the patient; "{doctor}",
                            "{first}" and "{pet}" are filled in)
    >30007 who: text        the same, and the carrier says that it failed
    >unknown who: text      the same, and nobody knows whether it left
    = done who              also: deleted, reopened, starred, read
    = given who to who, who
    = chosen who to Name    a member says whose of those who share the number these texts are; "nobody": of no patient
    ~ 2h                    time goes by
    @ 38m                   what follows happened that long before now
    @ day 2 10:40           what follows happened on the second working day before today
"""

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from pathlib import Path

STORIES = Path(__file__).parent / "stories"

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_OUT = re.compile(r">(\w*) (\w+): (.+)")
_IN = re.compile(r"<(\w*)(?: (.+))?")
_DEED = re.compile(r"= (\w+) (\w+)(?: to ([\w, ]+))?")
_DAY = re.compile(r"@ day (\d+) (\d+):(\d+)")


class Kind(StrEnum):
    IN = "in"
    OUT = "out"
    DEED = "deed"
    PAUSE = "pause"
    AGO = "ago"
    DAY = "day"


@dataclass(frozen=True)
class Line:
    """`mark` is the word behind < or >, or the deed; `to` are those who are given a task."""

    kind: Kind
    who: str = ""
    text: str = ""
    mark: str = ""
    to: tuple[str, ...] = ()
    lasts: timedelta = timedelta(0)
    days: int = 0
    at: time = time(0)


@dataclass(frozen=True)
class Talk:
    """`about` is what stands in brackets."""

    about: str
    lines: tuple[Line, ...]

    @property
    def begins_with_staff(self) -> bool:
        return next(line.kind for line in self.lines if line.kind in (Kind.IN, Kind.OUT)) is Kind.OUT


def read_talks(name: str) -> list[Talk]:
    blocks = "\n".join(_lines(name)).split("\n\n")
    return [_talk(block.strip().split("\n")) for block in blocks if block.strip()]


def read_table(name: str) -> list[list[str]]:
    """Cells of a table with `|` between its columns; missing ones at a row's end are empty."""
    rows = [[cell.strip() for cell in line.split("|")] for line in _lines(name) if line]
    width = max(len(row) for row in rows)
    return [row + [""] * (width - len(row)) for row in rows]


def _lines(name: str) -> list[str]:
    text = (STORIES / f"{name}.txt").read_text(encoding="utf-8")
    return [line.strip() for line in text.split("\n") if not line.startswith("#")]


def _talk(lines: list[str]) -> Talk:
    about = lines[0][1:-1] if lines[0].startswith("[") else ""
    return Talk(about, tuple(read_line(line) for line in (lines[1:] if about else lines)))


def read_line(line: str) -> Line:
    """Raises `ValueError` for a line that says nothing we know."""
    match line[:1]:
        case "<" if found := _IN.fullmatch(line):
            return Line(Kind.IN, mark=found[1], text=found[2] or "")
        case ">" if found := _OUT.fullmatch(line):
            return Line(Kind.OUT, mark=found[1], who=found[2], text=found[3])
        case "=" if found := _DEED.fullmatch(line):
            to = tuple(name.strip() for name in (found[3] or "").split(",") if name.strip())
            return Line(Kind.DEED, mark=found[1], who=found[2], to=to)
        case "~":
            return Line(Kind.PAUSE, lasts=_duration(line[1:]))
        case "@" if found := _DAY.fullmatch(line):
            return Line(Kind.DAY, days=int(found[1]), at=time(int(found[2]), int(found[3])))
        case "@":
            return Line(Kind.AGO, lasts=_duration(line[1:]))
    raise ValueError(f"a story has a line that cannot be read: {line}")


def _duration(words: str) -> timedelta:
    """ "1h15m", "2d", "40m"."""
    found = re.findall(r"(\d+)([dhm])", words)
    if not found:
        raise ValueError(f"a story has a time that cannot be read: {words}")
    return timedelta(**{_UNITS[unit]: int(number) for number, unit in found})
