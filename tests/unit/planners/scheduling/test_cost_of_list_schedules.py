"""List scheduling costs work in proportion to the steps, and leaves Python's collector of garbage as it was."""

import gc

import pytest
from operations import operations

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.kernel.compilation import LOADER
from planners.scheduling.kernel.functions import Kernel
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step, Workflow

AGENTS = (
    AgentSpec(name="slow", capability="a", resources=Resources(cpus=1), price=Price(usd_per_call=0.01)),
    AgentSpec(name="quick", capability="a", expected_s=0.5, quality=0.9, resources=Resources()),
)
CATALOG = Catalog(agents=AGENTS)
NODES = tuple(ClusterNode(id=f"n{n}", node_class="k", total=Resources(cpus=8)) for n in range(2))


LIMITED = Catalog(
    agents=(
        AgentSpec(name="hosted", capability="a", provider="cloud", resources=Resources()),
        AgentSpec(name="local", capability="b", expected_s=0.3, resources=Resources()),
    ),
    providers=(Provider(name="cloud", requests_per_s=2.0),),
)


# Long calls leave gaps in the rate, in which short ones would have to exceed the limit of concurrent calls.
DOUBLY_LIMITED = Catalog(
    agents=(
        AgentSpec(name="long", capability="a", expected_s=9.7, provider="cloud", resources=Resources()),
        AgentSpec(name="short", capability="b", expected_s=7.3, provider="cloud", resources=Resources()),
    ),
    providers=(Provider(name="cloud", requests_per_s=1.0, max_concurrent=3),),
)


def question(count, capability="a"):
    return asked(
        Step(id=f"{name}{n}", capability=capability, inputs={"x": f"$steps.a{n}" if name == "b" else n})
        for n in range(count)
        for name in "ab"
    )


def staggered_calls(count):
    """Calls within a rate limit, the first of which starts a little later: free windows are too short for a call."""
    first = (Step(id="b", capability="b"), Step(id="a", capability="a", inputs={"x": "$steps.b"}))
    return asked((*first, *(Step(id=f"a{n}", capability="a") for n in range(count))), LIMITED)


def doubly_limited(count):
    steps = (Step(id=f"{name}{n}", capability=name) for n in range(count) for name in "ab")
    return build_problem(*asked(steps, DOUBLY_LIMITED))


def asked(steps, catalog=CATALOG):
    steps = tuple(steps)
    task = Task(workflow=Workflow(steps=steps))
    request = PlanRequest(task=task, catalog=catalog, cluster=ClusterSnapshot(nodes=NODES))
    return FlatWorkflow(steps=steps), request, PriorCosts()


def test_ten_times_the_steps_cost_ten_times_as_much():
    few, many = question(30), question(300)

    assert operations(lambda: list_schedule(*many)) < 11 * operations(lambda: list_schedule(*few))


def test_the_kernel_looks_for_a_free_window_of_a_rate_limit_behind_those_that_are_taken(monkeypatch):
    monkeypatch.setattr(LOADER, "kernel", Kernel())
    few, many = staggered_calls(30), staggered_calls(300)

    assert operations(lambda: list_schedule(*many)) < 13 * operations(lambda: list_schedule(*few))


def test_the_kernel_looks_for_a_start_within_two_limits_behind_the_calls_that_are_placed(monkeypatch):
    monkeypatch.setattr(LOADER, "kernel", Kernel())
    few, many = doubly_limited(30), doubly_limited(300)

    assert operations(lambda: heft(many)) < 13 * operations(lambda: heft(few))


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
