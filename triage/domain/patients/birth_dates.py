"""Birth dates as people text them, read in the order in which they were asked for (ThoroughCare, C92 to C94).

A text is cut into words and numbers once, and what is left is compared with small sets: no pattern here can be
made to work for long, whatever somebody writes.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date
from enum import StrEnum
from typing import NamedTuple

# Nobody is older; a date before that is a slip of the finger.
OLDEST_YEARS = 130
# A date stands in few words; longer texts are about something, and a person reads them.
LONGEST = 300


class Order(StrEnum):
    """In which order day and month are asked for."""

    MONTH_FIRST = "month_first"
    DAY_FIRST = "day_first"


# Where people write the month first; everywhere else the day comes first.
_MONTH_FIRST = frozenset("US PR VI GU AS MP FM MH PW PH".split())
_SHOWN = {
    (Order.MONTH_FIRST, "en"): "MM/DD/YYYY",
    (Order.DAY_FIRST, "en"): "DD/MM/YYYY",
    (Order.MONTH_FIRST, "es"): "MM/DD/AAAA",
    (Order.DAY_FIRST, "es"): "DD/MM/AAAA",
}


def order_of(region: str) -> Order:
    return Order.MONTH_FIRST if region in _MONTH_FIRST else Order.DAY_FIRST


def shown(order: Order, language: str) -> str:
    """How the order is asked for: MM/DD/YYYY."""
    return _SHOWN.get((order, language), _SHOWN[order, "en"])


class Found(StrEnum):
    """`IMPOSSIBLE`: meant as a date, and no day on which anybody was born."""

    DATE = "date"
    IMPOSSIBLE = "impossible"
    NOTHING = "nothing"


class Reading(NamedTuple):
    """`says_more`: beside the date stand words that somebody should read."""

    found: Found
    born_on: date | None = None
    says_more: bool = False


NOTHING = Reading(Found.NOTHING, says_more=True)

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
_ENDINGS = ("st", "nd", "rd", "th", "ro", "o")
# Between the parts of a date, and around it, these say nothing.
_BETWEEN = frozenset("of de del the el".split())
_AROUND = _BETWEEN | frozenset(
    "my me i im is it its a an and this was am on in for date dates birth birthday bday birthdate born dob d o b"
    " day yes ok okay sure hi hello hey dear thanks thank you please here sir maam"
    " mi es la un lo fecha nacimiento nac cumple cumpleanos naci nacido nacida yo soy en si hola buenas buenos dias"
    " tardes noches gracias por favor aqui esta y fue dia".split()
)
_WORDS = re.compile(r"\d+|[^\W\d_]+")


class _Word(NamedTuple):
    """A number or a word of the text, without case and accents; `gap` is what stands before it."""

    text: str
    gap: str

    @property
    def is_number(self) -> bool:
        return self.text.isdecimal()


class _Part(NamedTuple):
    """A date that was meant, as year, month and day; and how many words it took."""

    year: str
    month: int
    day: int
    length: int


def read(text: str, order: Order, *, today: date, names: Collection[str] = ()) -> Reading:
    """Pure. Two different dates in one text are no answer; the same one twice is.

    `names` are words of whoever was asked: who adds their own name has said nothing more.
    """
    if len(text) > LONGEST:
        return NOTHING
    words = _words(text)
    parts: list[_Part] = []
    rest: list[str] = []
    place = 0
    while place < len(words):
        part = _part_at(words, place, order)
        if part is None:
            rest.append(words[place].text)
        else:
            parts.append(part)
        place += part.length if part else 1
    says_more = any(word not in _AROUND and word not in names for word in rest)
    # In a longer text 11/24/26 is next Tuesday, and nobody's birthday a hundred years ago.
    found = {_born(part, today, may_turn_back=not says_more) for part in parts}
    if len(found) != 1:
        return NOTHING
    born_on = found.pop()
    return Reading(Found.DATE if born_on else Found.IMPOSSIBLE, born_on, says_more)


def words_of(name: str) -> frozenset[str]:
    """The words of a name as `read` compares them."""
    return frozenset(word.text for word in _words(name))


def _words(text: str) -> list[_Word]:
    apart = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    found, end = [], 0
    for match in _WORDS.finditer(plain):
        # Other alphabets have digits too; a date is read as what they are worth.
        word = match[0]
        digits = "".join(str(unicodedata.digit(sign, 0)) for sign in word) if word.isdecimal() else word
        found.append(_Word(digits, plain[end : match.start()]))
        end = match.end()
    return list(_without_endings(found))


def _without_endings(words: Sequence[_Word]) -> Iterator[_Word]:
    """ "4th" and "1ro" are the numbers they begin with."""
    for place, word in enumerate(words):
        follows_number = place > 0 and words[place - 1].is_number and not word.gap
        if not (follows_number and word.text in _ENDINGS):
            yield word


def _part_at(words: Sequence[_Word], place: int, order: Order) -> _Part | None:
    """A date that begins with this word: in numbers, with the month's name, or in one number."""
    if words[place].is_number:
        together = _together(words[place].text, order)
        if together is not None:
            return together
    return _named(words, place) or _numbers(words, place, order)


