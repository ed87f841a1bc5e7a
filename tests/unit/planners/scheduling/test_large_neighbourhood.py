"""Repaired schedules are valid and never worse."""

from itertools import chain, repeat
from random import Random

import pytest
from schedule_questions import COSTS, question

from planners.plans import PlanKind
from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import destroy, repair
from planners.scheduling.cp_sat.large_neighbourhood.search import improve
from planners.scheduling.cp_sat.large_neighbourhood.subproblem import Subproblem
from planners.scheduling.cp_sat.search_budget import SearchBudget
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations


def test_improving_a_greedy_schedule_gains_and_is_repeatable():
    flat, request = question(60, 4, 0.3)
    problem = build_problem(flat, request, COSTS)
    values = []
    for _ in range(2):
        incumbent = Incumbent(problem, request, best=greedy(problem))
        improve(incumbent, IntegerObjective(problem), SearchBudget(3.0, 0, None), 0)
        assert violations(incumbent.plan(), flat, request, COSTS) == []
        values.append(incumbent.best.value)
    assert values[0] == values[1] < greedy(problem).value


def test_a_subproblem_contains_the_schedule_it_was_made_from():
    """With every destroyed step fixed where it is, the model has a solution, and its replay is valid."""
    flat, request = question(50, 5, 0.3)
    problem = build_problem(flat, request, COSTS)
    known, rng = greedy(problem), Random(0)
    for _ in range(4):
        destroyed = destroy(problem, known, rng, 12)
        subproblem = Subproblem(problem, known, destroyed, IntegerObjective(problem))
        for start, step in zip(subproblem.start, destroyed, strict=True):
            subproblem.cp.add(start == known.start[step])
        budget = SearchBudget(5.0, 0, None)
        solver = budget.new_solver(0.1)
        budget.solve(solver, subproblem.cp)
        mode, start = subproblem.solution(solver)
        made = repair(problem, known, destroyed, mode, start)
        plan = to_plan(problem, made, request, PlanKind.OPTIMAL, "part")
        assert [one for one in violations(plan, flat, request, COSTS) if "$" not in one] == []
        assert len(destroyed) == 12


@pytest.mark.parametrize("looks", range(1, 9))
def test_the_time_may_be_over_at_any_moment(looks):
    flat, request = question(12, 4, None)
    problem = build_problem(flat, request, COSTS)
    times = chain(repeat(0.0, looks), repeat(1e9))
    incumbent = Incumbent(problem, request, best=greedy(problem))

    improve(incumbent, IntegerObjective(problem), SearchBudget(0.02, 0, None, clock=lambda: next(times)), 0)

    assert incumbent.best.value <= greedy(problem).value
