"""A table of patients as practices export them: names from two languages, shared numbers, gaps, and a few wrong rows."""

import csv
import random
from datetime import date, timedelta
from pathlib import Path

HEADINGS = (
    "MRN",
    "First Name",
    "Last Name",
    "Date of Birth",
    "Sex",
    "Cell Phone",
    "Home Phone",
    "Preferred Language",
    "Location",
    "Emergency Contact",
    "Relationship",
    "Emergency Phone",
)
LOCATIONS = ("Downtown", "Lakeside", "North")
FIRST = (
    "Maria José Ana Luis Rosa Omar Grace Noah Zoë Begoña Chloé Mateo Olivia Liam Sofía Ethan Mia Lucas Emma Íñigo Ava"
    " Elena Hugo Isla Jonas Nadia Pablo Ruth Samir Tess"
).split()
LAST = (
    "García Núñez Smith Johnson O'Brien Müller López Ríos Nguyen Patel Kowalski Dubois Haddad Kim Okafor Silva Brown"
    " Castillo Fischer Moreau Ivanova Torres Walker Young Zamora"
).split()
ENDINGS = ("", "", "", "", "son", "-Reyes", " de la Cruz", " Jr.", "sen", "a")
RELATIONS = ("mother", "father", "spouse", "daughter", "neighbor")
# Of a hundred rows: without a number, with a contact, with a number that somebody else has too, wrong.
WITHOUT_NUMBER, WITH_CONTACT, SHARED, WRONG = 8, 30, 6, 0.5
FIRST_DAY = date(1935, 1, 1)


def write(path: Path, rows: int, *, seed: int = 7) -> int:
    """The same table for the same seed; returns how many of its rows can be imported."""
    chance = random.Random(seed)
    right = 0
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(HEADINGS)
        for place in range(rows):
            row = _row(place, chance)
            if chance.random() * 100 < WRONG:
                row[3] = "2091-13-45"
            else:
                right += 1
            writer.writerow(row)
    return right


def _row(place: int, chance: random.Random) -> list[str]:
    has_number = chance.random() * 100 >= WITHOUT_NUMBER
    is_shared = chance.random() * 100 < SHARED
    owner = max(0, place - chance.randrange(1, 4)) if is_shared else place
    contact = ["", "", ""]
    if chance.random() * 100 < WITH_CONTACT:
        contact = [_name(chance), chance.choice(RELATIONS), _number(500_000 + place)]
    first, last = _name(chance).split(" ", 1)
    born = FIRST_DAY + timedelta(days=chance.randrange(32_000))
    return [
        f"H{100_000 + place}",
        first,
        last,
        born.isoformat(),
        chance.choice(("F", "M", "F", "M", "")),
        _number(owner) if has_number else "",
        "",
        chance.choice(("English", "English", "English", "Spanish", "")),
        chance.choice(LOCATIONS),
        *contact,
    ]


def _name(chance: random.Random) -> str:
    return f"{chance.choice(FIRST)} {chance.choice(LAST)}{chance.choice(ENDINGS)}"


def _number(place: int) -> str:
    """Written as people write it; none of them is anybody's."""
    digits = f"{202 + place // 1_000_000}{5_550_200 + place % 1_000_000:07d}"
    return (
        f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
        if place % 2
        else f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    )
