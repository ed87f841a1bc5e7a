"""Double justification keeps the modes, and knows how long each step can wait."""

import pytest
from schedule_questions import COSTS, question

from planners.cluster import ClusterSnapshot, Reservation
from planners.plans import PlanKind
from planners.resources import Resources
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.justification import justified, latest_starts
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations


@pytest.mark.parametrize("seed", range(8))
def test_every_step_can_wait_until_its_latest_start(seed):
    problem = build_problem(*question(60, seed), COSTS)
    schedule = heft(problem)

    late = latest_starts(problem, schedule)

    assert all(start <= latest for start, latest in zip(schedule.start, late, strict=True))
    for step, parents in enumerate(problem.parents):
        for parent in parents:
            assert late[parent] + schedule.end[parent] - schedule.start[parent] <= late[step]


@pytest.mark.parametrize("seed", range(8))
def test_justified_schedules_are_valid_and_use_the_same_modes(seed):
    flat, request = question(60, seed)
    busy = tuple(
        Reservation(node=node.id, resources=Resources(cpus=1), start_s=at, end_s=at + 20)
        for node, at in zip(request.cluster.nodes, (0, 30), strict=False)
    )
    cluster = ClusterSnapshot(nodes=request.cluster.nodes, reservations=busy)
    request = request.model_copy(update={"cluster": cluster})
    problem = build_problem(flat, request, COSTS)
    schedule = heft(problem)

    better = justified(problem, schedule)

    assert better.mode == schedule.mode
    plan = to_plan(problem, better, request, PlanKind.SPECULATIVE, "justified")
    assert violations(plan, flat, request, COSTS) == []


def test_it_shortens_schedules_of_random_workflows():
    """Ranks know nothing of capacity, so there is something to gain in most of them."""
    problems = [build_problem(*question(60, seed), COSTS) for seed in range(12)]
    schedules = [heft(problem) for problem in problems]
    shorter = sum(
        justified(problem, schedule).makespan < schedule.makespan
        for problem, schedule in zip(problems, schedules, strict=True)
    )

    assert shorter >= 6
