"""CP-SAT counts in 64-bit integers; users' numbers have no such bound."""

import pytest

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.validate import violations
from planners.tasks import Limits, Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow

COSTS = PriorCosts()
STEPS = tuple(Step(id=f"s{i}", capability="a") for i in range(6))
NODES = (
    ClusterNode(id="n0", node_class="k", total=Resources(cpus=1)),
    ClusterNode(id="n1", node_class="q", total=Resources(cpus=1), speed=0.7),
)


def agents(usd: float) -> tuple[AgentSpec, ...]:
    """Three agents that trade cost for time, the fastest with a rate limit, so that list scheduling proves nothing."""
    return (
        AgentSpec(name="x", capability="a", price=Price(usd_per_call=usd)),
        AgentSpec(name="y", capability="a", price=Price(usd_per_call=2.3 * usd), expected_s=0.51),
        AgentSpec(name="z", capability="a", price=Price(usd_per_call=3.7 * usd), expected_s=0.23, provider="p"),
    )


def solved(offered: tuple[AgentSpec, ...], nodes=NODES, reservations=(), **of_task):
    request = PlanRequest(
        task=Task(workflow=Workflow(steps=STEPS), **of_task),
        catalog=Catalog(agents=offered, providers=(Provider(name="p", requests_per_s=0.7),)),
        cluster=ClusterSnapshot(nodes=nodes, reservations=reservations),
    )
    flat = FlatWorkflow(steps=STEPS)
    plan = schedule(flat, request, COSTS, time_limit_s=1.0)
    assert violations(plan, flat, request, COSTS) == []
    return plan


@pytest.mark.parametrize("usd_weight", [0, 1e-15])
@pytest.mark.parametrize("budget_usd", [1e12, 1e300])
def test_a_budget_that_nothing_can_exceed_is_no_limit(budget_usd, usd_weight):
    objective = Objective(usd_weight=usd_weight)
    assert (
        solved(agents(1), objective=objective, limits=Limits(budget_usd=budget_usd)).makespan_s
        == solved(agents(1), objective=objective).makespan_s
    )


@pytest.mark.parametrize("usd", [1e9, 1e19])
def test_prices_and_budgets_may_be_arbitrarily_large(usd):
    plan = solved(agents(usd), limits=Limits(budget_usd=10 * usd))
    assert plan.makespan_s == solved(agents(1), limits=Limits(budget_usd=10)).makespan_s


@pytest.mark.parametrize("years", [30, 3000])
def test_large_nodes_may_be_reserved_for_years(years):
    """Energy is amount times time; both are large here."""
    gib, until_s = 1 << 30, years * 365 * 86_400.0
    total = Resources(cpus=4, memory_bytes=64 * gib)
    nodes = tuple(ClusterNode(id=f"n{i}", node_class="k", total=total) for i in range(64))
    held = tuple(Reservation(node=node.id, resources=Resources(cpus=4), end_s=until_s) for node in nodes)
    offered = (
        AgentSpec(name="x", capability="a", resources=Resources(cpus=1, memory_bytes=10**9 + 1), expected_s=3.0),
        AgentSpec(name="y", capability="a", resources=Resources(cpus=0.5, memory_bytes=2 * gib + 3), expected_s=2.0),
    )
    assert solved(offered, nodes, held).makespan_s == until_s + 2.0
