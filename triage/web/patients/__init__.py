"""Patients: finding one, the pages of one, and whether they may be texted."""

from triage.web.patients import (
    access,
    agreeing,
    births,
    care_team,
    contacts,
    details,
    finding,
    log,
    merging,
    numbers,
    overview,
)
from triage.web.patients.pages import patients

__all__ = [
    "access",
    "agreeing",
    "births",
    "care_team",
    "contacts",
    "details",
    "finding",
    "log",
    "merging",
    "numbers",
    "overview",
    "patients",
]