def _together(digits: str, order: Order) -> _Part | None:
    """03041990; six digits could as well be half of something else, and are read the same way."""
    if len(digits) not in (6, 8):
        return None
    return _in_order(digits[:2], digits[2:4], digits[4:], order, 1)


def _numbers(words: Sequence[_Word], place: int, order: Order) -> _Part | None:
    """3/4/1990, 3-4-90, 3 4 1990, and with the year first."""
    three = words[place : place + 3]
    if len(three) < 3 or not all(word.is_number for word in three):
        return None
    if not all(_joins(word.gap) for word in three[1:]):
        return None
    one, two, last = (word.text for word in three)
    if len(one) == 4 and len(two) <= 2 and len(last) <= 2:
        return _Part(one, int(two), int(last), 3)
    if len(one) > 2 or len(two) > 2 or len(last) not in (2, 4):
        return None
    return _in_order(one, two, last, order, 3)


def _joins(gap: str) -> bool:
    """What may stand between the numbers of one date."""
    return len(gap) <= 4 and set(gap.strip()) <= set("/-.,'\u2010\u2011\u2012\u2013\u2014")


def _in_order(one: str, two: str, year: str, order: Order, length: int) -> _Part:
    month, day = (one, two) if order is Order.MONTH_FIRST else (two, one)
    return _Part(year, int(month), int(day), length)


def _named(words: Sequence[_Word], place: int) -> _Part | None:
    """March 4 1990, 4 March 90, 4 de marzo de 1990, 1990 March 4: then no order needs to be known."""
    taken: list[str] = []
    for length, word in enumerate(words[place : place + 5], start=1):
        is_part = word.is_number or word.text in _MONTHS
        if not (is_part or (taken and word.text in _BETWEEN)):
            break
        if is_part and taken and len(word.gap) > 4:
            break
        if is_part:
            taken.append(word.text)
        if len(taken) == 3:
            return _of_named(taken, length)
    return None


def _of_named(taken: Sequence[str], length: int) -> _Part | None:
    months = [text for text in taken if text in _MONTHS]
    numbers = [text for text in taken if text not in _MONTHS]
    if len(months) != 1:
        return None
    if len(numbers[0]) == 4:
        numbers.reverse()
    day, year = numbers
    if len(day) > 2 or len(year) not in (2, 4) or taken[2] in _MONTHS:
        return None
    return _Part(year, _MONTHS[months[0]], int(day), length)


def _born(part: _Part, today: date, *, may_turn_back: bool) -> date | None:
    """None for a day that does not exist, has not come, or is too long ago. Years of two digits are past ones."""
    years = [int(part.year)]
    if len(part.year) == 2:
        years = [today.year - today.year % 100 + int(part.year)]
        if may_turn_back or years[0] > today.year:
            years.append(years[0] - 100)
    for year in years:
        with suppress(ValueError):
            born_on = date(year, part.month, part.day)
            if today.year - OLDEST_YEARS <= year and born_on <= today:
                return born_on
    return None
