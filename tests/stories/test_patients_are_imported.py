"""Ana imports a table of patients at a real browser, with scripts and without; workers do it behind the pages."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import expect

from tests import builders
from tests.cast import Cast
from tests.domain.importing.files import HEADINGS
from tests.stories.clinic import Clinic
from tests.stories.desk import Desk
from triage.domain.patients.patient import by_chart_number

DeskOf = Callable[..., Desk]


class Table(NamedTuple):
    """A file, and the chart number of its first patient."""

    path: Path
    rosa: str


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Two patients whom nobody has imported yet, and a row without a name."""
    number = builders.a_number()
    charts = [f"{number[-4:]}-{place}" for place in range(3)]
    rows = (
        f"{charts[0]},Rosa,Ríos,1975-02-03,{number},North,Spanish",
        f"{charts[1]},Omar,Odeh,1990-12-31,{builders.a_number()},South,en",
        f"{charts[2]},,,,,,",
    )
    path = tmp_path / "patients.csv"
    path.write_text("\n".join([HEADINGS, *rows, ""]))
    return Table(path, charts[0])


def bring(ana: Desk, table: Table) -> None:
    ana.open("/patients")
    ana.page.get_by_role("link", name="Import", exact=True).click()
    ana.page.get_by_label("File").set_input_files(table.path)
    ana.button("Upload").click()
    expect(ana.page.get_by_label("DOB is imported as")).to_have_value("born_on")
    ana.button("Try every row").click()


def test_the_page_tells_by_itself_how_far_it_is(
    clinic: Clinic, desk_of: DeskOf, people: Cast, table: Table
) -> None:
    ana = desk_of("ana")

    bring(ana, table)
    expect(ana.page.get_by_role("heading", name="What would happen")).to_be_visible()
    expect(ana.page.get_by_text("It has no first name.")).to_be_visible()
    ana.button("Import 2").click()
    expect(ana.page.get_by_role("heading", name="What happened")).to_be_visible()
    assert by_chart_number(clinic.session, people.practice_id, table.rosa) is not None
    ana.button("Undo this import").click()

    expect(ana.page.get_by_text("Undone", exact=True).first).to_be_visible()
    clinic.session.rollback()
    assert by_chart_number(clinic.session, people.practice_id, table.rosa) is None


def test_without_scripts_ana_looks_again(clinic: Clinic, desk_of: DeskOf, people: Cast, table: Table) -> None:
    ana = desk_of("ana", java_script_enabled=False)

    bring(ana, table)
    until_there(ana, "Import 2")
    ana.button("Import 2").click()
    until_there(ana, "Undo this import")

    assert by_chart_number(clinic.session, people.practice_id, table.rosa) is not None


def until_there(ana: Desk, button: str) -> None:
    """By the link that asks for the page again, as long as a worker is at it."""
    again, wanted = ana.page.get_by_role("link", name="Look again"), ana.button(button)
    while True:
        expect(again.or_(wanted).first).to_be_visible()
        if wanted.count():
            return
        again.click()
