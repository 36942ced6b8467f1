"""A file as rows of cells: which encoding and delimiter it has, and one row after the other with its line."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from statistics import median

# Sniffed, and shown to a person.
SAMPLE = 256 * 1024
ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows 1252 (Western)"}
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}
MOST_COLUMNS = 200
LONGEST_LINE = 1024 * 1024
_BUNDLE = re.compile(rb'"resourceType"\s*:\s*"Bundle"')

Pieces = Callable[[int], bytes | None]


class Format(StrEnum):
    CSV = "csv"
    BUNDLE = "bundle"
    NDJSON = "ndjson"


class File(io.RawIOBase):
    """A file that lies in pieces, read from the first to the last; `piece` gives one, or None after the last."""

    def __init__(self, piece: Pieces) -> None:
        self._piece, self._next = piece, 0
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # any buffer does
        if not self._rest:
            self._rest = memoryview(self._piece(self._next) or b"")
            self._next += 1
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def open_bytes(piece: Pieces) -> io.BufferedReader:
    """From the beginning, without the mark that says that it is UTF-8."""
    opened: io.BufferedReader = io.BufferedReader(File(piece), 128 * 1024)
    if opened.peek(3)[:3] == codecs.BOM_UTF8:
        opened.read(3)
    return opened


class Encoding:
    """Tells the encoding from all of a file, which is handed to it in pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8, self._head = True, b""

    def see(self, piece: bytes) -> None:
        if not self._head:
            self._head = piece[:SAMPLE]
        if self._is_utf8:
            try:
                self._decoder.decode(piece)
            except UnicodeDecodeError:
                self._is_utf8 = False

    def found(self) -> str:
        if self._head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        return "utf-8" if self._is_utf8 else "cp1252"


def format_of(head: bytes) -> Format:
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text.startswith((b"{", b"[")):
        return Format.CSV
    first_line = text.split(b"\n", 1)[0].strip()
    is_whole_line = (
        first_line.startswith(b"{") and first_line.endswith(b"}") and b'"resourceType"' in first_line
    )
    return Format.NDJSON if is_whole_line and not _BUNDLE.search(first_line) else Format.BUNDLE


def delimiter_of(head: bytes, encoding: str) -> str:
    """The sign that cuts the first lines into the most cells, as many in each."""
    lines = head.decode(encoding, errors="replace").splitlines()[:40]
    lines = lines[:-1] or lines
    return max(DELIMITERS, key=lambda sign: _cuts_well(lines, sign))


def _cuts_well(lines: list[str], sign: str) -> tuple[float, float]:
    try:
        counts = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
    except csv.Error:
        return (0.0, 0.0)
    usual = median(counts) if counts else 1
    if usual <= 1:
        return (0.0, 0.0)
    return (sum(count == usual for count in counts) / len(counts), usual)


class Row:
    """`cells` is None for a line that is no row of cells."""

    __slots__ = ("cells", "line")

    def __init__(self, line: int, cells: list[str] | None) -> None:
        self.line, self.cells = line, cells


def rows(opened: io.BufferedReader, *, encoding: str, delimiter: str) -> Iterator[Row]:
    """Every row that is not empty, the headings first; lines are counted as an editor does."""
    text = io.TextIOWrapper(opened, encoding=encoding, errors="replace", newline="")
    counted = _Counted(text)
    reader = csv.reader(counted, delimiter=delimiter)
    while True:
        line = counted.count + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a quote that is opened and never closed, or a cell that has no end
            yield Row(line, None)
            continue
        if any(cell.strip() for cell in cells):
            yield Row(line, cells[:MOST_COLUMNS])


class _Counted:
    """Lines of a bounded length; what comes after it is passed over."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.count = text, 0

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.count += 1
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(LONGEST_LINE)
        return line


def byte_lines(opened: io.BufferedReader) -> Iterator[tuple[int, bytes | None]]:
    """Every line that is not empty with its number; None for one that is too long."""
    number = 0
    while line := opened.readline(LONGEST_LINE):
        number += 1
        is_whole = len(line) < LONGEST_LINE or line.endswith(b"\n")
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            rest = opened.readline(LONGEST_LINE)
        if line.strip():
            yield number, line if is_whole else None


def in_pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of one size; the last is shorter."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)
