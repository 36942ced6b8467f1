"""The carrier stands alone: it could be deleted as one folder."""

import ast
import re
from pathlib import Path

import triage.simulator

FOLDER = Path(triage.simulator.__file__).parent


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(("." * node.level) + (node.module or ""))
    return found


def test_it_imports_nothing_else_of_the_product() -> None:
    own = {
        name
        for file in FOLDER.glob("**/*.py")
        for name in imports(file)
        if name.split(".")[0] in {"triage", "workers", ""}
    }

    assert own and all(name.startswith("triage.simulator") for name in own)


def test_it_does_not_lean_on_the_library_it_is_tried_with() -> None:
    assert not [
        file for file in FOLDER.glob("**/*.py") if any(name.startswith("twilio") for name in imports(file))
    ]


def test_its_pages_need_no_exception_from_the_content_policy() -> None:
    for template in FOLDER.glob("templates/*.html"):
        content = template.read_text(encoding="utf-8")
        assert "style=" not in content and "<style" not in content, template.name
        assert not re.search(r"\son[a-z]+=", content), template.name
        assert content.count("<script") == content.count('<script type="module" src='), template.name
