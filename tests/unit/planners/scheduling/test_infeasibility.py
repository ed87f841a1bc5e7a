"""An infeasible task is rejected with the limit it misses, and by how much."""

import pytest

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.errors import Infeasible
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

NODES = (
    ClusterNode(id="n0", node_class="k", total=Resources(cpus=4)),
    ClusterNode(id="n1", node_class="g", total=Resources(cpus=4, gpus=1)),
)


def question(
    *agents: AgentSpec, steps=None, nodes=NODES, providers=(), elapsed_s=0.0, spent_usd=0.0, **of_task
) -> tuple[FlatWorkflow, PlanRequest]:
    steps = steps or (Step(id="s0", capability="a"), Step(id="s1", capability="a", inputs={"x": "$steps.s0"}))
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=steps), **of_task),
        catalog=Catalog(agents=agents, providers=providers),
        cluster=ClusterSnapshot(nodes=nodes),
        elapsed_s=elapsed_s,
        spent_usd=spent_usd,
    )
    return FlatWorkflow(steps=steps), request


def error_of(*agents: AgentSpec, make=list_schedule, **of_question) -> str:
    with pytest.raises(Infeasible) as caught:
        make(*question(*agents, **of_question), PriorCosts())
    return str(caught.value)


def optimal(flat, request, costs):
    return schedule(flat, request, costs, time_limit_s=5)


def agent(name: str = "x", **rest) -> AgentSpec:
    return AgentSpec(name=name, capability="a", **rest)


def test_unknown_capability_is_named():
    assert "no agent offers capability 'a'" in error_of()


def test_a_missing_quality_names_that_of_the_best_agent():
    message = error_of(agent(quality=0.7), objective=Objective(min_quality=0.9))
    assert "no agent for 'a' has quality >= 0.9: the best, 'x', has 0.7" in message
    assert message.startswith("objective.min_quality")


def test_quality_floor_of_a_step_points_to_the_step():
    steps = (Step(id="s0", capability="a", min_quality=0.8),)
    assert error_of(agent(quality=0.7), steps=steps).startswith("workflow.steps.s0.min_quality")


def test_a_pin_to_an_agent_without_the_capability_lists_the_agents_that_offer_it():
    message = error_of(agent("x"), steps=(Step(id="s0", capability="a", agent="y"),))
    assert "pinned to agent 'y'" in message
    assert "choose one of x" in message


def test_a_missing_resource_names_that_of_the_largest_node():
    message = error_of(agent(resources=Resources(gpus=2)))
    assert "no node can give agent 'x' gpus 2: the largest node has 1" in message


def test_an_empty_cluster_is_reported_as_empty():
    assert "no nodes" in error_of(agent(), nodes=())


def test_too_small_a_budget_reports_the_difference():
    message = error_of(agent(price=Price(usd_per_call=2)), limits=Limits(budget_usd=3))
    assert "the cheapest possible plan costs $4.00, $1.00 over the budget of $3.00" in message


def test_too_early_a_deadline_reports_the_difference():
    message = error_of(agent(expected_s=2.0), limits=Limits(deadline_s=5), elapsed_s=2.0)
    assert "4 s, 1 s more than the 3 s until the deadline" in message
    assert "set the deadline to at least 6" in message


def test_a_deadline_that_only_capacity_prevents_is_rejected_with_the_best_end_found():
    steps = tuple(Step(id=f"s{i}", capability="a") for i in range(3))
    node = ClusterNode(id="n0", node_class="k", total=Resources(cpus=1))
    message = error_of(agent(expected_s=2.0), steps=steps, nodes=(node,), make=optimal, limits=Limits(deadline_s=5))
    assert "6 s" in message
    assert "1 s more than the 5 s" in message


def test_budget_and_deadline_that_conflict_are_both_named():
    agents = [agent("slow", expected_s=4.0), agent("fast", expected_s=1.0, price=Price(usd_per_call=1))]
    limits = Limits(deadline_s=4, budget_usd=1)
    message = error_of(*agents, make=optimal, limits=limits)
    assert "deadline" in message
    assert "budget" in message


def test_a_deadline_in_the_past_is_reported_as_passed():
    message = error_of(agent(expected_s=2.0), limits=Limits(deadline_s=5), elapsed_s=7.25)
    assert "the deadline passed 2.25 s ago" in message
    assert "set the deadline to at least 11.25" in message


def test_an_overspent_budget_reports_what_was_spent():
    message = error_of(agent(price=Price(usd_per_call=1)), limits=Limits(budget_usd=1), spent_usd=1.5)
    assert "costs $2.00, and $1.50 of the budget of $1.00 are spent already" in message
    assert "raise the budget to at least $3.50" in message


@pytest.mark.parametrize(
    ("limit", "least_s"),
    [({"requests_per_s": 0.5}, 8.1), ({"tokens_per_s": 25.0}, 8.1), ({"max_concurrent": 1}, 0.5)],
)
@pytest.mark.parametrize("make", [list_schedule, optimal])
def test_a_provider_limit_that_prevents_the_deadline_is_named(limit, least_s, make):
    steps = tuple(Step(id=f"s{i}", capability="a") for i in range(5))
    called = agent(expected_s=0.1, provider="p", tokens_per_call=50)
    deadline_s = least_s - 0.1
    message = error_of(
        called, steps=steps, make=make, limits=Limits(deadline_s=deadline_s), providers=(Provider(name="p", **limit),)
    )
    (name,) = limit
    assert f"{name} of provider p" in message
    assert f"take {least_s:g} s, 0.1 s more than the {deadline_s:g} s until the deadline" in message


def test_an_agent_concurrency_that_prevents_the_deadline_is_named():
    steps = tuple(Step(id=f"s{i}", capability="a") for i in range(3))
    message = error_of(agent("one-at-a-time", concurrency=1), steps=steps, limits=Limits(deadline_s=2))
    assert "the calls held back by concurrency of agent one-at-a-time take 3 s, 1 s more" in message


def test_a_hint_above_the_budget_does_not_hide_by_how_much_the_deadline_is_missed():
    agents = [agent("slow", expected_s=4.0), agent("fast", expected_s=1.0, price=Price(usd_per_call=1))]
    hint = list_schedule(*question(*agents), PriorCosts())
    assert hint.usd == 2.0

    def hinted(flat, request, costs):
        return schedule(flat, request, costs, time_limit_s=5, hint=hint)

    message = error_of(*agents, make=hinted, limits=Limits(deadline_s=4, budget_usd=1))
    assert "within the budget of $1.00 can meet the deadline: the best one ends at 5 s, 1 s more" in message
