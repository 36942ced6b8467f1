"""How a file is written is found out, and every line of it is read, whatever it holds."""

import io

import pytest

from triage.domain.importing import reading
from triage.domain.importing.reading import Format

TEXT = "Chart,Name\n1,Begoña Núñez\n2,Zoë\n"


def opened(content: bytes, piece: int = 7) -> io.BufferedReader:
    pieces = list(reading.in_pieces([content], piece))
    return reading.open_bytes(lambda number: pieces[number] if number < len(pieces) else None)


def rows_of(
    content: bytes, encoding: str = "utf-8", delimiter: str = ","
) -> list[tuple[int, list[str] | None]]:
    return [
        (row.line, row.cells) for row in reading.rows(opened(content), encoding=encoding, delimiter=delimiter)
    ]


@pytest.mark.parametrize(
    ("written_as", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
def test_the_encoding_is_found_and_the_letters_are_right(written_as: str, found: str) -> None:
    content, encoding = TEXT.encode(written_as), reading.Encoding()
    for piece in reading.in_pieces([content], 5):
        encoding.see(piece)

    assert encoding.found() == found
    assert [cells for _, cells in rows_of(content, found)] == [
        ["Chart", "Name"],
        ["1", "Begoña Núñez"],
        ["2", "Zoë"],
    ]


@pytest.mark.parametrize("sign", list(reading.DELIMITERS))
def test_the_delimiter_is_found(sign: str) -> None:
    content = sign.join(["a", "b", "c"]) + "\n" + sign.join(['"Porter, Pat; or so"', "1", "2"]) + "\n"

    assert reading.delimiter_of(content.encode(), "utf-8") == sign


def test_a_cell_may_hold_lines_and_rows_keep_the_line_they_begin_in() -> None:
    content = b'a,b\n1,"two\nlines"\n\n2,x\n'

    assert rows_of(content) == [(1, ["a", "b"]), (2, ["1", "two\nlines"]), (5, ["2", "x"])]


def test_a_quote_that_is_never_closed_spoils_no_more_than_what_it_swallows() -> None:
    content = b"a,b\n1,x\n" + b'2,"' + b"y" * 300_000 + b"\n3,z\n"

    found = rows_of(content, delimiter=",")

    assert found[1] == (2, ["1", "x"])
    assert (3, None) in found
    assert found[-1][1] == ["3", "z"]


def test_a_line_without_end_is_cut() -> None:
    content = b"a,b\n" + b"x" * (3 * reading.LONGEST_LINE) + b"\n1,x\n"

    found = rows_of(content)

    assert found[-1] == (3, ["1", "x"])


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"Chart,Name\n", Format.CSV),
        (b'{"resourceType": "Bundle", "entry": []}', Format.BUNDLE),
        (b'\xef\xbb\xbf{\n  "resourceType": "Bundle"', Format.BUNDLE),
        (b'{"resourceType":"Patient","id":"1"}\n{"resourceType":"Patient"', Format.NDJSON),
    ],
)
def test_the_format_is_told_by_the_beginning(head: bytes, format_: Format) -> None:
    assert reading.format_of(head) is format_
