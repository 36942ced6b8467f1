"""Every sentence that a patient can receive by itself, and the checks on a practice's own words in its place."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

PLACE = re.compile(r"\{(\w*)\}")
# As an answer they are commands to the carrier, or mean that somebody stops or starts (47 CFR 64.1200, Twilio's words).
COMMANDS = re.compile(r"\b(?:reply|text|send|answer)\b[^.\n]*\b(cancel|end|quit|yes)\b", re.IGNORECASE)


# What a practice can text in; each has words of its own for every automatic text.
LANGUAGES = {"en": "English", "es": "Spanish"}
# For words that are the same in every language.
ANY = ""


class Text(NamedTuple):
    """One automatic text: `places` are what is filled in, each with an example; `longest` in characters.

    `bodies` are the words by language, or by `ANY` alone where a language makes no difference. `keeps` are the words
    that stay in it, whatever a practice writes.
    """

    name: str
    title: str
    when: str
    bodies: Mapping[str, str]
    places: Mapping[str, tuple[str, str]]
    longest: int
    keeps: tuple[str, ...] = ()
    # What always follows it, by language.
    ends: Mapping[str, str] = MappingProxyType({})

    def languages_among(self, languages: Sequence[str]) -> tuple[str, ...]:
        """Those of a practice's languages in which this text has words."""
        return (ANY,) if ANY in self.bodies else tuple(one for one in languages if one in self.bodies)


# A hyphen, since a dash is outside the carriers' alphabet and would more than halve what fits into one text.
SIGNATURE = Text(
    name="signature",
    title="Signature",
    when="On a line of its own below what a colleague writes.",
    bodies={ANY: "- {first_name}"},
    places={
        "first_name": ("the sender's first name", "Jo"),
        "practice": ("the practice's name", "Elm Street Clinic"),
    },
    longest=120,
)
CLOSED_REPLY = Text(
    name="closed_reply",
    title="Closed-hours reply",
    when="The answer to a text that comes while the practice is closed.",
    bodies={
        "en": "{practice} is closed now. We will read your text {opens}. {emergency}",
        "es": "{practice} no atiende en este momento. Leeremos su mensaje {opens}. {emergency}",
    },
    places={
        "practice": ("the practice's name", "Elm Street Clinic"),
        "opens": ("when it opens again", "on Monday at 8:00 am"),
        "emergency": ("the emergency wording below", ""),
    },
    longest=480,
)
EMERGENCY = Text(
    name="emergency",
    title="Emergency wording",
    when="Stands in the closed-hours reply.",
    bodies={
        "en": "In an emergency, do not wait for us: call 911.",
        "es": "En una emergencia no espere: llame al 911.",
    },
    places={"practice": ("the practice's name", "Elm Street Clinic")},
    longest=160,
)
# Instinct's wording (B54). The Spanish one keeps to the carriers' alphabet, which has no accent on a or u.
OPT_IN_NOTICE = Text(
    name="opt_in_notice",
    title="Notice with the first text",
    when="Goes before the first text to a number.",
    bodies={
        "en": "You are now subscribed to receive messages from {practice}. You may unsubscribe at any time by"
        ' replying "STOP". Carrier rates may apply.',
        "es": 'Ahora recibe mensajes de {practice}. Si no los desea, responda "STOP" en cualquier momento.'
        " Su operador puede cobrar por ellos.",
    },
    places={"practice": ("the practice's name", "Elm Street Clinic")},
    longest=320,
    keeps=("{practice}", "STOP"),
)
_PRACTICE = ("the practice's name", "Elm Street Clinic")
_FORMAT = ("how the date is written", "MM/DD/YYYY")
BIRTH_DATE_REQUEST = Text(
    name="birth_date_request",
    title="Question for the birth date",
    when="When a colleague asks somebody to confirm who they are, before the first text.",
    bodies={
        "en": "A member of your care team at {practice} is trying to get in contact with you."
        " Please send your date of birth ({format}) to confirm your identity.",
        "es": "Alguien de su equipo de salud en {practice} quiere comunicarse con usted."
        " Por favor, mande su fecha de nacimiento ({format}) para confirmar su identidad.",
    },
    places={"practice": _PRACTICE, "format": _FORMAT},
    longest=320,
    keeps=("{practice}", "{format}"),
    ends={
        "en": " If you choose to opt out of these messages at any time, please respond 'STOP'."
        " Message and data rates may apply.",
        "es": " Si en cualquier momento ya no desea recibir estos mensajes, responda 'STOP'."
        " Se pueden aplicar tarifas de mensajes y datos.",
    },
)
BIRTH_DATE_WRONG = Text(
    name="birth_date_wrong",
    title="Birth date does not match",
    when="After a wrong birth date, while there are tries left.",
    bodies={
        "en": "That date does not match. Please try again ({format}).",
        "es": "Esa fecha no coincide. Por favor, intente otra vez ({format}).",
    },
    places={"practice": _PRACTICE, "format": _FORMAT},
    longest=160,
    keeps=("{format}",),
)
BIRTH_DATE_UNREADABLE = Text(
    name="birth_date_unreadable",
    title="Birth date cannot be read",
    when="After a date that does not exist, twice at most.",
    bodies={
        "en": "We could not read that date. Please send your date of birth as {format}.",
        "es": "No pudimos leer esa fecha. Por favor, mande su fecha de nacimiento como {format}.",
    },
    places={"practice": _PRACTICE, "format": _FORMAT},
    longest=160,
    keeps=("{format}",),
)
BIRTH_DATE_GIVEN_UP = Text(
    name="birth_date_given_up",
    title="No more tries",
    when="After the third wrong birth date.",
    bodies={
        "en": "That date does not match either. Please call {practice}, so that we can reach you by text.",
        "es": "Esa fecha tampoco coincide. Por favor, llame a {practice} para que podamos escribirle.",
    },
    places={"practice": _PRACTICE},
    longest=160,
)
BIRTH_DATE_CONFIRMED = Text(
    name="birth_date_confirmed",
    title="Birth date confirmed",
    when="After the right birth date.",
    bodies={
        "en": "Thank you, this is confirmed. Your care team at {practice} can text you now.",
        "es": "Gracias, todo queda confirmado. Su equipo de salud en {practice} ya puede escribirle.",
    },
    places={"practice": _PRACTICE},
    longest=160,
)
OF_VERIFICATION = (
    BIRTH_DATE_REQUEST,
    BIRTH_DATE_WRONG,
    BIRTH_DATE_UNREADABLE,
    BIRTH_DATE_GIVEN_UP,
    BIRTH_DATE_CONFIRMED,
)
# The one text that the law allows after an opt-out (47 CFR 64.1200(a)(12)); it may sell and ask nothing.
OPT_OUT_CONFIRMED = Text(
    name="opt_out_confirmed",
    title="Opt-out confirmation",
    when="After a colleague has opted a number out. After STOP the carrier confirms it.",
    bodies={
        "en": "You will get no more texts from {practice}. To get them again, text START.",
        "es": "Ya no va a recibir mensajes de {practice}. Si los quiere de nuevo, escriba START.",
    },
    places={"practice": _PRACTICE},
    longest=160,
    keeps=("{practice}", "START"),
)
TEXTS = {
    text.name: text
    for text in (SIGNATURE, CLOSED_REPLY, EMERGENCY, OPT_IN_NOTICE, OPT_OUT_CONFIRMED, *OF_VERIFICATION)
}


