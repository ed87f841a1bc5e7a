"""Groups of nodes on which all steps would end soonest have a price."""

import numpy as np
import pytest

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.list_scheduling import iterated_heft as passes
from planners.scheduling.list_scheduling.capacity_prices import CapacityPrices
from planners.scheduling.list_scheduling.iterated_heft import iterated_heft
from planners.scheduling.list_scheduling.schedule import satisfies_limits
from planners.scheduling.problem.build import build_problem
from planners.tasks import Limits, Task
from planners.workflow import FlatWorkflow, Step, Workflow

ONE, FOUR = Resources(cpus=1), Resources(cpus=4)
NODES = tuple(
    ClusterNode(id=f"{kind}{i}", node_class=kind, total=FOUR, speed=speed)
    for kind, speed in (("fast", 2.0), ("plain", 1.0))
    for i in range(2)
)
# Seconds on a plain node; a second costs the same on any node, so the fast ones are also the cheap ones.
LENGTHS = (100, 90, 80, 70, 60, 50, 40, 30, 20, 10)


class Lengths(PriorCosts):
    """Steps take as long as their input says, and half of it by an agent that takes four cores."""

    def duration(self, agent, step):
        return super().duration(agent, step)._replace(mean_s=step.inputs["s"].value * agent.expected_s)


def single(usd_per_s):
    price = Price(usd_per_s=usd_per_s)
    return AgentSpec(name="single", capability="a", resources=ONE, expected_s=1.0, price=price)


def threaded(usd_per_s):
    price = Price(usd_per_s=usd_per_s)
    return AgentSpec(name="threaded", capability="a", resources=FOUR, expected_s=0.4, price=price)


def problem(budget_usd=10.0, calls=None, agents=None):
    steps = tuple(Step(id=f"s{i}", capability="a", inputs={"s": LENGTHS[i]}) for i in range(len(LENGTHS)))
    agents = agents or (single(0.01), threaded(0.05))
    if calls is not None:
        price = Price(usd_per_s=0.02)
        agents += (
            AgentSpec(
                name="hosted", capability="a", resources=Resources(), expected_s=0.5, price=price, provider="cloud"
            ),
        )
    task = Task(workflow=Workflow(steps=steps), limits=Limits(budget_usd=budget_usd))
    catalog = Catalog(agents=agents, providers=(Provider(name="cloud", max_concurrent=calls),))
    request = PlanRequest(task=task, catalog=catalog, cluster=ClusterSnapshot(nodes=NODES))
    return build_problem(FlatWorkflow(steps=steps), request, Lengths())


def price_of_a_core(of, group, time):
    """What a core of a group costs for a quantum if all work is to be done in a time."""
    occupied = CapacityPrices(of).occupied(of.mode_table.duration, 1.0, time, 0.0)
    mode = next(i for i, mode in enumerate(of.mode_table.modes[0]) if mode.group == group)
    one = of.mode_table.modes[0][mode]
    return occupied[0, mode] / (one.duration * one.amounts[0])


def test_nodes_that_all_steps_want_get_a_higher_price_than_others():
    of = problem()
    fast, plain = 0, 1

    assert price_of_a_core(of, fast, 36_000.0) > 2 * price_of_a_core(of, plain, 36_000.0)
    assert price_of_a_core(of, fast, 36_000.0) > 2 * price_of_a_core(of, fast, 900_000.0)


@pytest.mark.parametrize(("time", "scarce"), [(20_000.0, True), (900_000.0, False)])
def test_prices_are_due_if_some_capacity_would_be_taken_for_most_of_the_time(time, scarce):
    of = problem()

    assert CapacityPrices(of).are_due(of.mode_table.duration, time, 0.0) is scarce


def test_the_calls_of_a_provider_are_a_capacity_as_well():
    of = problem(calls=1)
    hosted = np.array([[mode.agent.name != "hosted" for mode in modes] for modes in of.mode_table.modes])

    free = CapacityPrices(of).occupied(1e9 * hosted, 1.0, 1e9, 0.0)
    scarce = CapacityPrices(of).occupied(1e9 * hosted, 1.0, 50_000.0, 0.0)

    assert (scarce[~hosted] > 10 * free[~hosted]).all()


@pytest.mark.parametrize("budget_usd", [4.0, 5.0, 8.0])
def test_passes_that_share_capacities_keep_to_the_budget_and_never_make_a_schedule_worse(budget_usd, monkeypatch):
    found = iterated_heft(problem(budget_usd=budget_usd))
    monkeypatch.setattr(passes, "FOR_SCARCE_CAPACITY", ())
    without = iterated_heft(problem(budget_usd=budget_usd))

    assert satisfies_limits(problem(budget_usd=budget_usd), found)
    assert found.value <= without.value


def test_the_best_modes_may_cost_far_more_than_the_budget():
    of = problem(budget_usd=0.5, agents=(single(0.0), threaded(10.0)))

    occupied = CapacityPrices(of).occupied(of.mode_table.duration, 1.0, 36_000.0, 0.01)

    assert np.isfinite(occupied[of.mode_table.exists]).all()
    assert iterated_heft(of).usd <= 0.5
