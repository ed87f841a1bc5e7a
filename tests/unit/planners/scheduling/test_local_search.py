"""Moves keep every limit and every attempt in flight, and never make a schedule worse."""

from random import Random

import pytest
from brute_force import least_value
from schedule_questions import COSTS, question

from planners.plans import PlanKind
from planners.requests import InFlight
from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood import search
from planners.scheduling.cp_sat.large_neighbourhood.local_search import local_search
from planners.scheduling.cp_sat.search_budget import SearchBudget
from planners.scheduling.kernel.compilation import LOADER
from planners.scheduling.kernel.functions import Kernel
from planners.scheduling.list_scheduling.conversion import to_plan
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.list_scheduling.list_schedule import fast_schedule
from planners.scheduling.problem.build import build_problem
from planners.scheduling.validate import violations
from planners.work_keys import InputDigests, work_keys


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget_share", [None, 0.4])
def test_every_schedule_is_valid_and_none_is_worse_than_the_one_before(seed, budget_share):
    flat, request = question(25, seed, budget_share)
    problem = build_problem(flat, request, COSTS)
    known = fast_schedule(problem)

    found = [known, *local_search(problem, known, 60, Random(seed))]

    assert [one.value for one in found] == sorted((one.value for one in found), reverse=True)
    for one in set(found):
        plan = to_plan(problem, one, request, PlanKind.OPTIMAL, "moved")
        assert violations(plan, flat, request, COSTS) == []


@pytest.mark.parametrize("seed", range(6))
def test_moves_find_the_optimum_of_tiny_workflows_and_nothing_better(seed):
    problem = build_problem(*question(4, seed), COSTS)

    *_, found = local_search(problem, greedy(problem), 400, Random(seed))

    assert found.value == pytest.approx(least_value(problem))


def test_moves_are_repeatable():
    problem = build_problem(*question(25, 0), COSTS)
    known = greedy(problem)

    first, again = (list(local_search(problem, known, 50, Random(7))) for _ in range(2))

    assert first == again
    assert first[-1].value < known.value


def test_attempts_in_flight_continue_and_their_inputs_keep_their_agents():
    flat, request = question(25, 3)
    chosen = [(step, request.catalog.by_name[f"{step.capability}0"].identity) for step in flat.steps]
    keys = work_keys(chosen, InputDigests({}))
    in_flight = tuple(
        InFlight(work_key=keys[step.id], agent=f"{step.capability}0", node="n0", elapsed_s=0.5, finished=True)
        for step in flat.steps[:8]
    )
    request = request.model_copy(update={"in_flight": in_flight})
    problem = build_problem(flat, request, COSTS)
    known = fast_schedule(problem)
    running = [step for step, index in enumerate(known.mode) if problem.modes[step][index].in_flight]

    *_, found = local_search(problem, known, 200, Random(0))

    assert len(running) > 2
    assert [found.mode[step] for step in running] == [known.mode[step] for step in running]
    assert violations(to_plan(problem, found, request, PlanKind.OPTIMAL, "moved"), flat, request, COSTS) == []


def test_moves_go_on_where_list_schedules_and_repairs_end(monkeypatch):
    """Without moves, the same search finds less."""
    monkeypatch.setattr(LOADER, "kernel", Kernel())
    flat, request = question(60, 2)
    problem = build_problem(flat, request, COSTS)

    def improved():
        incumbent = Incumbent(problem, request, best=greedy(problem))
        search.improve(incumbent, IntegerObjective(problem), SearchBudget(0.06, 0, None), 0)
        return incumbent.best.value

    found = improved()

    monkeypatch.setattr(search, "local_search", lambda _problem, known, *_: iter((known,)))
    assert found < 0.97 * improved()
