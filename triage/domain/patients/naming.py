"""Whether a text names somebody of those who share a number: it is read by whoever holds the phone."""

import re
from collections.abc import Iterable

from triage.domain.patients.patient import sort_key
from triage.domain.patients.phones import Person

# Written small they are words, not somebody's name: "we will call", "you may come", "a rose".
ALSO_WORDS = frozenset(
    "al angel art april ash august autumn bill bob brook carol chance chase chip christian cliff crystal daisy dale"
    " dawn dean destiny don drew earnest faith frank gene grace grant guy hazel heather holly hope hunter iris ivy"
    " jack jade jasmine jean jewel josh joy june lane lily major mark mason may melody mercy miles misty"
    " nick olive pat patience pearl penny pepper price ray rich rob robin rose ruby rusty sandy sky"
    " sue summer sunny tiger trip trinity violet wade will willow worth".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SHORTEST = 2


def names_somebody(body: str, people: Iterable[Person]) -> bool:
    """Pure. A first or last name of a patient, or of a person on the record, as a word of its own; accents and case
    make no difference, but for names that are words when they are written small."""
    names = {part for person in people for part in _parts(person)}
    return any(_is_name(word, names) for word in _WORD.findall(body)) if names else False


def _parts(person: Person) -> set[str]:
    words = _WORD.findall(f"{person.patient_name} {person.contact_name or ''}")
    return {sort_key(word) for word in words if len(word) >= SHORTEST}


def _is_name(word: str, names: set[str]) -> bool:
    key = sort_key(word)
    known = {key, key.removesuffix("'s").removesuffix("’s")} & names
    return bool(known) and not (word.islower() and known <= ALSO_WORDS)
