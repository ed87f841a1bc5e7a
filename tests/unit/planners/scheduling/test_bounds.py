"""Bounds are below every plan, optimal plans equal brute force, and large workflows are feasible and bounded."""

import pytest
from brute_force import least_value
from schedule_questions import COSTS, question

from planners.agents import AgentSpec, Catalog
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.bottlenecks import bottlenecks
from planners.scheduling.cp_sat.energy_windows import energy_windows
from planners.scheduling.cp_sat.lp_bound import lp_bound
from planners.scheduling.cp_sat.refutation import least_unrefuted
from planners.scheduling.cp_sat.solver import schedule
from planners.scheduling.list_scheduling.list_schedule import best_list_schedule, list_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.tasks import Task
from planners.workflow import FlatWorkflow, Step, Workflow


def test_the_linear_bound_is_below_the_optimum_and_not_far():
    shares = []
    for seed in range(8):
        flat, request = question(4, seed, 0.4)
        problem = build_problem(flat, request, COSTS)
        bound, least = lp_bound(problem, 10), least_value(problem)
        assert bound <= least * (1 + 1e-9)
        shares.append(bound / least)
    assert min(shares) > 0.3


def test_no_bound_on_better_schedules_is_above_the_optimum():
    for seed in range(8):
        flat, request = question(4, seed, 0.4)
        problem = build_problem(flat, request, COSTS)
        known = best_list_schedule(flat, request, COSTS).objective
        assert lp_bound(problem, 10, known) <= least_value(problem) * (1 + 1e-9)


def test_no_refuted_makespan_is_that_of_a_schedule():
    for seed in range(8):
        flat, request = question(4, seed, 0.4)
        problem = build_problem(flat, request, COSTS)
        for known in (best_list_schedule(flat, request, COSTS), schedule(flat, request, COSTS, time_limit_s=10)):
            ends = round(known.makespan_s / problem.quantum_s)
            assert least_unrefuted(problem, 0, ends, 1.0) <= ends


def test_a_makespan_is_refuted_in_a_window_of_part_of_the_steps():
    """Of ten steps a second long on two nodes, none ends before the fifth second, and three seconds follow each."""
    problem = branching()
    ends = round(8.0 / problem.quantum_s)

    assert 0.99 * ends < least_unrefuted(problem, 0, 2 * ends, 1.0) <= ends
    assert least_unrefuted(problem, 0, 2 * ends, 0.0) == 0  # in no time, nothing is refuted


