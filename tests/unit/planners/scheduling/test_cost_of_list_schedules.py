"""List scheduling costs work in proportion to the steps, and leaves Python's collector of garbage as it was."""

import gc

import pytest
from operations import operations

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step, Workflow

AGENTS = (
    AgentSpec(name="slow", capability="a", resources=Resources(cpus=1), price=Price(usd_per_call=0.01)),
    AgentSpec(name="quick", capability="a", expected_s=0.5, quality=0.9, resources=Resources()),
)
NODES = tuple(ClusterNode(id=f"n{n}", node_class="k", total=Resources(cpus=8)) for n in range(2))


def question(count, capability="a"):
    steps = tuple(
        Step(id=f"{name}{n}", capability=capability, inputs={"x": f"$steps.a{n}" if name == "b" else n})
        for n in range(count)
        for name in "ab"
    )
    task = Task(workflow=Workflow(steps=steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=AGENTS), cluster=ClusterSnapshot(nodes=NODES))
    return FlatWorkflow(steps=steps), request, PriorCosts()


def test_ten_times_the_steps_cost_ten_times_as_much():
    few, many = question(30), question(300)

    assert operations(lambda: list_schedule(*many)) < 11 * operations(lambda: list_schedule(*few))


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_afterwards_as_before(enabled):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        list_schedule(*question(3))
        with pytest.raises(Infeasible):
            list_schedule(*question(3, "unknown"))
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
