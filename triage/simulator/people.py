"""Pretend patients: their names, numbers and the things they write."""

import random
import time
from collections.abc import Sequence

from triage.simulator import directory, receiving
from triage.simulator.carrier import Carrier
from triage.simulator.journeys import Behaviour
from triage.simulator.store import Row, insert

_FIRST = (
    "Amara",
    "Bruno",
    "Clara",
    "Dmitri",
    "Elena",
    "Farid",
    "Greta",
    "Hana",
    "Ivan",
    "Jolene",
    "Kofi",
    "Lucia",
    "Mateo",
    "Nora",
    "Omar",
    "Paloma",
    "Quinn",
    "Rosa",
    "Silas",
    "Tuya",
    "Uma",
    "Viktor",
    "Wren",
    "Yusuf",
)
_LAST = (
    "Abara",
    "Bianchi",
    "Castillo",
    "Dunne",
    "Eriksen",
    "Fontaine",
    "Guerra",
    "Hollis",
    "Ibarra",
    "Jansen",
    "Kaplan",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okoye",
    "Petrov",
    "Quigley",
    "Ramos",
    "Sandoval",
    "Tran",
)
_AREAS = (202, 206, 213, 303, 312, 404, 415, 503, 512, 617, 702, 718)

_SAYINGS = (
    "Hi, is the doctor in on Friday?",
    "Can I get a refill on my usual prescription please",
    "Thank you so much, feeling better today",
    "Running ten minutes late, sorry!",
    "Do I need to fast before the blood test tomorrow?",
    "The new tablets make me dizzy in the morning, is that normal?",
    "Could someone call me back after 3 pm?",
    "What are your opening hours this week?",
    "I need to move my appointment to next week",
    "Did my results come in yet?",
    "The cough is worse at night now",
    "Please send the bill to my new address",
    "Which entrance is open on Saturdays?",
    "I left my umbrella in the waiting room",
    "Is it ok to take it together with food?",
    "My insurance card has changed, where do I send a photo?",
    "She has been sleeping a lot since yesterday, should I worry?",
    "ok see you then 👍",
    "¿Puedo cambiar mi cita para el lunes?",
    "Can you write a note for school?",
)


def add_person(carrier: Carrier) -> Row:
    """Somebody new, with a number from the range that is kept for stories, shown in the last frame."""
    dice = random.Random(time.time_ns())
    taken = {
        row["number"]
        for row in carrier.store.rows("select number from phone union select number from number")
    }
    number = next(
        n
        for n in iter(lambda: f"+1{dice.choice(_AREAS)}55501{dice.randrange(100):02d}", None)
        if n not in taken
    )
    label = f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
    birth_date = f"{dice.randint(1, 12):02d}/{dice.randint(1, 28):02d}/{dice.randint(1940, 2004)}"
    with carrier.store.writing() as connection:
        values = {"number": number, "label": label, "birth_date": birth_date, "behaviour": Behaviour.DELIVERS}
        insert(connection, "phone", values)
    person = carrier.store.row("select * from phone where number = ?", (number,))
    assert person is not None
    show(carrier, person["id"], instead_of=None)
    return person


def show(carrier: Carrier, phone_id: int, *, instead_of: int | None) -> None:
    """Puts a phone into the frame of another, else a free one, else the last; two that both show swap."""
    shown = carrier.store.rows("select id, place from phone where place is not null order by place")
    places = {row["id"]: row["place"] for row in shown}
    free = next((place for place in range(directory.FRAMES) if place not in places.values()), None)
    wanted = places.get(instead_of) if instead_of is not None else None
    place = wanted if wanted is not None else free if free is not None else directory.FRAMES - 1
    with carrier.store.writing() as connection:
        connection.execute("update phone set place = ? where place = ?", (places.get(phone_id), place))
        connection.execute("update phone set place = ? where id = ?", (place, phone_id))


def rush(carrier: Carrier, *, count: int, seconds: float, phones: Sequence[str] = ()) -> None:
    """Many texts spread evenly over a time, from the given phones or from all that are known."""
    senders = list(phones) or [
        row["number"] for row in carrier.store.rows("select number from phone order by id")
    ]
    began = time.time()
    for place in range(count if senders else 0):
        sender, saying = senders[place % len(senders)], _SAYINGS[(place * 7) % len(_SAYINGS)]
        carrier.errands.put(began + place * seconds / count, _say, carrier, sender, saying)


def _say(carrier: Carrier, sender: str, saying: str) -> None:
    number = directory.practice_number_for(carrier.store, sender)
    if number is not None:
        receiving.receive(carrier, sender=sender, recipient=number, body=saying)
