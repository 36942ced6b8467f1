"""Words that must stand in one place only, and words that must stand nowhere."""

import ast
import re

from tests.rules.sources import at, calls, files, modules, read

BINARY = (".png", ".ico", ".woff2", ".gz", ".whl")
# Put together here, so that this file does not hold them.
ADDRESSES = (
    r"registry\.npm" + r"js\.org",
    r"registry\.yarn" + r"pkg\.com",
    r"(?:test\.)?py" + r"pi\.(?:org|python\.org)",
    r"files\.python" + r"hosted\.org",
    r"proxy\.go" + r"lang\.org",
    r"--(?:extra-)?index" + r"-url\s+\S",
    r"--find" + r"-links\s+\S",
)
PLACES = (r"/wo" + r"rk/", r"/tmp/tre" + r"es", r"/ro" + r"ot/\w", r"/home/[a-z]\w+/", r"/Us" + r"ers/\w")
# What a merge leaves where two lines differ. A script that holds one stops every other script of the page.
MERGING = (r"(?:^|\n)<<<<" + r"<<< ", r"(?:^|\n)>>>>" + r">>> ")
SENDING = {"queue", "reply", "send"}


def test_no_file_names_a_registry() -> None:
    assert _holding(ADDRESSES) == []


def test_no_file_names_a_place_on_somebody_s_computer() -> None:
    assert _holding(PLACES) == []


def test_no_file_is_left_half_merged() -> None:
    assert _holding(MERGING) == []


def _holding(patterns: tuple[str, ...]) -> list[str]:
    wanted = re.compile("|".join(patterns))
    return [
        f"{path}: {found.group()}"
        for path in files()
        if not path.endswith(BINARY) and (found := wanted.search(read(path)))
    ]


def test_sentences_to_patients_stand_in_wording_alone() -> None:
    """Whatever is sent comes from a person, or from `domain/wording.py`: never from a string on the spot."""
    on_the_spot = [
        at(module, call)
        for module in modules("triage", "workers")
        if not module.path.startswith(("triage/simulator/", "triage/demo/", "triage/domain/wording.py"))
        for name, call in calls(module)
        if name in SENDING or any(keyword.arg == "body" for keyword in call.keywords)
        if name != "Invalid"
        for given in [*call.args, *(one.value for one in call.keywords if one.arg == "body")]
        if _is_sentence(given)
    ]

    assert on_the_spot == []


def _is_sentence(given: ast.expr) -> bool:
    if isinstance(given, ast.JoinedStr):
        return any(_is_sentence(part) for part in given.values)
    return isinstance(given, ast.Constant) and isinstance(given.value, str) and " " in given.value.strip()
