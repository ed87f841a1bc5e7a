"""A binding that turns out to lead nowhere fails with the step, the binding and the type of what was found."""

from typing import Any

import odd_agents as o
import pytest
from shards import a_shard

from actors.catalog import catalog_of
from planners.tasks import Task

CATALOG = catalog_of(o.echoes, o.lists)
LIST = {"id": "many", "capability": "list", "inputs": {"n": 2}}
NUMBER = {"id": "number", "capability": "echo", "inputs": {"x": 3}}


def each(over: str) -> dict[str, Any]:
    return {"id": "each", "for_each": over, "steps": [{"id": "one", "capability": "echo", "inputs": {"x": "$item"}}]}


def reads(binding: str) -> dict[str, Any]:
    return {"id": "reader", "capability": "echo", "inputs": {"x": binding}}


CASES = {
    "for_each over a number": ([NUMBER, each("$steps.number")], "each", "for_each", ("int", "number")),
    "for_each beyond a list": ([LIST, each("$steps.many.5")], "each", "for_each", ("list", "array")),
    "an input beyond a list": ([LIST, reads("$steps.many.5")], "reader", "inputs.x", ("list", "array")),
    "an input beyond a for_each": (
        [LIST, each("$steps.many"), reads("$steps.each.5")],
        "reader",
        "inputs.x",
        ("list", "array"),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_failure_names_step_binding_and_type(tmp_path, case):
    steps, step, binding, types = CASES[case]
    task = Task.model_validate({"workflow": {"steps": steps}, "planning": {"mode": "wait"}})
    async with a_shard(CATALOG, tmp_path) as service:
        view = await service.ended(await service.submit(task))

    assert view.status == "failed"
    told = view.failure.message
    assert f"'{step}'" in told
    assert binding in told
    assert any(name in told for name in types)
    assert view.failure.fix
