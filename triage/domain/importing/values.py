"""What a cell says: dates, languages, sexes, names and numbers as people and other programs write them. Pure."""

import re
import unicodedata
from datetime import date
from enum import StrEnum

from triage.domain.patients.patient import sort_key

LONGEST_NAME = 120
LONGEST_WORD = 60


class DateOrder(StrEnum):
    """What comes first in 03/04/1980."""

    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"


class Unusable(Exception):
    """A cell that cannot be used, with a sentence that does not repeat it."""


_ISO = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ][0-9:.+Z-]*)?")
_NUMBERS = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})(?: +0{1,2}:00(?::00)?)?")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2}")
_NAMED = re.compile(
    r"(\d{1,2})?[-/. ]*(?:de )?([a-z]{3,10})\.?[-/., ]*(?:de |del )?(\d{1,2})?(?:,? +| ?[-/. ]?)(\d{4})"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan ene;feb;mar;apr abr;may;jun;jul;aug ago;sep set;oct;nov;dec dic".split(";"), start=1
    )
    for name in names.split()
}
_LANGUAGES = {
    "english": "en", "ingles": "en", "spanish": "es", "espanol": "es", "castellano": "es", "eng": "en", "spa": "es",
    "french": "fr", "frances": "fr", "portuguese": "pt", "portugues": "pt", "german": "de", "aleman": "de",
    "chinese": "zh", "chino": "zh", "vietnamese": "vi", "vietnamita": "vi", "arabic": "ar", "arabe": "ar",
    "russian": "ru", "ruso": "ru", "korean": "ko", "coreano": "ko", "tagalog": "tl", "italian": "it", "italiano": "it",
}  # fmt: skip
_LANGUAGE_CODE = re.compile(r"([a-z]{2})(?:[-_][a-z0-9]{2,8})*")
_SEXES = {
    "m": "male", "male": "male", "man": "male", "masculino": "male", "hombre": "male", "macho": "male", "varon": "male",
    "f": "female", "female": "female", "woman": "female", "femenino": "female", "mujer": "female", "hembra": "female",
    "h": "male", "other": "other", "otro": "other", "x": "other", "nonbinary": "other", "non binary": "other",
    "u": "unknown", "unknown": "unknown", "desconocido": "unknown",
    "mn": "male", "mc": "male", "neutered male": "male", "fs": "female", "spayed female": "female",
}  # fmt: skip
_NOTHING = {"", "-", "--", "n/a", "na", "none", "null", "nil", "unknown", "no", "ninguno", "ninguna"}
_HUMAN = {"human", "person", "humano", "persona"}


def clean(cell: object, *, longest: int = LONGEST_NAME) -> str:
    """One line of text without signs that nobody sees. Raises `Unusable` where it is too long, or was misread."""
    text = str(cell)[: longest * 4]
    if not (text.isascii() and text.isprintable()):
        text = "".join(_visible(sign) for sign in text)
    text = " ".join(text.split())
    if "\ufffd" in text:
        raise Unusable("It holds signs that do not fit the chosen encoding.")
    if len(text) > longest:
        raise Unusable(f"A value is longer than {longest} signs.")
    return text


def _visible(sign: str) -> str:
    """Directions and controls could make a name read as another; half of a pair cannot be stored."""
    kind = unicodedata.category(sign)
    return " " if kind in ("Cc", "Zl", "Zp") else "" if kind in ("Cf", "Cs", "Co", "Cn") else sign


def is_nothing(text: str) -> bool:
    return text.casefold() in _NOTHING


def is_written_in_an_order(text: str) -> bool:
    """Whether this date needs to be told what comes first."""
    return _NUMBERS.fullmatch(text.strip()) is not None


def orders_of(text: str) -> set[DateOrder]:
    """The orders in which this date, which needs one, exists."""
    found = _NUMBERS.fullmatch(text.strip())
    return {order for order in DateOrder if found and _exists(found, order)}


def _exists(found: re.Match[str], order: DateOrder) -> bool:
    return _date(*_in_order(found, order)) is not None


def _in_order(found: re.Match[str], order: DateOrder) -> tuple[int, int, int]:
    one, two, year = (int(part) for part in found.groups())
    return (year, one, two) if order is DateOrder.MONTH_FIRST else (year, two, one)


def is_date(text: str) -> bool:
    """Whether a cell may hold a date, in whatever form."""
    plain = sort_key(text.strip())
    return any(form.fullmatch(plain) for form in (_ISO, _NUMBERS, _NAMED, _SHORT_YEAR))


def birth_date(text: str, order: DateOrder | None, *, today: date) -> date:
    """Raises `Unusable`; never guesses what comes first."""
    found, wanted = None, text.strip()
    if iso := _ISO.fullmatch(wanted):
        found = _date(int(iso[1]), int(iso[2]), int(iso[3]))
    elif numbers := _NUMBERS.fullmatch(wanted):
        if order is None:
            raise Unusable(
                "Its birth date can be read in two ways: say whether the month or the day comes first."
            )
        found = _date(*_in_order(numbers, order))
    elif named := _NAMED.fullmatch(sort_key(wanted)):
        month, day = _MONTHS.get(named[2][:3]), named[1] or named[3]
        found = _date(int(named[4]), month, int(day)) if month and day else None
    elif _SHORT_YEAR.fullmatch(wanted):
        raise Unusable("The year of its birth date has two digits; write four.")
    if found is None:
        raise Unusable("Its birth date cannot be read.")
    if found > today:
        raise Unusable("Its birth date lies in the future.")
    if found.year < 1880:
        raise Unusable("Its birth date lies more than 140 years back.")
    return found


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def language(text: str) -> str | None:
    """A code such as en, or None for a word that is no language."""
    plain = sort_key(text)
    if plain in _LANGUAGES:
        return _LANGUAGES[plain]
    found = _LANGUAGE_CODE.fullmatch(plain)
    return found[1] if found else None


def sex(text: str) -> str | None:
    return _SEXES.get(sort_key(text).replace("-", " "))


def species(text: str) -> str | None:
    """In small letters; None for a person."""
    plain = text.lower()
    return None if sort_key(text) in _HUMAN else plain


def split_name(name: str) -> tuple[str, str]:
    """First and last name of `Porter, Pat` and of `Pat Porter`; one word is a first name."""
    last, comma, first = name.partition(",")
    if comma:
        return (first.strip(), last.strip()) if first.strip() else (last.strip(), "")
    first, _, last = name.rpartition(" ")
    return (first, last) if first else (last, "")
