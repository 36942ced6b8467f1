"""What cells mean: dates, languages, names, and signs that nobody sees."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.domain.importing import columns, values
from triage.domain.importing.values import DateOrder, Unusable

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "order", "meant"),
    [
        ("1980-05-17", None, date(1980, 5, 17)),
        ("19800517", None, date(1980, 5, 17)),
        ("1980-05-17T00:00:00Z", None, date(1980, 5, 17)),
        ("05/17/1980", DateOrder.MONTH_FIRST, date(1980, 5, 17)),
        ("3/4/1980", DateOrder.MONTH_FIRST, date(1980, 3, 4)),
        ("3/4/1980", DateOrder.DAY_FIRST, date(1980, 4, 3)),
        ("3.4.1980", DateOrder.DAY_FIRST, date(1980, 4, 3)),
        ("17 May 1980", None, date(1980, 5, 17)),
        ("May 17, 1980", None, date(1980, 5, 17)),
        ("17-ene-1980", None, date(1980, 1, 17)),
        ("17 de diciembre de 1980", None, date(1980, 12, 17)),
    ],
)
def test_dates_as_people_write_them(text: str, order: DateOrder | None, meant: date) -> None:
    assert values.birth_date(text, order, today=TODAY) == meant


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("03/04/1980", None),
        ("17/05/1980", DateOrder.MONTH_FIRST),
        ("05/17/80", DateOrder.MONTH_FIRST),
        ("2999-01-01", None),
        ("1700-01-01", None),
        ("1980-02-30", None),
        ("17 Foo 1980", None),
        ("soon", None),
        ("44000", None),
    ],
)
def test_dates_that_cannot_be_used_are_never_guessed(text: str, order: DateOrder | None) -> None:
    with pytest.raises(Unusable):
        values.birth_date(text, order, today=TODAY)


@given(st.text(max_size=40), st.sampled_from([None, *DateOrder]))
def test_a_date_is_read_or_refused_whatever_is_written(text: str, order: DateOrder | None) -> None:
    try:
        found = values.birth_date(text, order, today=TODAY)
    except Unusable:
        return
    assert date(1880, 1, 1) <= found <= TODAY


@given(st.text(max_size=80))
def test_what_is_cleaned_can_be_stored_and_read(text: str) -> None:
    try:
        clean = values.clean(text)
    except Unusable:
        return
    assert clean.isprintable() or not clean
    clean.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("English", "en"),
        ("en-US", "en"),
        ("Español", "es"),
        ("inglés", "en"),
        ("es", "es"),
        ("Klingon", None),
    ],
)
def test_languages_have_many_names(text: str, code: str | None) -> None:
    assert values.language(text) == code


@pytest.mark.parametrize(
    ("headings", "fields"),
    [
        (
            ["MRN", "First Name", "Last Name", "DOB", "Cell Phone"],
            ["chart_number", "first_name", "last_name", "born_on", "number"],
        ),
        (
            ["N.º de expediente", "Nombre", "Apellidos", "Fecha de nacimiento", "Teléfono móvil", "Idioma"],
            ["", "first_name", "last_name", "born_on", "number", "language"],
        ),
        (
            ["Número de expediente", "Mascota", "Especie", "Dueño", "Teléfono del dueño"],
            ["chart_number", "first_name", "species", "contact_name", "contact_number"],
        ),
        (["id", "phone", "mobile", "what is this"], ["chart_number", "number", "", ""]),
    ],
)
def test_headings_suggest_what_columns_mean(headings: list[str], fields: list[str]) -> None:
    assert columns.guess(headings) == fields
