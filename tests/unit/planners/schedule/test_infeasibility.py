"""A task that cannot be planned is refused with the constraint and by how much."""

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.schedule.cpsat import schedule
from planners.schedule.listing import list_schedule
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

NODES = (
    ClusterNode(id="n0", node_class="k", total=Resources(cpus=4)),
    ClusterNode(id="n1", node_class="g", total=Resources(cpus=4, gpus=1)),
)


def refusal(*agents: AgentSpec, steps=None, nodes=NODES, make=list_schedule, elapsed_s=0.0, **of_task) -> str:
    steps = steps or (Step(id="s0", capability="a"), Step(id="s1", capability="a", inputs={"x": "$steps.s0"}))
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=steps), **of_task),
        catalog=Catalog(agents=agents),
        cluster=ClusterSnapshot(nodes=nodes),
        elapsed_s=elapsed_s,
    )
    with pytest.raises(Infeasible) as refused:
        make(FlatWorkflow(steps=steps), request, PriorCosts())
    return str(refused.value)


def optimal(flat, request, costs):
    return schedule(flat, request, costs, time_limit_s=5)


def agent(name: str = "x", **rest) -> AgentSpec:
    return AgentSpec(name=name, capability="a", **rest)


def test_unknown_capability_is_named():
    assert "no agent offers capability 'a'" in refusal()


def test_missing_quality_says_what_the_best_has():
    message = refusal(agent(quality=0.7), objective=Objective(min_quality=0.9))
    assert "no agent for 'a' has quality >= 0.9: the best, 'x', has 0.7" in message
    assert message.startswith("objective.min_quality")


def test_quality_floor_of_a_step_points_to_the_step():
    steps = (Step(id="s0", capability="a", min_quality=0.8),)
    assert refusal(agent(quality=0.7), steps=steps).startswith("workflow.steps.s0.min_quality")


def test_pin_to_an_agent_of_another_trade_lists_those_that_can():
    message = refusal(agent("x"), steps=(Step(id="s0", capability="a", agent="y"),))
    assert "pinned to agent 'y'" in message
    assert "choose one of x" in message


def test_missing_resource_says_what_the_largest_node_has():
    message = refusal(agent(resources=Resources(gpus=2)))
    assert "no node can give agent 'x' gpus 2: the largest node has 1" in message


def test_an_empty_cluster_is_said_to_be_empty():
    assert "no nodes" in refusal(agent(), nodes=())


def test_too_small_a_budget_says_by_how_much():
    message = refusal(agent(price=Price(usd_per_call=2)), limits=Limits(budget_usd=3))
    assert "the cheapest possible plan costs 4 USD, 1 over the budget of 3 USD" in message


def test_too_early_a_deadline_says_by_how_much():
    message = refusal(agent(expected_s=2.0), limits=Limits(deadline_s=5), elapsed_s=2.0)
    assert "4 s, 1 s more than the 3 s until the deadline" in message
    assert "set the deadline to at least 6" in message


def test_a_deadline_that_only_capacity_forbids_is_refused_with_the_best_end_found():
    steps = tuple(Step(id=f"s{i}", capability="a") for i in range(3))
    node = ClusterNode(id="n0", node_class="k", total=Resources(cpus=1))
    message = refusal(agent(expected_s=2.0), steps=steps, nodes=(node,), make=optimal, limits=Limits(deadline_s=5))
    assert "6 s" in message
    assert "1 s more than the 5 s" in message


def test_budget_and_deadline_that_exclude_each_other_are_both_named():
    agents = [agent("slow", expected_s=4.0), agent("fast", expected_s=1.0, price=Price(usd_per_call=1))]
    limits = Limits(deadline_s=4, budget_usd=1)
    message = refusal(*agents, make=optimal, limits=limits)
    assert "deadline" in message
    assert "budget" in message
