"""Importing patients on pages, without scripts: bring a file, choose columns, look, import, undo; and who may."""

import io
import re
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.cast import Cast
from tests.domain.importing.files import OMAR, ROSA, a_table
from tests.web.conftest import Browser
from triage.domain.importing import working
from triage.domain.importing.run import ImportRun, State
from triage.domain.patients.patient import by_chart_number
from triage.domain.practice.member import Member

FIELDS = ["chart_number", "first_name", "last_name", "born_on", "number", "facility", "language"]


def bring(browser: Browser, content: bytes, name: str = "patients.csv") -> str:
    """The address of the import that a file becomes."""
    answer = browser.post("/patients/import", file=(io.BytesIO(content), name))
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_ana_imports_patients_and_takes_them_back(ana: Browser, session: Session, cast: Cast) -> None:
    address = bring(ana, a_table(ROSA, OMAR, "2003,,,,,,"))
    columns = ana.get(address).text
    ana.post(f"{address}/columns", columns=FIELDS)
    at_work = ana.get(address).text
    working.run_due()
    tried = ana.get(address).text
    ana.post(f"{address}/start")
    working.run_due()
    done = ana.get(address).text
    rosa = by_chart_number(session, cast.practice_id, "2001")
    ana.post(f"{address}/undo")
    working.run_due()

    assert "What the columns mean" in columns and "Ríos" in columns
    assert "Being tried" in at_work and "every 1s" in at_work
    assert "What would happen" in tried and "Import 2" in tried and "It has no first name." in tried
    assert "What happened" in done and "Undo this import" in done
    assert rosa is not None
    session.expire_all()
    assert by_chart_number(session, cast.practice_id, "2001") is None
    assert "Undone" in ana.get(address).text


def test_a_column_that_is_not_chosen_is_said_and_the_choice_is_kept(ana: Browser) -> None:
    address = bring(ana, a_table(ROSA))

    answer = ana.post(f"{address}/columns", columns=["", *FIELDS[1:]])

    assert answer.status_code == 422
    assert "Choose the column with the chart number" in answer.text
    assert re.search(r'<option value="born_on" selected>', answer.text)


def test_what_comes_first_in_a_date_is_asked(ana: Browser, session: Session) -> None:
    address = bring(ana, a_table("2001,Rosa,Ríos,03/04/1975,,,"))

    unanswered = ana.post(f"{address}/columns", columns=FIELDS)
    answered = ana.post(f"{address}/columns", columns=FIELDS, date_order="dmy")

    assert unanswered.status_code == 422
    assert "Choose what comes first in a birth date" in unanswered.text
    assert answered.status_code == 303


def test_another_encoding_shows_other_letters(ana: Browser) -> None:
    address = bring(ana, "Chart;Name\n1;Begoña\n".encode("utf-16"))

    shown = ana.get(address).text
    ana.post(f"{address}/reading", encoding="cp1252", delimiter=";")

    assert "Begoña" in shown
    assert "Begoña" not in ana.get(address).text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04something", "This is no text file."),
    ],
)
def test_what_is_no_table_is_not_kept(ana: Browser, session: Session, content: bytes, sentence: str) -> None:
    answer = ana.post("/patients/import", file=(io.BytesIO(content), "patients.xlsx"))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert session.scalars(select(ImportRun)).all() == []


def test_a_file_larger_than_any_page_is_taken_from_who_may_import_alone(
    ana: Browser, ben: Browser, session: Session
) -> None:
    content = a_table(*[f"{number},Ana,{'x' * 100},,,," for number in range(20_000)])

    refused = ben.client.post("/patients/import", data=ben._form({"file": (io.BytesIO(content), "a.csv")}))
    bring(ana, content)

    assert refused.status_code == 413
    assert session.scalars(select(ImportRun.size)).one() == len(content)


def test_neither_the_name_of_the_file_nor_a_cell_stands_in_an_address_or_a_title(ana: Browser) -> None:
    address = bring(ana, a_table(ROSA), "rosa-rios.csv")

    page = ana.get(address).text

    assert "rosa" not in address
    assert "rosa-rios" not in page
    assert "Rosa" not in page[page.index("<title>") : page.index("</title>")]


def test_what_is_typed_in_a_file_is_shown_and_never_run(ana: Browser) -> None:
    address = bring(ana, a_table("2001,<script>ran=1</script>,Ríos,,,,"))

    page = ana.get(address).text

    assert "<script>ran" not in page
    assert "&lt;script&gt;ran" in page


def test_the_progress_is_a_part_of_the_page_and_no_sign_of_a_person(ana: Browser, session: Session) -> None:
    address = bring(ana, a_table(ROSA))
    ana.post(f"{address}/columns", columns=FIELDS)

    part = ana.part(f"{address}/progress", at=address)
    working.run_due()
    after = ana.part(f"{address}/progress", at=address)

    assert part.text.lstrip().startswith('<div id="import-run"') and "<progress" in part.text
    assert "every 1s" not in after.text and "Import 1" in after.text


def test_the_report_can_be_taken_along(ana: Browser) -> None:
    address = bring(ana, a_table("2003,,,,,,"))
    ana.post(f"{address}/columns", columns=FIELDS)
    working.run_due()

    report = ana.get(f"{address}/report")

    assert report.text.splitlines() == ["line,outcome,reason", "2,refused,It has no first name."]


def test_stopping_and_removing(ana: Browser, session: Session) -> None:
    address = bring(ana, a_table(ROSA))
    ana.post(f"{address}/columns", columns=FIELDS)

    ana.post(f"{address}/stop")
    stopped = session.scalars(select(ImportRun.state)).one()
    ana.post(f"{address}/removal")

    assert stopped is State.DRAFT
    assert session.scalars(select(ImportRun)).all() == []


def test_ana_may_think_again_after_a_trial(ana: Browser) -> None:
    address = bring(ana, a_table(ROSA))
    ana.post(f"{address}/columns", columns=FIELDS)
    working.run_due()

    ana.post(f"{address}/second-thoughts")

    assert "What the columns mean" in ana.get(address).text


def test_who_sees_a_part_of_the_patients_cannot_import(
    browser_of: Callable[[Member], Browser], session: Session, cast: Cast
) -> None:
    role = builders.a_role(session, cast=cast, messages="all", patients=True, own_facilities_only=True)
    wes = browser_of(builders.a_member(session, cast=cast, role=role, facilities=[cast.north]))

    assert wes.get("/patients/import").status_code == 403


def test_the_directory_leads_there(ana: Browser) -> None:
    assert 'href="/patients/import"' in ana.get("/patients").text
