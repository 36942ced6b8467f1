"""How the code is written: what each module opens with, how long it is, who reads tasks and who commits."""

import ast

import pytest

from tests.rules.sources import Module, at, calls, modules

# Where tasks may be read without a member: scope itself, and intake, which files texts for the system.
TASKS_ARE_READ_IN = {"triage/domain/inbox/scope.py", "triage/domain/intake/gather.py"}
LONGEST_MODULE = 600
LONG_MODULE, MOST_LONG_MODULES = 300, 0.12
LONGEST_FUNCTION = 80
WORDLESS_NAMES = {"service", "manager", "helper", "helpers", "util", "utils", "base", "common", "repository"}


@pytest.mark.parametrize("module", [one for one in modules() if one.source], ids=lambda module: module.path)
def test_every_module_opens_with_a_sentence(module: Module) -> None:
    said = ast.get_docstring(module.tree) or ""
    first = said.split("\n\n")[0]

    assert first, f"{module.path} does not say what it is about"
    assert first.rstrip().endswith((".", "?", ":", ").")), f"{module.path} opens with no sentence: {first!r}"


def test_no_name_says_nothing() -> None:
    names = {part for module in modules() for part in module.path.removesuffix(".py").split("/")}

    assert names.isdisjoint(WORDLESS_NAMES)


def test_only_scope_selects_tasks() -> None:
    elsewhere = [
        at(module, call)
        for module in modules("triage", "workers")
        if module.path not in TASKS_ARE_READ_IN
        for name, call in calls(module)
        if name in ("select", "get", "get_one") and any(_is_task(argument) for argument in call.args)
    ]

    assert elsewhere == [], "start from scope.visible_tasks, so that nobody sees what is not theirs"


def _is_task(argument: ast.expr) -> bool:
    """`Task`, or a column of it."""
    if isinstance(argument, ast.Attribute):
        argument = argument.value
    return isinstance(argument, ast.Name) and argument.id == "Task"


def test_the_domain_never_commits() -> None:
    committing = [
        at(module, call)
        for module in modules("triage/domain")
        for name, call in calls(module)
        if name in ("commit", "begin", "rollback")
    ]

    assert committing == []


def test_only_the_named_places_of_the_domain_open_transactions() -> None:
    opening = {
        module.path
        for module in modules("triage/domain")
        for name, call in calls(module)
        if name in ("transaction", "reading")
    }

    # Each of them calls somebody outside, or claims work, between two transactions.
    assert opening <= {
        "triage/domain/conversations/sending.py",
        "triage/domain/importing/working.py",
        "triage/domain/intake/process.py",
        "triage/domain/intake/reconcile.py",
        "triage/domain/verify.py",
    }


def test_only_the_move_itself_sets_the_state_of_a_task() -> None:
    """`task.state = …` anywhere else would go round the table of moves."""
    setting = {
        module.path
        for module in modules("triage/domain/inbox", "triage/web", "workers")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute) and target.attr == "state"
    }

    assert setting <= {"triage/domain/inbox/transitions.py"}


def test_nobody_catches_everything_outside_the_edges() -> None:
    catching = {
        module.path
        for module in modules("triage/domain", "triage/gateways", "triage/kit")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    }

    assert catching == set()


def test_modules_stay_short() -> None:
    lengths = {module.path: module.lines for module in modules("triage", "workers")}
    long = sorted(path for path, lines in lengths.items() if lines > LONG_MODULE)

    assert [path for path, lines in lengths.items() if lines > LONGEST_MODULE] == []
    assert len(long) <= MOST_LONG_MODULES * len(lengths), f"{len(long)} of {len(lengths)} are long: {long}"


def test_functions_stay_short() -> None:
    long = [
        f"{at(module, node)} {node.name}"
        for module in modules("triage", "workers")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


def test_nobody_leaves_work_for_later() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")

    assert [module.path for module in modules() if any(mark in module.source for mark in marks)] == []


def test_every_silenced_checker_says_why() -> None:
    """`type: ignore[code]` and `noqa: code` are followed by a reason."""
    silent = [
        f"{module.path}:{number}"
        for module in modules()
        for number, line in enumerate(module.source.splitlines(), 1)
        for mark in ("# type: ignore", "# no" + "qa")
        if mark in line and not any(sign in line.split(mark, 1)[1] for sign in ("#", " - "))
        if module.path != "tests/rules/test_code.py"
    ]

    assert silent == []
