"""Transfer times follow the measured links between nodes."""

import pytest

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot, Link
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
SOURCE = ClusterNode(id="source", node_class="s", total=Resources(custom={"source": 1.0}))
SINKS = tuple(ClusterNode(id=f"sink{i}", node_class="k", total=Resources(cpus=1)) for i in range(3))
STEPS = (Step(id="make", capability="make"), Step(id="read", capability="read", inputs={"x": "$steps.make"}))
AGENTS = (
    AgentSpec(
        name="maker",
        capability="make",
        resources=Resources(custom={"source": 1.0}),
        output_bytes=100_000_000,
        expected_s=1,
    ),
    AgentSpec(name="reader", capability="read", expected_s=1),
)
BOTH = pytest.mark.parametrize("make", [list_schedule, lambda *asked: schedule(*asked, time_limit_s=1.0)])


def link(one: str, other: str, bandwidth: float = 1e8) -> Link:
    return Link(nodes=(one, other), bandwidth_bytes_per_s=bandwidth)


def asked(*links: Link, steps=STEPS, nodes=(SOURCE, *SINKS)) -> tuple[FlatWorkflow, PlanRequest]:
    cluster = ClusterSnapshot(nodes=nodes, links=links, bandwidth_bytes_per_s=1e7, latency_s=0.0)
    task = Task(workflow=Workflow(steps=steps))
    return FlatWorkflow(steps=steps), PlanRequest(task=task, catalog=Catalog(agents=AGENTS), cluster=cluster)


@BOTH
def test_a_step_goes_to_the_node_with_the_fastest_link_to_its_input(make):
    question = asked(link("source", "sink1"), link("sink2", "source", 4e8))

    plan = make(*question, COSTS)

    assert (plan.by_id["read"].placement.node, plan.makespan_s) == ("sink2", 2.25)
    assert violations(plan, *question, COSTS) == []


@BOTH
def test_where_no_link_is_measured_the_default_holds(make):
    question = asked(link("sink0", "sink1"))

    plan = make(*question, COSTS)

    assert plan.makespan_s == 12.0
    assert violations(plan, *question, COSTS) == []


@BOTH
def test_a_join_waits_for_its_slowest_transfer(make):
    """Two makers on two sources; the reader's node is close to one of them and far from the other."""
    steps = (
        Step(id="make", capability="make"),
        Step(id="more", capability="make", inputs={"n": 1}),
        Step(id="read", capability="read", inputs={"x": "$steps.make", "y": "$steps.more"}),
    )
    nodes = (SOURCE, SOURCE.model_copy(update={"id": "twin"}), *SINKS[:2])
    question = asked(
        link("source", "sink0", 1e8), link("twin", "sink0", 2e7),
        link("source", "sink1", 1.25e8), link("twin", "sink1", 1.25e8), steps=steps, nodes=nodes,
    )  # fmt: skip

    plan = make(*question, COSTS)

    assert (plan.by_id["read"].placement.node, plan.makespan_s) == ("sink1", 2.8)
    assert violations(plan, *question, COSTS) == []


def test_nodes_with_equal_links_stay_interchangeable():
    equal = [link("source", sink.id) for sink in SINKS]
    assert [len(group.nodes) for group in build_problem(*asked(*equal), COSTS).groups] == [1, 3]

    unequal = [*equal[:2], link("source", "sink2", 5e7)]
    assert [len(group.nodes) for group in build_problem(*asked(*unequal), COSTS).groups] == [1, 2, 1]


def test_a_plan_that_ignores_a_slow_link_is_a_violation():
    flat, request = asked(*(link("source", sink.id) for sink in SINKS))
    plan = list_schedule(flat, request, COSTS)
    slow = request.cluster.model_copy(update={"links": tuple(link("source", sink.id, 1e6) for sink in SINKS)})

    (wrong,) = violations(plan, flat, request.model_copy(update={"cluster": slow}), COSTS)

    assert wrong == "read: starts at 2.000000 s, the output of make arrives at 101.000000 s"
