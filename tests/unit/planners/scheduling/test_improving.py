"""Parts of a schedule are planned anew: what comes of it keeps all rules and is never worse."""

from random import Random

from schedule_questions import COSTS, question

from planners.plans import PlanKind
from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.neighbourhoods import freed, merged
from planners.scheduling.cp_sat.large_neighbourhood.search import improve
from planners.scheduling.cp_sat.large_neighbourhood.subproblem import Subproblem
from planners.scheduling.cp_sat.search_budget import SearchBudget
from planners.scheduling.list_scheduling.conversion import plan_of
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.problem.build import problem_of
from planners.scheduling.validate import violations


def test_improving_a_greedy_schedule_gains_and_is_repeatable():
    flat, request = question(60, 4, 0.3)
    problem = problem_of(flat, request, COSTS)
    values = []
    for _ in range(2):
        incumbent = Incumbent(problem, request, best=greedy(problem))
        improve(incumbent, IntegerObjective(problem), SearchBudget(3.0, 0, None), 0)
        assert violations(incumbent.plan(), flat, request, COSTS) == []
        values.append(incumbent.best.value)
    assert values[0] == values[1] < greedy(problem).value


def test_a_window_holds_the_schedule_it_was_made_from():
    """With every freed step kept where it is the model has a solution, and replaying that is the schedule or better."""
    flat, request = question(50, 5, 0.3)
    problem = problem_of(flat, request, COSTS)
    known, draw = greedy(problem), Random(0)
    for _ in range(4):
        free = freed(problem, known, draw, 12)
        window = Subproblem(problem, known, free, IntegerObjective(problem))
        for start, step in zip(window.start, free, strict=True):
            window.cp.add(start == known.start[step])
        effort = SearchBudget(5.0, 0, None)
        solver = effort.solver(0.1)
        effort.solve(solver, window.cp)
        choice, start = window.solution(solver)
        made = merged(problem, known, free, choice, start)
        plan = plan_of(problem, made, request, PlanKind.OPTIMAL, "part")
        assert [one for one in violations(plan, flat, request, COSTS) if "USD" not in one] == []
        assert len(free) == 12