def test_the_linear_bound_knows_that_a_call_of_more_than_half_of_the_time_leaves_no_room_for_another():
    """Five steps on a quick and two slow nodes: the quick one does two in the time of a slow one, so all take three."""
    steps = tuple(Step(id=f"a{i}", capability="a") for i in range(5))
    speeds = (1.9, 1.0, 1.0)
    nodes = tuple(
        ClusterNode(id=f"n{i}", node_class=f"k{speed}", total=Resources(cpus=1), speed=speed)
        for i, speed in enumerate(speeds)
    )
    agents = (AgentSpec(name="x", capability="a", resources=Resources(cpus=1), expected_s=1.9),)
    task = Task(workflow=Workflow(steps=steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=ClusterSnapshot(nodes=nodes))
    problem = build_problem(FlatWorkflow(steps=steps), request, COSTS)

    assert lp_bound(problem, 10) == pytest.approx(5 * 1.9 / 3.9, rel=1e-3)
    assert lp_bound(problem, 10, best=3.0) > 2.8
    assert 2980 <= least_unrefuted(problem, 0, 4000, 1.0) <= 3000


def narrowing(width=10):
    """Two fans with one step between them, on two nodes that run one step at a time: 5 + 1 + 5 seconds."""
    first = [Step(id=f"a{i}", capability="a") for i in range(width)]
    join = Step(id="join", capability="a", inputs={f"p{i}": f"$steps.a{i}" for i in range(width)})
    last = [Step(id=f"b{i}", capability="a", inputs={"x": "$steps.join"}) for i in range(width)]
    flat = FlatWorkflow(steps=(*first, join, *last))
    nodes = tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=1)) for i in range(2))
    agents = (AgentSpec(name="x", capability="a", resources=Resources(cpus=1)),)
    task = Task(workflow=Workflow(steps=flat.steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=ClusterSnapshot(nodes=nodes))
    return build_problem(flat, request, COSTS)


def test_the_linear_bound_knows_that_work_before_and_after_a_bottleneck_does_not_overlap():
    problem = narrowing()

    assert lp_bound(problem, 10) == pytest.approx(11.0, rel=1e-5)
    assert problem.steps[bottlenecks(problem, 1)[0].step].id == "join"


def branching(width=10, alone=4):
    """Steps that each have a free step of 3 seconds after them, and others: one second each, two at a time."""
    first = [Step(id=f"a{i}", capability="a") for i in range(width)]
    others = [Step(id=f"c{i}", capability="a") for i in range(alone)]
    last = [Step(id=f"b{i}", capability="b", inputs={"x": f"$steps.a{i}"}) for i in range(width)]
    flat = FlatWorkflow(steps=(*first, *others, *last))
    nodes = tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=1)) for i in range(2))
    agents = (
        AgentSpec(name="x", capability="a", resources=Resources(cpus=1)),
        AgentSpec(name="y", capability="b", resources=Resources(), expected_s=3),
    )
    task = Task(workflow=Workflow(steps=flat.steps))
    request = PlanRequest(task=task, catalog=Catalog(agents=agents), cluster=ClusterSnapshot(nodes=nodes))
    return build_problem(flat, request, COSTS)


def test_the_linear_bound_knows_that_steps_which_much_follows_cannot_use_the_time_until_the_end():
    problem = branching()

    (steps,) = energy_windows(problem, 1)
    assert {problem.steps[i].id for i in steps.nonzero()[0]} == {f"a{i}" for i in range(10)}
    assert lp_bound(problem, 10) == pytest.approx(5.0 + 3.0, rel=1e-5)


def test_windows_of_random_workflows_never_lift_the_bound_above_a_plan():
    for seed in range(6):
        flat, request = question(40, seed)
        plan = list_schedule(flat, request, COSTS)
        assert lp_bound(build_problem(flat, request, COSTS), 10) <= plan.objective * (1 + 1e-9)


@pytest.mark.parametrize(("count", "seed"), [(6, 1), (6, 3), (7, 2)])
@pytest.mark.parametrize("budget_share", [None, 0.4])
def test_optimal_plans_of_six_and_seven_steps_equal_brute_force(count, seed, budget_share):
    flat, request = question(count, seed, budget_share, nodes=2)
    plan = schedule(flat, request, COSTS, time_limit_s=10)
    problem = build_problem(flat, request, COSTS)
    assert plan.gap <= 1e-3
    assert least_value(problem, plan.objective * (1 - 1e-6)) is None
    assert least_value(problem, plan.objective * (1 + 1e-6)) == pytest.approx(plan.objective, rel=1e-6)


def test_a_plan_of_hundreds_of_steps_is_feasible_bounded_and_no_worse_than_list_schedules():
    flat, request = question(320, 1, 0.3)
    plan = schedule(flat, request, COSTS, time_limit_s=1)
    assert violations(plan, flat, request, COSTS) == []
    assert plan.objective <= min(make(flat, request, COSTS).objective for make in (list_schedule, best_list_schedule))
    assert 0 < plan.bound <= plan.objective
    assert plan.gap < 1


def test_groups_of_equal_nodes_are_disaggregated_to_a_feasible_plan():
    flat, request = question(30, 2, 0.5)
    nodes = tuple(ClusterNode(id=f"n{i}", node_class="k", total=Resources(cpus=3, memory_bytes=10)) for i in range(40))
    request = request.model_copy(update={"cluster": ClusterSnapshot(nodes=nodes)})
    plan = schedule(flat, request, COSTS, time_limit_s=2)
    assert violations(plan, flat, request, COSTS) == []
    assert plan.gap < 0.05
