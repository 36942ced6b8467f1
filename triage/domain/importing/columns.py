"""What a column of a file can mean, and the meaning that its heading suggests, in English and Spanish.

Nothing here, and nothing that an import writes, says whether somebody may be texted: consent, opt-outs, switches and
verification are no fields of an import.
"""

import re
from collections.abc import Sequence

from triage.domain.patients.patient import sort_key

CHART_NUMBER, FULL_NAME, BORN_ON, SPECIES = "chart_number", "full_name", "born_on", "species"
LABELS = {
    CHART_NUMBER: "Chart number",
    "first_name": "First name",
    "last_name": "Last name",
    FULL_NAME: "Whole name",
    BORN_ON: "Birth date",
    "sex": "Sex",
    SPECIES: "Species (of an animal)",
    "language": "Language",
    "facility": "Location",
    "number": "Phone number",
    "number_2": "Second phone number",
    "contact_name": "Contact: name",
    "contact_relation": "Contact: relation",
    "contact_number": "Contact: phone number",
    "contact_2_name": "Second contact: name",
    "contact_2_relation": "Second contact: relation",
    "contact_2_number": "Second contact: phone number",
}

_HEADINGS = {
    CHART_NUMBER: "chart number; chart no; chart; mrn; medical record number; record number; patient id; patient number;"
    " patient no; external id; id; account number; expediente; numero de expediente; no expediente; historia clinica;"
    " numero de historia; nhc; id paciente; numero de paciente; codigo",
    "first_name": "first name; first; given name; given names; forename; pet name; pet; animal name; nombre; nombres;"
    " primer nombre; nombre de pila; mascota; nombre de la mascota",
    "last_name": "last name; last; surname; family name; apellido; apellidos; primer apellido",
    FULL_NAME: "name; full name; patient name; patient; nombre completo; paciente; nombre y apellidos;"
    " nombre del paciente; apellidos y nombre",
    BORN_ON: "birth date; birthdate; date of birth; dob; birthday; born; born on; fecha de nacimiento; nacimiento;"
    " fecha nacimiento; fec nac; f nacimiento",
    "sex": "sex; gender; sexo; genero",
    SPECIES: "species; animal; kind of animal; especie",
    "language": "language; preferred language; lang; idioma; lengua; idioma preferido",
    "facility": "facility; location; site; clinic; office; branch; sede; clinica; centro; sucursal; consultorio",
    "number": "phone; phone number; mobile; mobile phone; mobile number; cell; cell phone; cellphone; telephone; tel;"
    " number; phone 1; primary phone; telefono; telefono movil; movil; celular; numero de telefono; telefono 1",
    "number_2": "phone 2; second phone; other phone; alternate phone; home phone; secondary phone; telefono 2;"
    " otro telefono; telefono fijo; telefono de casa",
    "contact_name": "contact; contact name; owner; owner name; client; client name; guardian; guardian name; parent;"
    " parent name; emergency contact; mother; father; contacto; nombre del contacto; dueno; propietario; tutor;"
    " nombre del dueno; nombre del propietario; responsable; madre; padre",
    "contact_relation": "relation; relationship; contact relation; contact relationship; relacion; parentesco",
    "contact_number": "contact phone; contact number; owner phone; client phone; guardian phone; parent phone;"
    " emergency phone; telefono del contacto; telefono contacto; telefono del dueno; telefono del propietario;"
    " telefono del tutor; telefono del responsable",
    "contact_2_name": "contact 2; contact 2 name; second contact; second contact name; segundo contacto; contacto 2",
    "contact_2_relation": "contact 2 relation; contact 2 relationship; parentesco 2; relacion 2",
    "contact_2_number": "contact 2 phone; contact 2 number; second contact phone; telefono contacto 2;"
    " telefono del contacto 2",
}
_MEANINGS = {
    heading.strip(): field for field, headings in _HEADINGS.items() for heading in headings.split(";")
}
_OTHER_SIGNS = re.compile(r"[^a-z0-9]+")


def guess(headings: Sequence[str]) -> list[str]:
    """For each heading the field that it names, or an empty word; no field twice."""
    taken: set[str] = set()
    fields = []
    for heading in headings:
        words = _OTHER_SIGNS.sub(" ", sort_key(heading)).strip()
        field = _MEANINGS.get(words) or _MEANINGS.get(words.replace(" ", "")) or ""
        fields.append("" if field in taken else field)
        taken.add(field)
    return fields


def problems(fields: Sequence[str]) -> dict[str, str]:
    """What is wrong with this choice of fields, one for each column."""
    chosen = [field for field in fields if field]
    wrong = {}
    if any(field not in LABELS for field in chosen):
        wrong["columns"] = "Choose among the fields that are offered."
    twice = sorted({LABELS.get(field, "A field") for field in chosen if chosen.count(field) > 1})
    if twice:
        wrong["columns"] = f"{twice[0]} is chosen for more than one column."
    if CHART_NUMBER not in chosen:
        wrong.setdefault(
            "columns", "Choose the column with the chart number: by it a patient is known again."
        )
    elif "first_name" not in chosen and FULL_NAME not in chosen:
        wrong.setdefault("columns", "Choose the column with the first name, or with the whole name.")
    return wrong
