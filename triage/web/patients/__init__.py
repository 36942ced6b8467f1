"""Patients: finding one, the pages of one, and whether they may be texted."""

from triage.web.patients import agreeing, finding, numbers, overview
from triage.web.patients.pages import patients

__all__ = ["agreeing", "finding", "numbers", "overview", "patients"]
