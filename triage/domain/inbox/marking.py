"""Where the words of a search stand in a text: to cut a snippet around them and to mark them."""

import re
from typing import NamedTuple

from triage.domain.patients.patient import sort_key

SNIPPET = 140
# A narrow list shows about so much of a line.
IN_SIGHT = 36
BEFORE_HIT = 16


class Part(NamedTuple):
    text: str
    is_hit: bool


def parts(text: str, words: str) -> list[Part]:
    """The text in pieces, those that were looked for marked; without words, one piece."""
    found = _pattern(words)
    if found is None:
        return [Part(text, False)]
    pieces, at = [], 0
    for hit in found.finditer(_plain(text)):
        pieces += [Part(text[at : hit.start()], False), Part(text[hit.start() : hit.end()], True)]
        at = hit.end()
    return [piece for piece in (*pieces, Part(text[at:], False)) if piece.text]


def excerpt(text: str, words: str) -> str:
    """One line that holds the first of the words, as long as a snippet is."""
    line = " ".join(text.split())
    pattern = _pattern(words)
    hit = pattern.search(_plain(line)) if pattern else None
    if hit is None or hit.end() <= IN_SIGHT:
        return line[:SNIPPET]
    begin = line.rfind(" ", 0, max(0, hit.start() - BEFORE_HIT)) + 1
    return "…" + line[begin : begin + SNIPPET]


def _pattern(words: str) -> re.Pattern[str] | None:
    """Each word where a word begins with it."""
    wanted = sorted({re.escape(word) for word in re.findall(r"\w+", sort_key(words))}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(wanted)})") if wanted else None


def _plain(text: str) -> str:
    """Without case and accents, each sign where it was."""
    return "".join(plain if len(plain := sort_key(sign)) == 1 else sign for sign in text)
