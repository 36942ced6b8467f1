"""Cursors: what was given out is read back, and nothing else."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.kit.errors import Invalid
from triage.kit.paging import Mark, read_cursor


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_mark_is_read_back(at: datetime, id_: object) -> None:
    mark = Mark(at, id_)  # type: ignore[arg-type]  # hypothesis does not say that these are UUIDs

    assert read_cursor(mark.as_cursor()) == mark


@given(st.text(max_size=60))
def test_anything_else_is_refused_in_words(cursor: str) -> None:
    try:
        read_cursor(cursor)
    except Invalid as refusal:
        assert refusal.sentence


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), datetime(2026, 1, 1, 12, 30)])
def test_a_moment_without_a_zone_is_refused(at: datetime) -> None:
    with pytest.raises(Invalid):
        read_cursor(Mark(at, uuid4()).as_cursor())
