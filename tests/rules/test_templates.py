"""Templates: pages extend a layout, fragments extend nothing, and nothing in them runs or styles by itself."""

import re

import pytest

from tests.rules.sources import files, read

TEMPLATES = [path for path in files() if path.startswith("templates/") and path.endswith(".html")]
SIMULATOR = [path for path in files() if path.startswith("triage/simulator/templates/")]
MACROS = "templates/components/"
LAYOUTS = "templates/layouts/"
INLINE = re.compile(
    r"""\sstyle\s*=|<style\b|<script\b(?![^>]*\ssrc=)|\shx-on|\son[a-z]+\s*=\s*["']|javascript:|\sjs:|hx-vars""",
    re.IGNORECASE,
)
EVALUATED = re.compile(r"""hx-trigger\s*=\s*["'][^"']*\[""")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[1]


FRAGMENTS = [path for path in TEMPLATES if _name(path).startswith("_")]
PAGES = [
    path for path in TEMPLATES if not _name(path).startswith("_") and not path.startswith((MACROS, LAYOUTS))
]


@pytest.mark.parametrize("path", FRAGMENTS)
def test_a_fragment_extends_nothing_and_says_what_it_needs(path: str) -> None:
    assert "{% extends" not in read(path)
    assert read(path).startswith("{#"), "open with a comment that names what the fragment needs"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_extends_a_layout(path: str) -> None:
    found = re.search(r"""\{%-?\s*extends\s+["']([^"']+)["']""", read(path))

    assert found and (found.group(1).startswith("layouts/") or found.group(1).endswith("/layout.html"))


@pytest.mark.parametrize("path", [*TEMPLATES, *SIMULATOR])
def test_nothing_runs_or_styles_in_a_template(path: str) -> None:
    """The content security policy would stop it in the browser; here it is found before."""
    plain = COMMENT.sub("", read(path))

    assert not INLINE.search(plain), INLINE.search(plain)
    assert not EVALUATED.search(plain)


@pytest.mark.parametrize("path", TEMPLATES)
def test_no_template_trusts_text(path: str) -> None:
    """Whatever a patient wrote is escaped: nobody says otherwise in a template."""
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", COMMENT.sub("", read(path)))


@pytest.mark.parametrize("path", TEMPLATES)
def test_every_form_that_changes_something_is_protected(path: str) -> None:
    forms = re.findall(
        r"<form\b[^>]*\bmethod=[\"']post[\"'].*?</form>", read(path), re.DOTALL | re.IGNORECASE
    )

    # The macro `hidden` writes the token and the form's own id.
    assert [form[:80] for form in forms if "csrf_token" not in form and "hidden(" not in form] == []
