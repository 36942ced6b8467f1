"""Where a form may lead back to, and what htmx is sent."""

import pytest
from flask import Flask

from triage.web.render import local_path


@pytest.mark.parametrize("address", ["/inbox/mine", "/inbox/all?sort=newest", "/"])
def test_a_path_of_ours_is_followed(address: str) -> None:
    assert local_path(address) == address


@pytest.mark.parametrize(
    "address",
    ["https://example.org", "//example.org", "/\\example.org", "javascript:alert(1)", "", "inbox", "/a\nb"],
)
def test_anything_else_leads_to_the_start_page(address: str, app: Flask) -> None:
    assert local_path(address) == "/"
