"""Tasks and a catalog for tests of refusals."""

from typing import Any

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.errors import InvalidTask
from planners.resources import Resources
from planners.tasks import Task
from planners.validation import check

POINT = {
    "type": "object",
    "properties": {"x": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
}
POINTS = {
    "type": "object",
    "properties": {"points": {"type": "array", "items": {"$ref": "#/$defs/Point"}}},
    "$defs": {"Point": POINT},
}
CATALOG = Catalog(
    agents=(
        AgentSpec(
            name="opener",
            capability="open",
            output_schema=POINTS,
            input_schema={"type": "object", "properties": {"path": {}, "mode": {}}, "required": ["path"]},
        ),
        AgentSpec(name="free", capability="anything", quality=0.6, price=Price(usd_per_call=0.01)),
        AgentSpec(name="dear", capability="anything", quality=0.9, price=Price(usd_per_call=0.5)),
        AgentSpec(name="slow", capability="slow", expected_s=100.0),
        AgentSpec(name="big", capability="big", resources=Resources(gpus=4, cpus=1)),
    )
)
CLUSTER = ClusterSnapshot(
    nodes=(
        ClusterNode(id="n1", node_class="cpu", total=Resources(cpus=8)),
        ClusterNode(id="n2", node_class="gpu", total=Resources(cpus=8, gpus=1)),
    )
)


def task(*steps: dict[str, Any], outputs: dict[str, Any] | None = None, **more: Any) -> Task:
    return Task.model_validate({"workflow": {"steps": list(steps), "outputs": outputs or {}}, **more})


def step(name: str, capability: str = "anything", **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": capability, **more}


def loop(name: str, over: Any, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "for_each": over, "steps": list(steps), **more}


def refused(given: Task) -> InvalidTask:
    with pytest.raises(InvalidTask) as caught:
        check(given, CATALOG, CLUSTER)
    assert caught.value.fix, "every refusal names a fix"
    return caught.value
