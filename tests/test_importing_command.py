"""`triage patients import`: a file from a terminal, tried, imported, and taken back."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cast import Cast
from tests.domain.importing.files import OMAR, ROSA, a_table
from triage import commands
from triage.domain.importing.run import ImportRun, State
from triage.domain.patients.patient import Patient, by_chart_number

pytestmark = pytest.mark.usefixtures("fresh_settings")
PRACTICE = ["--practice", "Elm Street Clinic"]


def run(*line: str) -> Result:
    return CliRunner().invoke(commands.patients, ["import", *line, *PRACTICE])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_bytes(a_table(ROSA, OMAR, "2003,,,,,,"))
    return path


def test_a_file_is_tried_and_nothing_more(file: Path, fresh_session: Session, fresh_cast: Cast) -> None:
    result = run(str(file))

    assert result.exit_code == 0, result.output
    assert "Nothing was imported." in result.output
    assert "Line 4, refused: It has no first name." in result.output
    assert "Rosa" not in result.output
    assert by_chart_number(fresh_session, fresh_cast.practice_id, "2001") is None


def test_it_is_imported_and_taken_back(file: Path, fresh_session: Session, fresh_cast: Cast) -> None:
    applied = run(str(file), "--apply")
    made = fresh_session.scalars(select(Patient.chart_number).order_by(Patient.chart_number)).all()
    found = re.search(r"--undo (\S+)", applied.output)
    assert found, applied.output
    undone = run("--undo", found[1])

    fresh_session.commit()
    assert made == ["1001", "2001", "2002"]
    assert undone.exit_code == 0, undone.output
    assert "Undone: 2. Kept: 0." in undone.output
    assert by_chart_number(fresh_session, fresh_cast.practice_id, "2001") is None


def test_what_was_tried_can_be_imported_later(file: Path, fresh_session: Session, fresh_cast: Cast) -> None:
    run(str(file))
    tried = fresh_session.scalars(select(ImportRun)).one()

    result = run("--continue", str(tried.id))

    fresh_session.refresh(tried)
    assert "Imported." in result.output
    assert (tried.state, tried.made) == (State.DONE, 2)


def test_columns_are_named_where_headings_say_too_little(
    tmp_path: Path, fresh_session: Session, fresh_cast: Cast
) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"A,B,C\n2001,Rosa,03/04/1975\n")
    choice = ["--map", "chart_number=A", "--map", "first_name=B", "--map", "born_on=C"]

    unclear = run(str(path), *choice)
    result = run(str(path), *choice, "--dates", "dmy", "--apply")

    rosa = by_chart_number(fresh_session, fresh_cast.practice_id, "2001")
    assert unclear.exit_code == 1 and "Choose what comes first in a birth date" in unclear.output
    assert result.exit_code == 0, result.output
    assert rosa is not None and str(rosa.born_on) == "1975-04-03"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ([], "Name a FILE, or an import"),
        (["--map", "nonsense"], "--map is FIELD=HEADING"),
        (["--map", "sex=Nowhere"], "There is no column Nowhere"),
        (["--map", "chart_number="], "Choose the column with the chart number"),
    ],
)
@pytest.mark.usefixtures("fresh_cast")
def test_what_cannot_be_done_is_said(file: Path, line: list[str], sentence: str) -> None:
    result = run(*([str(file), *line] if line else []))

    assert result.exit_code != 0
    assert sentence in result.output
    assert "Traceback" not in result.output
