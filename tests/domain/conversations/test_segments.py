"""How many texts the carrier bills: GSM 03.38 in 160/153, UCS-2 in 70/67."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.conversations.segments import GSM_7, GSM_7_EXTENSION, size_of

plain = st.text(alphabet=sorted(GSM_7), max_size=800)
extended = st.text(alphabet=sorted(GSM_7 | GSM_7_EXTENSION), max_size=800)
anything = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400)


@pytest.mark.parametrize(
    ("body", "segments", "units", "encoding"),
    [
        ("", 0, 0, "GSM-7"),
        ("a" * 160, 1, 160, "GSM-7"),
        ("a" * 161, 2, 161, "GSM-7"),
        ("a" * 306, 2, 306, "GSM-7"),
        ("a" * 307, 3, 307, "GSM-7"),
        ("€" * 80, 1, 160, "GSM-7"),
        ("€" * 81, 2, 162, "GSM-7"),
        ("ю" * 70, 1, 70, "UCS-2"),
        ("ю" * 71, 2, 71, "UCS-2"),
        ("ю" * 134, 2, 134, "UCS-2"),
        ("ю" * 135, 3, 135, "UCS-2"),
        ("😀" * 35, 1, 70, "UCS-2"),
        ("😀" * 36, 2, 72, "UCS-2"),
        # An escape pair never crosses a segment: 152 septets and the pair begins the next.
        ("a" * 152 + "€" + "a" * 152, 3, 306, "GSM-7"),
        # Nor does a surrogate pair: 66 units, and the face begins the next.
        ("ю" * 66 + "😀" + "ю" * 66, 3, 134, "UCS-2"),
    ],
)
def test_known_bodies_have_known_sizes(body: str, segments: int, units: int, encoding: str) -> None:
    size = size_of(body)

    assert (size.segments, size.unit_count, size.encoding) == (segments, units, encoding)


def test_the_sign_that_forced_unicode_is_named() -> None:
    assert size_of("Don’t come").forced_by == "’"
    assert size_of("Don't come").forced_by is None


@given(plain)
def test_plain_text_is_counted_by_signs(body: str) -> None:
    expected = 0 if not body else 1 if len(body) <= 160 else -(-len(body) // 153)

    assert size_of(body).segments == expected


@given(extended)
def test_extension_signs_count_twice(body: str) -> None:
    size = size_of(body)

    assert size.unit_count == len(body) + sum(sign in GSM_7_EXTENSION for sign in body)
    assert size.encoding == "GSM-7"


@given(anything)
def test_a_text_always_fits_its_segments_and_never_wastes_one(body: str) -> None:
    size = size_of(body)
    single, part = (160, 153) if size.encoding == "GSM-7" else (70, 67)

    assert size.unit_count <= size.segments * (single if size.segments == 1 else part)
    # A segment can lose one unit at its end to a pair that does not fit.
    assert size.segments <= 1 or size.unit_count > (size.segments - 1) * (part - 1)


@given(anything)
def test_unicode_units_are_those_of_utf_16(body: str) -> None:
    size = size_of(body + "ю")

    assert size.unit_count == len((body + "ю").encode("utf-16-le")) // 2


@given(anything, anything)
def test_writing_more_never_needs_fewer(body: str, more: str) -> None:
    assert size_of(body + more).segments >= size_of(body).segments
