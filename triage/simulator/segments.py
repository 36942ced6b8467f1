"""How many segments the air interface cuts a text into."""

import math

_BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")


def count_segments(body: str) -> int:
    """160 GSM-7 or 70 UCS-2 units fit one segment, 153 or 67 each when there are several (3GPP TS 23.040)."""
    if is_gsm(body):
        units, alone, joined = len(body) + sum(letter in _EXTENDED for letter in body), 160, 153
    else:
        units, alone, joined = _utf16_units(body), 70, 67
    return 1 if units <= alone else math.ceil(units / joined)


def is_gsm(body: str) -> bool:
    return _BASIC.issuperset(body) or (_BASIC | _EXTENDED).issuperset(body)


def length(body: str) -> int:
    """The length that the carrier's limit of 1,600 counts: an emoji outside the basic plane is two."""
    return _utf16_units(body)


def _utf16_units(body: str) -> int:
    return len(body) if body.isascii() else len(body.encode("utf-16-le", "surrogatepass")) // 2