def filled(body: str, values: Mapping[str, str]) -> str:
    """`body` with its places filled; a place without a value stays as it is."""
    return PLACE.sub(lambda place: values.get(place[1], place[0]), body)


def signature(body: str, *, first_name: str, practice: str) -> str:
    """What follows a text that says who wrote it, where the practice wants that (ThoroughCare, C78)."""
    return "\n" + filled(body, {"first_name": first_name, "practice": practice})


def closed_reply(bodies: Mapping[tuple[str, str], str], language: str, *, practice: str, opens: str) -> str:
    """The whole answer; `bodies` are a practice's words by name and language, `opens` is from `opening_phrase`."""
    emergency = filled(bodies[EMERGENCY.name, language], {"practice": practice})
    places = {"practice": practice, "opens": opens, "emergency": emergency}
    return filled(bodies[CLOSED_REPLY.name, language], places)


def about_birth_date(
    text: Text, bodies: Mapping[tuple[str, str], str], language: str, *, practice: str, format: str
) -> str:
    """One of `OF_VERIFICATION`, whole; `format` is how the date is asked for, such as MM/DD/YYYY."""
    said = filled(bodies[text.name, language], {"practice": practice, "format": format})
    return said + text.ends.get(language, "")


_WEEKDAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()


def opening_phrase(language: str, opens: datetime | None, now: datetime) -> str:
    """Pure. When somebody will read a text, of two moments on the practice's own clock; no date where none is known."""
    if opens is None:
        return "cuando abramos de nuevo" if language == "es" else "when we open again"
    days = (opens.date() - now.date()) // timedelta(days=1)
    return _in_spanish(opens, days) if language == "es" else _in_english(opens, days)


def _in_english(opens: datetime, days: int) -> str:
    hour = f"{opens.hour % 12 or 12}:{opens:%M} {'am' if opens.hour < 12 else 'pm'}"
    if days < 2:
        return f"{('today', 'tomorrow')[days]} at {hour}"
    return f"on {opens:%A} at {hour}" if days < 7 else f"on {opens:%B} {opens.day} at {hour}"


def _in_spanish(opens: datetime, days: int) -> str:
    hour = f"{'a la' if opens.hour == 1 else 'a las'} {opens.hour}:{opens:%M}"
    if days < 2:
        return f"{('hoy', 'mañana')[days]} {hour}"
    if days < 7:
        return f"el {_WEEKDAYS[opens.weekday()]} {hour}"
    return f"el {opens.day} de {_MONTHS[opens.month - 1]} {hour}"


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
    if missing := [word for word in text.keeps if word not in body]:
        return f"{missing[0]} must stay in this text."
    if command := COMMANDS.search(body):
        return f"Do not ask for {command[1].upper()}: carriers take that answer as a command."
    return None
