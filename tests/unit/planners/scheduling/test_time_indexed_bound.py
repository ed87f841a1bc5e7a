"""The time-indexed bound is below every schedule, and knows that what starts in rounds ends in rounds."""

from dataclasses import replace

import pytest
from brute_force import least_value
from schedule_questions import COSTS, question

from planners.agents import AgentSpec, Catalog, Provider
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat import lp_bound
from planners.scheduling.cp_sat.refutation import least_unrefuted
from planners.scheduling.cp_sat.time_indexed import least_by_periods
from planners.scheduling.list_scheduling.list_schedule import fast_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.lower_bound import least_makespan
from planners.tasks import Objective, Task
from planners.workflow import FlatWorkflow, Step, Workflow


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("budget_share", [None, 0.4])
def test_no_bound_is_above_the_optimum(seed, budget_share):
    flat, request = question(4, seed, budget_share)
    problem = replace(build_problem(flat, request, COSTS), objective=Objective())
    least = round(least_value(problem) / problem.quantum_s)

    for high in (least, 1.5 * least, 10 * least):
        assert least_by_periods(problem, 0, high, 10) <= least


@pytest.mark.parametrize("seed", range(8))
def test_no_bound_on_a_larger_workflow_is_above_a_schedule(seed):
    problem = build_problem(*question(40, seed, 0.4 if seed % 2 else None), COSTS)
    known = fast_schedule(problem).makespan

    assert least_by_periods(problem, least_makespan(problem), known, 10) <= known


def pipelines(count=6, width=5, *, provider=None, join_s=3.0, nodes=2):
    """Fans of steps that all wait for nodes, each with a join, and as many steps again after the join."""
    steps = []
    for k in range(count):
        fan = [Step(id=f"a{k}_{i}", capability="a") for i in range(width)]
        join = Step(id=f"j{k}", capability="b", inputs={f"p{i}": f"$steps.{one.id}" for i, one in enumerate(fan)})
        steps += [
            *fan,
            join,
            *(Step(id=f"c{k}_{i}", capability="c", inputs={"x": f"$steps.j{k}"}) for i in range(width)),
        ]
    flat = FlatWorkflow(steps=tuple(steps))
    cluster = ClusterSnapshot(
        nodes=tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=4)) for i in range(nodes))
    )
    needs = {} if provider else {"resources": Resources(cpus=1)}
    agents = tuple(
        AgentSpec(name=name, capability=name, expected_s=seconds, provider=provider and provider.name, **needs)
        for name, seconds in (("a", 2.0), ("b", join_s), ("c", 4.0))
    )
    if not provider:
        agents += (AgentSpec(name="quick", capability="a", expected_s=0.8, resources=Resources(cpus=4)),)
    catalog = Catalog(agents=agents, providers=(provider,) if provider else ())
    task = Task(workflow=Workflow(steps=flat.steps))
    request = PlanRequest(task=task, catalog=catalog, cluster=cluster)
    return build_problem(flat, request, COSTS)


def test_steps_that_wait_for_joins_start_no_sooner_than_rounds_of_their_parents_end():
    """Any first step may take 0.8 s, but only two at once, so the first join starts after 2 s and ends after 8 s.

    Then sixteen steps follow in two rounds of 4 s: 16 s. The least work takes 13.5 s of all nodes, and 8 s of it can be
    done no sooner than 6.8 s after the start.
    """
    problem = pipelines(2, 8, join_s=6.0)
    known = fast_schedule(problem).makespan
    others = least_unrefuted(problem, least_makespan(problem), known, 10)

    found = least_by_periods(problem, others, known, 10)

    assert others < 15000 < found <= known


def test_a_limit_of_calls_is_a_capacity():
    problem = pipelines(provider=Provider(name="cloud", max_concurrent=8))
    known = fast_schedule(problem).makespan

    found = least_by_periods(problem, least_makespan(problem), known, 10)

    assert found > 0.9 * (60 + 18 + 120) / 8 / problem.quantum_s
    assert found <= known


def test_a_rate_limit_is_a_capacity():
    problem = pipelines(provider=Provider(name="cloud", requests_per_s=1.0))
    known = fast_schedule(problem).makespan

    found = least_by_periods(problem, 0, known, 10)

    assert 0.8 * known < found <= known


def test_in_no_time_nothing_is_refuted():
    problem = pipelines()
    low = least_makespan(problem)

    assert least_by_periods(problem, low, fast_schedule(problem).makespan, 0.0) == low


def test_the_linear_bound_of_a_large_workflow_uses_it(monkeypatch):
    problem = pipelines(16, 8, join_s=6.0, nodes=16)
    known = fast_schedule(problem).value

    found = lp_bound.lp_bound(problem, 4.0, known)

    monkeypatch.setattr(lp_bound, "least_by_periods", lambda _problem, low, *_: low)
    assert lp_bound.lp_bound(problem, 4.0, known) < 15.0 < found <= known
