"""Lower bounds are below every plan, and large workflows are planned without CP-SAT."""

import random

from planners.agents import AgentSpec, Catalog, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.schedule.brute import least_value
from planners.schedule.build import problem_of
from planners.schedule.cpsat import schedule
from planners.schedule.listing import best_list_schedule, list_schedule
from planners.schedule.lpbound import lp_bound
from planners.schedule.validate import violations
from planners.tasks import Limits, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()


def question(count: int, seed: int, budget_share: float | None = None) -> tuple[FlatWorkflow, PlanRequest]:
    draw = random.Random(seed)
    agents = tuple(
        AgentSpec(
            name=f"{capability}{i}",
            capability=capability,
            expected_s=draw.randint(10, 80) / 10 / (i + 1),
            price=Price(usd_per_call=0.1 * i * draw.randint(1, 5)),
            resources=Resources(cpus=i + 1),
        )
        for capability in "abc"
        for i in range(2)
    )
    steps = []
    for i in range(count):
        parents = draw.sample(range(max(0, i - 20), i), min(i, draw.choice([0, 1, 2])))
        inputs = {f"p{p}": f"$steps.s{p}" for p in parents}
        steps.append(Step(id=f"s{i}", capability=draw.choice("abc"), inputs=inputs))
    nodes = tuple(
        ClusterNode(id=f"n{i}", node_class=f"k{i % 2}", total=Resources(cpus=2 + i % 2), speed=1 + i % 2)
        for i in range(4)
    )
    flat = FlatWorkflow(steps=tuple(steps))
    task = Task(workflow=Workflow(steps=flat.steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=ClusterSnapshot(nodes=nodes))
    if budget_share is not None:
        dearest = sum(max(choice.usd for choice in of) for of in problem_of(flat, request, COSTS).choices)
        limits = Limits(budget_usd=budget_share * dearest)
        request = request.model_copy(update={"task": task.model_copy(update={"limits": limits})})
    return flat, request


def test_the_linear_bound_is_below_the_optimum_and_not_far():
    shares = []
    for seed in range(8):
        flat, request = question(4, seed, 0.4)
        problem = problem_of(flat, request, COSTS)
        bound, least = lp_bound(problem), least_value(problem)
        assert bound <= least * (1 + 1e-9)
        shares.append(bound / least)
    assert min(shares) > 0.3


def test_a_plan_of_hundreds_of_steps_is_feasible_bounded_and_no_worse_than_list_schedules():
    flat, request = question(320, 1, 0.3)
    plan = schedule(flat, request, COSTS, time_limit_s=1)
    assert violations(plan, flat, request, COSTS) == []
    assert plan.objective <= min(make(flat, request, COSTS).objective for make in (list_schedule, best_list_schedule))
    assert 0 < plan.bound <= plan.objective
    assert plan.gap < 1


def test_groups_of_equal_nodes_are_unrolled_to_a_feasible_plan():
    flat, request = question(30, 2, 0.5)
    nodes = tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=3, memory_bytes=10)) for i in range(40))
    request = request.model_copy(update={"cluster": ClusterSnapshot(nodes=nodes)})
    plan = schedule(flat, request, COSTS, time_limit_s=2)
    assert violations(plan, flat, request, COSTS) == []
    assert plan.gap < 0.05
