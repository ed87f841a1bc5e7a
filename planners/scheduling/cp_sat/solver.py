"""Optimal schedules with OR-Tools CP-SAT: anytime, with bound and gap, deterministic.

A plan is never worse than the list schedules the search starts from. CP-SAT's deterministic time (one worker, fixed
seed) limits the search, so it ends at the same solution on a busy machine; the wall clock is only a guard.
"""

from collections.abc import Callable
from math import inf

import numpy as np
from ortools.sat.python import cp_model

from planners.costs import CostModel
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.scheduling.cancellation import CancellationToken
from planners.scheduling.cp_sat.incumbent import Incumbent
from planners.scheduling.cp_sat.integer_objective import IntegerObjective
from planners.scheduling.cp_sat.large_neighbourhood.search import improve
from planners.scheduling.cp_sat.lp_bound import lp_bound
from planners.scheduling.cp_sat.model import CpSatModel
from planners.scheduling.cp_sat.search_budget import SearchBudget
from planners.scheduling.list_scheduling.conversion import modes_of
from planners.scheduling.list_scheduling.list_schedule import best_baseline, fast_schedule
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.build import build_problem
from planners.scheduling.problem.disaggregation import disaggregated, disaggregated_size
from planners.scheduling.problem.lower_bound import lower_bound
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.workflow import FlatWorkflow

# The deterministic time of a whole search, as a share of the time limit, and the share of it for the single search.
_DETERMINISTIC = 0.1
_SINGLE_SEARCH = 0.15
# Up to this many (step, agent, node) triples, every node is modelled on its own from the start; up to the second
# number, after the groups were solved.
_DISAGGREGATE_FIRST = 600
_DISAGGREGATE_AFTER = 8000
_SMALL_GAP = 1e-3
# With more steps, CP-SAT does not finish presolve in seconds: large neighbourhood search repairs parts instead.
_MAX_WHOLE_STEPS = 300
_LATEST = 1e15


def schedule(  # noqa: PLR0913 -- the problem, and by keyword how to solve it
    flat: FlatWorkflow,
    request: PlanRequest,
    costs: CostModel,
    *,
    time_limit_s: float,
    workers: int = 1,
    hint: Plan | None = None,
    on_improved: Callable[[Plan], None] | None = None,
    clock: Callable[[], float] | None = None,
    cancellation: CancellationToken | None = None,
) -> Plan:
    """The best plan found in the time limit; it is proven optimal if ``gap`` is 0.

    Args:
        flat: the steps.
        request: task, agents, cluster and attempts in flight; ``task.planning.seed`` seeds the search.
        costs: durations and sizes.
        time_limit_s: seconds on an idle core, counted in deterministic work; on the wall clock at most three times as
            long, or 5 s longer.
        workers: threads of CP-SAT; any number gives the same plan.
        hint: a plan to start from and to prefer among equals.
        on_improved: receives every plan that is better than all before, during the search.
        clock: if given, ``planning_s`` of the plan is the time that passed on it; else 0.
        cancellation: ends the search early from another thread; the best plan so far is returned.

    Raises:
        Infeasible: no plan meets the limits, or none was found in the time; the message names the limit.
    """
    started = clock() if clock else 0.0
    problem = build_problem(flat, request, costs)
    incumbent = Incumbent(problem, request, on_improved)
    for known in (_replay_hint(problem, hint), best_baseline(problem)[1], fast_schedule(problem)):
        incumbent.consider(known)
    _Search(incumbent, SearchBudget(time_limit_s, request.task.planning.seed, cancellation), workers).run()
    plan = incumbent.plan(modes_of(problem, hint) if hint else ())
    return plan.model_copy(update={"planning_s": max(0.0, clock() - started)}) if clock else plan


def _replay_hint(problem: Problem, hint: Plan | None) -> Schedule | None:
    """The schedule of the hint's modes on the cluster as it is now; None if they are no longer possible."""
    if hint is None:
        return None
    assigned = modes_of(problem, hint)
    known = [pair for pair in assigned if pair is not None]
    if len(known) < len(assigned):
        return None
    modes, nodes = [mode for mode, _ in known], [node for _, node in known]
    chosen = [problem.modes[i][index] for i, index in enumerate(modes)]
    if any(modes[other] not in allowed for mode in chosen for other, allowed in mode.requires):
        return None
    order = sorted(range(len(modes)), key=lambda i: (hint.by_id[problem.steps[i].id].placement.start_s, i))
    replayed = replay(problem, order, modes, nodes)
    delayed = (mode.in_flight and replayed.start[i] > 0 for i, mode in enumerate(chosen))
    return None if any(delayed) else replayed


