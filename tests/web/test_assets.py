"""Static files: addresses by content, kept for ever, and a clear word when the front end was not fetched."""

import re
from pathlib import Path

import pytest

from tests.web.conftest import Browser
from triage.kit.paths import STATIC
from triage.web.assets import FOR_EVER, ICONS, STYLE_SHEET, STYLES, Assets, MissingFrontEnd, sprite


def test_a_checkout_without_the_fetched_files_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingFrontEnd, match=r"python hatch_build\.py"):
        Assets(tmp_path)


def test_a_file_at_its_own_address_is_kept_for_ever(stranger: Browser) -> None:
    address = Assets(STATIC).url("js/main.js")

    answer = stranger.get(address)

    assert answer.headers["Cache-Control"] == FOR_EVER
    assert answer.mimetype == "text/javascript"


def test_a_file_at_an_older_address_is_asked_for_again(stranger: Browser) -> None:
    assert stranger.get("/static/older/js/main.js").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "../pyproject.toml", "js/../../pyproject.toml", ".stamp"])
def test_only_files_of_the_folder_are_served(stranger: Browser, name: str) -> None:
    assert stranger.get(f"/static/any/{name}").status_code == 404


def test_every_style_sheet_is_part_of_the_one_that_pages_link() -> None:
    files = {path.stem for path in (STATIC / "css").glob("*.css")}

    assert files == set(STYLES)


def test_the_style_sheet_keeps_every_rule_and_no_comment(stranger: Browser) -> None:
    css = stranger.get(Assets(STATIC).url(STYLE_SHEET)).text

    assert "/*" not in css
    for name in STYLES:
        rules = (STATIC / "css" / f"{name}.css").read_text()
        assert rules.count("{") <= css.count("{")
        assert re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL).split()[-1] in css


def test_the_sprite_has_every_icon_and_draws_with_the_colour_around_it() -> None:
    drawn = sprite(ICONS).decode()

    assert all(f'id="{name}"' in drawn for name in ICONS)
    assert "stroke=" not in drawn


def _imported(module: str, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The module and whatever is loaded along with it."""
    known |= {module}
    for other in re.findall(r'^import [^;]*?"\./([\w-]+\.js)";', (STATIC / "js" / module).read_text(), re.M):
        if other not in known:
            known = _imported(other, known)
    return known


def test_the_modules_stay_small() -> None:
    """In kilobytes as people read them: what every page loads beside htmx, and each that is loaded when it is used."""
    size = {path.name: path.stat().st_size for path in (STATIC / "js").glob("*.js")}
    at_first = _imported("main.js")

    assert sum(size[name] for name in at_first) <= 64 * 1024
    assert {name for name in size if name not in at_first and size[name] > 16 * 1024} == set()


def test_what_is_needed_later_is_not_loaded_at_first() -> None:
    at_first = Assets(STATIC).modules()

    assert at_first == sorted(f"js/{name}" for name in _imported("main.js"))
    assert not {"js/palette.js", "js/touch.js"} & set(at_first)
