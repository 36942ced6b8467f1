"""Patients: finding one, the pages of one, and whether they may be texted."""

from triage.web.patients import agreeing, care_team, finding, numbers, overview
from triage.web.patients.pages import patients

__all__ = ["agreeing", "care_team", "finding", "numbers", "overview", "patients"]
