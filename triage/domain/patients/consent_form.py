"""The consent that a patient reads and signs: its words, and a signature as it is drawn (Instinct, B49)."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from triage.domain.patients.consent import Category
from triage.kit.errors import Invalid

SIGNED = "signed"
# A drawing is this wide and high, whatever it was drawn on.
WIDTH, HEIGHT = 600, 200
MOST_STROKES, MOST_POINTS = 200, 6000
LONGEST_NAME = 120

Strokes = list[list[int]]


class Words(NamedTuple):
    """Everything on the form, in one language."""

    title: str
    text: str
    categories: dict[Category, str]
    number: str
    covers: str
    name: str
    signature: str
    draw_again: str
    date: str
    sign: str
    thanks: str
    hand_back: str
    no_name: str


WORDS = {
    "en": Words(
        title="Consent to text messages",
        text="{practice} may send text messages to {number}. Texts are not encrypted: the phone companies, and whoever"
        " uses this phone, can read them. The carrier may charge for them. I can stop them at any time by replying"
        " STOP or by telling {practice}. Whether I agree makes no difference to the care I get.",
        categories={
            Category.CARE: "Messages about care, and answers to mine",
            Category.REMINDERS: "Reminders of appointments",
            Category.NOTICES: "News and notices",
        },
        number="Phone number",
        covers="I agree to",
        name="Full name",
        signature="Signature",
        draw_again="Draw again",
        date="Date",
        sign="Sign",
        thanks="Thank you",
        hand_back="Please hand this device back.",
        no_name="Enter your full name.",
    ),
    "es": Words(
        title="Consentimiento para mensajes de texto",
        text="{practice} puede enviar mensajes de texto al {number}. Los mensajes no están cifrados: las compañías"
        " telefónicas y quien use este teléfono pueden leerlos. El operador puede cobrar por ellos. Puedo detenerlos"
        " en cualquier momento respondiendo STOP o avisando a {practice}. Aceptar o no aceptar no cambia la atención"
        " que recibo.",
        categories={
            Category.CARE: "Mensajes sobre la atención y respuestas a los míos",
            Category.REMINDERS: "Recordatorios de citas",
            Category.NOTICES: "Noticias y avisos",
        },
        number="Número de teléfono",
        covers="Acepto recibir",
        name="Nombre completo",
        signature="Firma",
        draw_again="Dibujar de nuevo",
        date="Fecha",
        sign="Firmar",
        thanks="Gracias",
        hand_back="Por favor, devuelva este dispositivo.",
        no_name="Escriba su nombre completo.",
    ),
}


def words_in(language: str) -> tuple[str, Words]:
    """The language and its words; the first one where there are none in it."""
    return (language, WORDS[language]) if language in WORDS else next(iter(WORDS.items()))


def wording(words: Words, *, practice: str, number: str) -> str:
    """Exactly what is shown, as it is kept with the consent."""
    return words.text.format(practice=practice, number=number)


def name_of(given: str, words: Words) -> str:
    """Raises `Invalid` where nobody signs."""
    name = " ".join(given.replace("\x00", "").split())[:LONGEST_NAME]
    if not name:
        raise Invalid(name=words.no_name)
    return name


def strokes(given: str) -> Strokes | None:
    """What a browser drew: strokes as x, y, x, y...; None for nothing, or for what is no drawing."""
    try:
        drawn = json.loads(given or "[]")
    except (ValueError, RecursionError):
        return None
    if not isinstance(drawn, list) or not 0 < len(drawn) <= MOST_STROKES or not all(map(_is_stroke, drawn)):
        return None
    return drawn if sum(map(len, drawn)) <= 2 * MOST_POINTS else None


def _is_stroke(one: object) -> bool:
    if not isinstance(one, list) or len(one) < 2 or len(one) % 2:
        return False
    return all(type(at) is int and 0 <= at <= WIDTH for at in one)


def path(drawn: Sequence[Sequence[int]]) -> str:
    """The drawing as the data of an SVG path."""
    return " ".join(_line(one) for one in drawn)


def _line(stroke: Sequence[int]) -> str:
    points = [f"{x} {y}" for x, y in zip(stroke[::2], stroke[1::2], strict=True)]
    # A dot is a line to itself.
    return "M" + " L".join(points if len(points) > 1 else points * 2)


def categories_of(given: Sequence[str]) -> frozenset[Category]:
    """Those that were ticked, and care, which every consent covers."""
    return frozenset({Category.CARE, *(one for one in Category if one.value in given)})
