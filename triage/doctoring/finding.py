"""What the doctor says about one thing: how it is, and what to do where it is not well."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(NamedTuple):
    """`said` is a whole sentence, `mend` another one. Production does not start on `refuses_start`."""

    subject: str
    level: Level
    said: str
    mend: str = ""
    refuses_start: bool = False

    @property
    def sentence(self) -> str:
        return f"{self.said} {self.mend}".strip()


def ok(subject: str, said: str) -> Finding:
    return Finding(subject, Level.OK, said)


def warn(subject: str, said: str, mend: str) -> Finding:
    return Finding(subject, Level.WARN, said, mend)


def bad(subject: str, said: str, mend: str) -> Finding:
    """Not well, and starting makes it no worse."""
    return Finding(subject, Level.BAD, said, mend)


def unsafe(subject: str, said: str, mend: str) -> Finding:
    """Production must not start on this: it would break a promise."""
    return Finding(subject, Level.BAD, said, mend, refuses_start=True)
