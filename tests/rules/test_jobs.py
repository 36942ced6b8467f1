"""Every background job has exactly one actor, and nobody rings for a job that does not exist."""

import ast

from tests.rules.sources import calls, modules
from triage.domain import jobs
from triage.kit.later import Job

NAMES = {name for name, value in vars(jobs).items() if isinstance(value, Job)}


def test_every_job_is_listed() -> None:
    assert {getattr(jobs, name) for name in NAMES} == set(jobs.ALL)
    assert len({job.name for job in jobs.ALL}) == len(jobs.ALL)


def test_every_job_has_exactly_one_actor() -> None:
    actors = [
        decorator.args[0].attr
        for module in modules("workers")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "actor"
        if isinstance(decorator.args[0], ast.Attribute)
    ]

    assert sorted(actors) == sorted(NAMES)


def test_actors_are_named_as_their_jobs_and_take_nothing() -> None:
    """What is due is in the database: an argument would end up in Redis and in logs."""
    for module in modules("workers"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef) and any(_is_actor(one) for one in node.decorator_list):
                assert node.name in {job.name for job in jobs.ALL}
                assert not node.args.args


def _is_actor(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "actor"


def test_whoever_rings_rings_for_a_job_of_the_list() -> None:
    rung = {
        argument.attr
        for module in modules("triage", "workers")
        for name, call in calls(module)
        if name in ("run", "ring")
        for argument in call.args
        if isinstance(argument, ast.Attribute) and getattr(argument.value, "id", "") == "jobs"
    }

    assert rung and rung <= NAMES
