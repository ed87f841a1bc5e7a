"""Where one step takes most of the time, the budget goes to that step, however many others could use it."""

import pytest

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling.crashing import crashed
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.tasks import Limits, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
NONE = Resources()


def agent(name, capability, expected_s, usd):
    return AgentSpec(
        name=name, capability=capability, expected_s=expected_s, price=Price(usd_per_call=usd), resources=NONE
    )


AGENTS = (
    agent("slow", "small", 2.0, 0.0),
    agent("quick", "small", 1.0, 0.011),  # a little more for a dollar than the large step gets
    agent("walk", "large", 200.0, 1.0),
    agent("ride", "large", 110.0, 2.0),
)
NODES = tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=4)) for i in range(4))


def question(budget_usd, small=120):
    steps = tuple(Step(id=f"s{i}", capability="small") for i in range(small))
    last = Step(id="last", capability="large", inputs={f"p{i}": f"$steps.s{i}" for i in range(small)})
    flat = FlatWorkflow(steps=(*steps, last))
    task = Task(workflow=Workflow(steps=flat.steps), limits=Limits(budget_usd=budget_usd))
    return flat, PlanRequest(task=task, catalog=Catalog(agents=AGENTS), cluster=ClusterSnapshot(nodes=NODES))


def test_the_long_step_gets_the_budget():
    flat, request = question(2.2)

    plan = list_schedule(flat, request, COSTS)

    assert plan.by_id["last"].placement.agent == "ride"
    assert plan.makespan_s == pytest.approx(112.0, rel=0.02)
    assert violations(plan, flat, request, COSTS) == []


def test_a_budget_that_does_not_suffice_for_the_long_step_goes_to_others_and_is_kept():
    flat, request = question(1.5)

    plan = list_schedule(flat, request, COSTS)

    assert plan.by_id["last"].placement.agent == "walk"
    assert violations(plan, flat, request, COSTS) == []


def test_what_is_bought_keeps_to_the_budget_and_shortens_the_longest_path():
    flat, request = question(2.2, small=3)
    problem = build_problem(flat, request, COSTS)

    bought = crashed(problem)

    assert bought.usd == pytest.approx([0.011, 0.011, 0.011, 2.0])
    assert max(bought.latest) == 111_000
    assert bought.latest[0] == 1_000
