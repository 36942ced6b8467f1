"""Photos that nobody took: small landscapes drawn by arithmetic, so that a phone has something to send."""

import math
import struct
import zlib
from functools import lru_cache

_WIDTH, _HEIGHT = 320, 240

Colour = tuple[int, int, int]


def draw_picture(number: int) -> bytes:
    """A PNG of hills under a sun; one of a dozen, each with its own hour of the day."""
    return _draw(number % 12)


@lru_cache(maxsize=12)
def _draw(number: int) -> bytes:
    sky, glow, land = _PALETTES[number % len(_PALETTES)]
    sun = 60 + (number * 131) % 200, 60 + (number * 47) % 50
    ridges = [[_ridge(x, number, layer) for x in range(_WIDTH)] for layer in range(3)]
    hills = [_mix(land, sky, 0.26 * layer) for layer in range(3)]
    rows = bytearray()
    for y in range(_HEIGHT):
        rows.append(0)
        for x in range(_WIDTH):
            layer = next((layer for layer in range(3) if y > ridges[layer][x]), None)
            rows.extend(_air(x, y, sun, sky, glow) if layer is None else hills[layer])
    return _png(bytes(rows))


_PALETTES: list[tuple[Colour, Colour, Colour]] = [
    ((86, 140, 196), (255, 236, 190), (36, 84, 76)),
    ((214, 122, 96), (255, 220, 160), (68, 44, 76)),
    ((70, 82, 140), (236, 196, 220), (24, 40, 70)),
    ((120, 178, 196), (255, 250, 226), (64, 98, 54)),
]


def _ridge(x: int, number: int, layer: int) -> float:
    wave = 15 * math.sin(x / (40 + 16 * layer) + number + layer * 2)
    return 200 - layer * 31 + wave + 6 * math.sin(x / 15 + layer + number * 3)


def _air(x: int, y: int, sun: tuple[int, int], sky: Colour, glow: Colour) -> bytes:
    distance = math.hypot(x - sun[0], y - sun[1])
    if distance < 20:
        return _mix(glow, (255, 255, 255), 0.55)
    return _mix(sky, glow, min(1.0, y / 200 * 0.75 + max(0.0, 1 - distance / 115) * 0.5))


def _mix(one: Colour, other: Colour, share: float) -> bytes:
    return bytes(int(a + (b - a) * share) for a, b in zip(one, other, strict=True))


def _png(rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
