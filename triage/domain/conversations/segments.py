"""How many texts the carrier bills for a body: GSM 03.38 in 160/153, UCS-2 in 70/67."""

from typing import NamedTuple

GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("^{}\\[~]|€\f")


class Size(NamedTuple):
    """`unit_count` counts septets or UTF-16 units; `forced_by` is the sign that asked for Unicode."""

    segments: int
    unit_count: int
    encoding: str
    forced_by: str | None


def size_of(body: str) -> Size:
    """Segments never split a sign in two, so a long text can need one more than the plain sum."""
    forced_by = next((sign for sign in body if sign not in GSM_7 and sign not in GSM_7_EXTENSION), None)
    if forced_by is None:
        units = [2 if sign in GSM_7_EXTENSION else 1 for sign in body]
        return Size(_segments(units, single=160, part=153), sum(units), "GSM-7", None)
    units = [2 if ord(sign) > 0xFFFF else 1 for sign in body]
    return Size(_segments(units, single=70, part=67), sum(units), "UCS-2", forced_by)


def _segments(units: list[int], *, single: int, part: int) -> int:
    if sum(units) <= single:
        return 1 if units else 0
    segments, room = 1, part
    for unit in units:
        if unit > room:
            segments, room = segments + 1, part
        room -= unit
    return segments
