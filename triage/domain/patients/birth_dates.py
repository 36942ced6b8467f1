"""Birth dates as people text them, read in the order in which they were asked for (ThoroughCare, C92 to C94)."""

import re
import unicodedata
from datetime import date
from enum import StrEnum
from typing import NamedTuple

# Nobody is older; a later year is a slip of the finger.
OLDEST_YEARS = 130


class Order(StrEnum):
    """In which order day and month were asked for."""

    MONTH_FIRST = "month_first"
    DAY_FIRST = "day_first"


class Found(StrEnum):
    """`IMPOSSIBLE`: meant as a date, and no day on which anybody here was born."""

    DATE = "date"
    IMPOSSIBLE = "impossible"
    NOTHING = "nothing"


class Reading(NamedTuple):
    found: Found
    born_on: date | None = None


NOTHING = Reading(Found.NOTHING)
IMPOSSIBLE = Reading(Found.IMPOSSIBLE)

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene",
            "february feb febrero",
            "march mar marzo",
            "april apr abril abr",
            "may mayo",
            "june jun junio",
            "july jul julio",
            "august aug agosto ago",
            "september sept sep septiembre setiembre set",
            "october oct octubre",
            "november nov noviembre",
            "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = r"(\d{1,2})(?:st|nd|rd|th|o|er)?"
_BETWEEN = r"[\s,./\-]*(?:of\s+|de\s+|del\s+)?"
_NAMED = [
    re.compile(rf"\b(?P<month>{_NAME})\b{_BETWEEN}(?P<day>{_DAY})\b{_BETWEEN}(?P<year>\d{{4}}|'?\d{{2}})\b"),
    re.compile(rf"\b(?P<day>{_DAY}){_BETWEEN}(?P<month>{_NAME})\b{_BETWEEN}(?P<year>\d{{4}}|'?\d{{2}})\b"),
]
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s*[-/.\s]\s*(\d{1,2})\s*[-/.\s]\s*(\d{1,2})(?!\d)")
_APART = re.compile(r"(?<!\d)(\d{1,2})\s*[-/.,\s]\s*(\d{1,2})\s*[-/.,\s]\s*'?(\d{4}|\d{2})(?!\d)")
_TOGETHER = re.compile(r"(?<![\d+])(\d{2})(\d{2})(\d{4}|\d{2})(?!\d)")


def read(text: str, order: Order, *, today: date) -> Reading:
    """Pure. Two different dates in one text are no answer; the same one twice is."""
    readings = list(dict.fromkeys(_readings(_plain(text), order, today)))
    return readings[0] if len(readings) == 1 else NOTHING


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text).casefold().replace("’", "'")
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _readings(text: str, order: Order, today: date) -> list[Reading]:
    for pattern in _NAMED:
        if named := list(pattern.finditer(text)):
            return [
                _born(match["year"], _MONTHS[match["month"]], int(re.sub(r"\D", "", match["day"])), today)
                for match in named
            ]
    if year_first := _YEAR_FIRST.findall(text):
        return [_born(year, int(month), int(day), today) for year, month, day in year_first]
    found = _APART.findall(text) or _TOGETHER.findall(text)
    if order is Order.MONTH_FIRST:
        return [_born(year, int(first), int(second), today) for first, second, year in found]
    return [_born(year, int(second), int(first), today) for first, second, year in found]


def _born(year: str, month: int, day: int, today: date) -> Reading:
    try:
        born = date(_whole_year(year, today), month, day)
    except ValueError:
        return IMPOSSIBLE
    is_possible = born <= today and born.year >= today.year - OLDEST_YEARS
    return Reading(Found.DATE, born) if is_possible else IMPOSSIBLE


def _whole_year(year: str, today: date) -> int:
    """Two digits mean the last hundred years."""
    digits = year.lstrip("'")
    if len(digits) == 4:
        return int(digits)
    of_this_century = today.year - today.year % 100 + int(digits)
    return of_this_century if of_this_century <= today.year else of_this_century - 100
