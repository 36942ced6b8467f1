"""The stories of the demo can be read, and whoever adds to them is told what cannot."""

from datetime import time, timedelta

import pytest

from triage.demo.people import CLINICS, Clinic
from triage.demo.scripts import Kind, Line, read_line, read_table, read_talks


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("< Hello: a text", Line(Kind.IN, text="Hello: a text")),
        ("<photo", Line(Kind.IN, mark="photo")),
        ("<twice Hello", Line(Kind.IN, mark="twice", text="Hello")),
        ("> jo: At 9:30", Line(Kind.OUT, who="jo", text="At 9:30")),
        (">30007 jo: Hello", Line(Kind.OUT, who="jo", mark="30007", text="Hello")),
        ("= done jo", Line(Kind.DEED, who="jo", mark="done")),
        ("= given jo to sato, dana", Line(Kind.DEED, who="jo", mark="given", to=("sato", "dana"))),
        ("~ 1h15m", Line(Kind.PAUSE, lasts=timedelta(minutes=75))),
        ("@ 26h", Line(Kind.AGO, lasts=timedelta(hours=26))),
        ("@ day 2 10:40", Line(Kind.DAY, days=2, at=time(10, 40))),
    ],
)
def test_a_line_is_read(line: str, meaning: Line) -> None:
    assert read_line(line) == meaning


@pytest.mark.parametrize("line", ["Hello", "> Hello", "= done", "", "@ soon", "@ day 2"])
def test_a_line_that_says_nothing_known_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_line(line)


@pytest.mark.parametrize("clinic", CLINICS, ids=lambda clinic: clinic.file)
def test_every_number_belongs_to_nobody(clinic: Clinic) -> None:
    cells = [cell for row in read_table(f"{clinic.file}_patients") for cell in row]
    numbers = [word.strip(";") for cell in cells for word in cell.split() if word.startswith("+")]
    numbers += [talk.about for talk in read_talks(f"{clinic.file}_waiting") if talk.about.startswith("+")]
    numbers += clinic.numbers

    assert len(numbers) > 20
    assert all(len(number) == 12 and number[5:10] == "55501" for number in numbers)
