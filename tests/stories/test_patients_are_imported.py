"""Ana imports a table of patients at a real browser without scripts; workers do it behind the pages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.cast import Cast
from tests.domain.importing.files import HEADINGS, OMAR, ROSA
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.patients.patient import by_chart_number

DeskOf = Callable[..., Desk]
IMPORT = re.compile(r"^Import \d+$")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    path.write_text(f"{HEADINGS}\n{ROSA}\n{OMAR}\n2003,,,,,,\n")
    return path


def bring(ana: Desk, table: Path) -> None:
    ana.open("/patients")
    ana.page.get_by_role("link", name="Import", exact=True).click()
    ana.page.get_by_label("File").set_input_files(table)
    ana.button("Upload").click()
    expect(ana.page.get_by_label("DOB is imported as")).to_have_value("born_on")
    ana.button("Try every row").click()


def test_without_scripts_ana_looks_again(clinic: Clinic, desk_of: DeskOf, people: Cast, table: Path) -> None:
    ana = desk_of("ana", java_script_enabled=False)

    bring(ana, table)
    until_there(ana, IMPORT)
    ana.page.get_by_role("button", name=IMPORT).click()
    until_there(ana, re.compile("^Undo this import$"))

    assert by_chart_number(clinic.session, people.practice_id, "2001") is not None


def until_there(ana: Desk, button: re.Pattern[str]) -> None:
    """By the link that asks for the page again, as long as a worker is at it."""
    again, wanted = (
        ana.page.get_by_role("link", name="Look again"),
        ana.page.get_by_role("button", name=button),
    )
    while True:
        expect(again.or_(wanted).first).to_be_visible()
        if wanted.count():
            return
        again.click()