class _Search:
    def __init__(self, incumbent: Incumbent, budget: SearchBudget, workers: int) -> None:
        self._incumbent, self._budget, self._workers = incumbent, budget, workers
        self._problem = incumbent.problem
        self._objective = IntegerObjective(self._problem)

    def run(self) -> None:
        """Solve group by group, then node by node if groups were too coarse."""
        problem, incumbent = self._problem, self._incumbent
        incumbent.raise_bound(lower_bound(problem))
        if not problem.steps or incumbent.proven_optimal or self._budget.exhausted:
            return
        best = incumbent.best.value if incumbent.best is not None else inf
        incumbent.raise_bound(lp_bound(problem, self._budget.time_limit_s, best))
        if len(problem.steps) > _MAX_WHOLE_STEPS:
            improve(incumbent, self._objective, self._budget, incumbent.request.task.planning.seed)
            return
        size = disaggregated_size(problem)
        if size > _DISAGGREGATE_FIRST:
            self._solve(problem, 0.6)
        if size <= _DISAGGREGATE_FIRST or (size <= _DISAGGREGATE_AFTER and incumbent.gap > _SMALL_GAP):
            self._solve(disaggregated(problem), 0.4 if size > _DISAGGREGATE_FIRST else 1.0)

    def _solve(self, problem: Problem, share: float) -> None:
        if self._budget.exhausted:
            return
        model = CpSatModel(problem, self._objective, self._horizon())
        if self._incumbent.best is not None:
            self._add_hint(model, problem, self._incumbent.best)
        status = cp_model.UNKNOWN
        for portfolio in (False, True):
            part = share * (1 - _SINGLE_SEARCH if portfolio else _SINGLE_SEARCH)
            deterministic = part * self._budget.time_limit_s * _DETERMINISTIC
            solver = self._budget.new_solver(deterministic, self._workers, portfolio=portfolio)
            status = self._budget.solve(solver, model.cp, _Listener(self, model))
            if self._budget.exhausted:
                return
            if status not in (cp_model.INFEASIBLE, cp_model.MODEL_INVALID):
                self.raise_bound(solver.best_objective_bound)
            if status not in (cp_model.FEASIBLE, cp_model.UNKNOWN):
                break
        if status == cp_model.INFEASIBLE and self._incumbent.best is None:
            self._incumbent.raise_infeasible(proven=True)
        assert status != cp_model.MODEL_INVALID, model.cp.validate()

    def _add_hint(self, model: CpSatModel, problem: Problem, known: Schedule) -> None:
        model.hint(_translate_modes(problem, self._problem, known), known.start, known.node)

    def _horizon(self) -> int:
        """The latest end of a better plan: from the best plan's makespan and value, or all steps one after another."""
        problem, ends = self._problem, []
        if problem.deadline is not None:
            ends.append(problem.deadline)
        weights = problem.objective
        best = self._incumbent.best
        if best is not None and weights.latency_weight > 0:
            spare = best.value - weights.usd_weight * sum(problem.min_usd)
            latest = min(spare / weights.latency_weight / problem.quantum_s, _LATEST)
            ends.append(max(best.makespan, int(latest) + 2))
        in_a_row = sum(max(mode.duration + mode.lag + _longest_hold(mode) for mode in row) for row in problem.modes)
        profiles = (*(group.profile for group in problem.groups), *(limit.profile for limit in problem.limits))
        ends.append(in_a_row + max((profile.times[-1] for profile in profiles), default=0))
        return min(ends)

    def consider(self, problem: Problem, start: list[int], mode: list[int]) -> None:
        """Replay a solution of the model node by node, and report it if it is better."""
        order = sorted(range(len(start)), key=lambda i: (start[i], i))
        replayed = replay(problem, order, mode)
        modes = np.array(_translate_modes(self._problem, problem, replayed), np.int64)
        translated = Schedule(replayed.arrays._replace(mode=modes), replayed.usd, replayed.value)
        self._incumbent.consider(translated, report=True)

    def raise_bound(self, units: float) -> None:
        """Record the model's bound."""
        self._incumbent.raise_bound(self._objective.bound(units))


class _Listener(cp_model.CpSolverSolutionCallback):
    def __init__(self, search: _Search, model: CpSatModel) -> None:
        super().__init__()
        self._search, self._model = search, model

    def on_solution_callback(self) -> None:
        start = [self.value(var) for var in self._model.start]
        mode = [next(i for i, x in enumerate(row) if self.boolean_value(x)) for row in self._model.chosen]
        self._search.raise_bound(self.best_objective_bound)
        self._search.consider(self._model.problem, start, mode)


def _translate_modes(target: Problem, source: Problem, known: Schedule) -> list[int]:
    """The modes of a schedule in a problem that differs only in how nodes are grouped."""
    if target is source:
        return list(known.mode)
    return [_translate_mode(target, source, known, step) for step in range(len(known.mode))]


def _translate_mode(target: Problem, source: Problem, known: Schedule, step: int) -> int:
    """Equivalent modes (attempts of one agent on one node) have the same order in both problems."""
    modes, index, node = source.modes[step], known.mode[step], known.node[step]
    mode = modes[index]
    rank = sum(_equivalent(other, mode, mode.group) for other in modes[:index])
    group = target.group_of[node]
    return [i for i, other in enumerate(target.modes[step]) if _equivalent(other, mode, group)][rank]


def _equivalent(mode: ExecutionMode, other: ExecutionMode, group: int) -> bool:
    return mode.agent is other.agent and mode.group == group and mode.in_flight == other.in_flight


def _longest_hold(mode: ExecutionMode) -> int:
    return max((use.hold or 0 for use in mode.uses), default=0)
