"""The settings pages: the practice, its roles and members, what the carrier could not bring, and my preferences."""

from triage.web.settings import (
    assignment,
    hours,
    members,
    numbers,
    places,
    policy,
    practice,
    preferences,
    quarantine,
    role_matrix,
    roles,
    security,
    texts,
)
from triage.web.settings.pages import settings

__all__ = [
    "assignment",
    "hours",
    "members",
    "numbers",
    "places",
    "policy",
    "practice",
    "preferences",
    "quarantine",
    "role_matrix",
    "roles",
    "security",
    "settings",
    "texts",
]
