"""Every sentence that a patient can receive by itself, and the checks on a practice's own words in its place."""

import re
from collections.abc import Mapping
from typing import NamedTuple

PLACE = re.compile(r"\{(\w*)\}")
# As an answer they are commands to the carrier, or mean that somebody stops or starts (47 CFR 64.1200, Twilio's words).
COMMANDS = re.compile(r"\b(?:reply|text|send|answer)\b[^.\n]*\b(cancel|end|quit|yes)\b", re.IGNORECASE)


class Text(NamedTuple):
    """One automatic text: `places` are what is filled in, each with an example; `longest` in characters."""

    name: str
    title: str
    when: str
    body: str
    places: Mapping[str, tuple[str, str]]
    longest: int


# A hyphen, since a dash is outside the carriers' alphabet and would more than halve what fits into one text.
SIGNATURE = Text(
    name="signature",
    title="Signature",
    when="On a line of its own below what a colleague writes.",
    body="- {first_name}",
    places={
        "first_name": ("the sender's first name", "Jo"),
        "practice": ("the practice's name", "Elm Street Clinic"),
    },
    longest=120,
)
TEXTS = {text.name: text for text in (SIGNATURE,)}


def filled(body: str, values: Mapping[str, str]) -> str:
    """`body` with its places filled; a place without a value stays as it is."""
    return PLACE.sub(lambda place: values.get(place[1], place[0]), body)


def signature(body: str, *, first_name: str, practice: str) -> str:
    """What follows a text that says who wrote it, where the practice wants that (ThoroughCare, C78)."""
    return "\n" + filled(body, {"first_name": first_name, "practice": practice})


def problem_of(text: Text, body: str) -> str | None:
    """Pure. Why a practice cannot use these words; None where it can."""
    unknown = [name for name in PLACE.findall(body) if name not in text.places]
    if not body:
        return "Write something, or use the default."
    if len(body) > text.longest:
        return f"This is {len(body)} characters long; it can have {text.longest}."
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in text.places)
        return f"There is no {{{unknown[0]}}}. There are: {known}."
    if "{" in PLACE.sub("", body) or "}" in PLACE.sub("", body):
        return "A brace has no partner."
    if command := COMMANDS.search(body):
        return f"Do not ask for {command[1].upper()}: carriers take that answer as a command."
    return None
