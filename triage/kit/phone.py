"""Phone numbers: E.164 inside, as the practice's region writes them on pages."""

import re
from functools import lru_cache

import phonenumbers

from triage.kit.errors import Invalid

NO_NUMBER = "Enter a full phone number, such as +1 202 555 0123."
E164 = re.compile(r"\+[1-9]\d{6,14}")


def is_e164(raw: str) -> bool:
    return E164.fullmatch(raw) is not None


@lru_cache(maxsize=4096)
def as_e164(raw: str, region: str) -> str | None:
    """The number that a person meant by `raw`, or None where it cannot be one."""
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read(typed: str, region: str) -> str:
    """A number as somebody typed it, in whatever form people of this region write one. Raises `Invalid`."""
    e164 = as_e164(typed.strip(), region)
    if e164 is None:
        raise Invalid(number=NO_NUMBER)
    return e164


@lru_cache(maxsize=4096)
def for_people(number: str, region: str) -> str:
    """(202) 555-0123 at home, +44 20 7946 0018 abroad; short codes, letters and made-up numbers as they are."""
    if not is_e164(number):
        return number
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:  # a country code that nobody has, as spoofed senders do
        return number
    at_home = phonenumbers.country_code_for_region(region) == parsed.country_code
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if at_home else style.INTERNATIONAL)
