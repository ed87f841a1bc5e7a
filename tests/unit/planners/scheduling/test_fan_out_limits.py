"""Plans keep to the concurrency of fan-outs, and such plans need no search where the elements run in whole rounds."""

import pytest
from brute_force import least_value
from schedule_questions import COSTS as QUESTION_COSTS
from schedule_questions import question

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.costs import PriorCosts
from planners.expansion import flatten
from planners.optimal.certified import CertifiedPlans
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.lower_bound import lower_bound
from planners.scheduling.validate import violations
from planners.tasks import Task
from planners.workflow import Workflow

COSTS = PriorCosts()
NODE = ClusterNode(id="n1", node_class="k", total=Resources(cpus=64))


def each(count, most, steps=1, **more):
    inside = [{"id": "s0", "capability": "a", "inputs": {"x": "$item"}}]
    inside += [{"id": f"s{n}", "capability": "a", "inputs": {"x": f"$steps.s{n - 1}"}} for n in range(1, steps)]
    return {"id": "all", "for_each": list(range(count)), "max_concurrency": most, "steps": inside, **more}


def asked(*nodes, agents=None):
    task = Task(workflow=Workflow.model_validate({"steps": nodes}))
    agents = agents or (AgentSpec(name="x", capability="a", expected_s=1.0, resources=Resources()),)
    catalog = Catalog(agents=agents)
    request = PlanRequest(task=task, catalog=catalog, cluster=ClusterSnapshot(nodes=(NODE,)))
    return flatten(task.plannable, task.values), request


@pytest.mark.parametrize("make", [list_schedule, lambda *of: schedule(*of, time_limit_s=1.0)])
@pytest.mark.parametrize(("count", "most", "makespan_s"), [(6, 2, 3.0), (7, 2, 4.0), (5, 9, 1.0), (3, 1, 3.0)])
def test_no_more_elements_than_allowed_are_planned_at_once(make, count, most, makespan_s):
    flat, request = asked(each(count, most))

    plan = make(flat, request, COSTS)

    assert plan.makespan_s == pytest.approx(makespan_s)
    assert violations(plan, flat, request, COSTS) == []


def test_a_plan_with_too_many_elements_at_once_is_wrong():
    flat, request = asked(each(6, 2))
    generous, _ = asked(each(6, 6))

    plan = list_schedule(generous, request, COSTS)

    assert any("max_concurrency of 'all'" in wrong for wrong in violations(plan, flat, request, COSTS))


def test_elements_of_several_steps_take_turns():
    flat, request = asked(each(4, 2, steps=3))

    assert list_schedule(flat, request, COSTS).makespan_s == pytest.approx(6.0)


def test_inner_and_outer_limits_hold_together():
    inner = each(4, 2)
    outer = {"id": "outer", "for_each": [1, 2, 3], "max_concurrency": 1, "steps": [inner]}

    flat, request = asked(outer)

    assert list_schedule(flat, request, COSTS).makespan_s == pytest.approx(6.0)


def test_whole_rounds_need_no_search():
    _, request = asked(each(600, 7))

    plan = CertifiedPlans(PriorCosts).plan(request)

    assert plan.gap == 0.0
    assert plan.makespan_s == pytest.approx(86.0)


def test_a_fan_in_whole_rounds_on_few_cores_needs_no_search():
    agents = (AgentSpec(name="x", capability="a", expected_s=1.0, resources=Resources(cpus=16)),)
    _, request = asked(each(9, 9), agents=agents)

    assert CertifiedPlans(PriorCosts).plan(request).makespan_s == pytest.approx(3.0)


@pytest.mark.parametrize("seed", range(12))
def test_the_bound_of_rounds_is_below_every_plan(seed):
    flat, request = question(5, seed, None, nodes=1 + seed % 2)
    problem = build_problem(flat, request, QUESTION_COSTS)

    assert lower_bound(problem) <= least_value(problem) * (1 + 1e-9)
