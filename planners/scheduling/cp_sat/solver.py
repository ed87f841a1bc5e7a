"""Optimal schedules with OR-Tools CP-SAT: anytime, with bound and gap, the same for the same question.

Never worse than the list schedules it starts from. The search is cut off by CP-SAT's deterministic time (one worker,
fixed seed), so it ends at the same solution on a busy machine; the wall limit is only a guard above it.
"""

from collections.abc import Callable
from dataclasses import replace

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
from planners.scheduling.list_scheduling.conversion import choices_of
from planners.scheduling.list_scheduling.list_schedule import best_baseline, quick
from planners.scheduling.list_scheduling.partial_schedule import Schedule
from planners.scheduling.list_scheduling.serial import replay
from planners.scheduling.problem.build import problem_of
from planners.scheduling.problem.disaggregation import exploded, exploded_size
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem
from planners.workflow import FlatWorkflow

# The deterministic time of a whole search, as a share of the time limit.
_DETERMINISTIC = 0.1
# The share of it for one search on its own.
_ALONE = 0.15
# Up to so many (step, agent, node) triples every node is modelled on its own from the start.
_NODE_BY_NODE = 600
_AT_MOST_NODE_BY_NODE = 8000
_CLOSE = 1e-3
# Beyond so many steps CP-SAT does not get past its own presolve in seconds: parts are planned anew instead.
_WHOLE = 300


def schedule(  # noqa: PLR0913 the question, and by keyword how it is to be answered
    flat: FlatWorkflow,
    request: PlanRequest,
    costs: CostModel,
    *,
    time_limit_s: float,
    workers: int = 1,
    hint: Plan | None = None,
    on_improved: Callable[[Plan], None] | None = None,
    clock: Callable[[], float] | None = None,
    stop: CancellationToken | None = None,
) -> Plan:
    """The best plan found in the time, proven optimal where ``gap`` is 0.

    Args:
        flat: the steps.
        request: task, agents, cluster, work in flight; its ``task.planning.seed`` seeds the search.
        costs: durations and sizes.
        time_limit_s: seconds that an idle core may take, counted in deterministic work; on the wall clock at most three
            times as long, or 5 s longer.
        workers: threads of CP-SAT; any number gives the same plan.
        hint: a plan to start from and to prefer among equals.
        on_improved: told of every plan better than all before, while the search goes on.
        clock: if given, ``planning_s`` of the plan is what passed on it; else 0.
        stop: pulled from another thread, it ends the search; the best plan so far is returned.

    Raises:
        Infeasible: no plan can meet the limits, or none was found in the time; the message names the limit.
    """
    begun = clock() if clock else 0.0
    problem = problem_of(flat, request, costs)
    incumbent = Incumbent(problem, request, on_improved)
    for known in (_hinted(problem, hint), best_baseline(problem)[1], quick(problem)):
        incumbent.consider(known)
    _Search(incumbent, SearchBudget(time_limit_s, request.task.planning.seed, stop), workers).run()
    plan = incumbent.plan(choices_of(problem, hint) if hint else ())
    return plan.model_copy(update={"planning_s": max(0.0, clock() - begun)}) if clock else plan


def _hinted(problem: Problem, hint: Plan | None) -> Schedule | None:
    """The hint's choices, replayed on the cluster as it is now; None where they no longer are possible."""
    if hint is None:
        return None
    found = choices_of(problem, hint)
    known = [pair for pair in found if pair is not None]
    if len(known) < len(found):
        return None
    choice, node = [c for c, _ in known], [n for _, n in known]
    if any(choice[o] not in allowed for i, c in enumerate(choice) for o, allowed in problem.choices[i][c].requires):
        return None
    order = sorted(range(len(found)), key=lambda i: (hint.by_id[problem.steps[i].id].placement.start_s, i))
    played = replay(problem, order, choice, node)
    begun = (problem.choices[i][c].in_flight and played.start[i] > 0 for i, c in enumerate(choice))
    return None if any(begun) else played


class _Search:
    def __init__(self, incumbent: Incumbent, effort: SearchBudget, workers: int) -> None:
        self._incumbent, self._effort, self._workers = incumbent, effort, workers
        self._problem = incumbent.problem
        self._objective = IntegerObjective(self._problem)

    def run(self) -> None:
        """Solve group by group, then node by node where groups were too coarse."""
        problem, incumbent = self._problem, self._incumbent
        incumbent.raise_bound(problem.path_bound())
        if not problem.steps or incumbent.proven or self._effort.over:
            return
        incumbent.raise_bound(lp_bound(problem, self._effort.time_limit_s))
        if len(problem.steps) > _WHOLE:
            improve(incumbent, self._objective, self._effort, incumbent.request.task.planning.seed)
            return
        size = exploded_size(problem)
        if size > _NODE_BY_NODE:
            self._solve(problem, 0.6)
        if size <= _NODE_BY_NODE or (size <= _AT_MOST_NODE_BY_NODE and incumbent.gap > _CLOSE):
            self._solve(exploded(problem), 0.4 if size > _NODE_BY_NODE else 1.0)

    def _solve(self, problem: Problem, share: float) -> None:
        if self._effort.over:
            return
        model = CpSatModel(problem, self._objective, self._horizon())
        if self._incumbent.best is not None:
            self._give_hint(model, problem, self._incumbent.best)
        status = cp_model.UNKNOWN
        for portfolio in (False, True):
            part = share * (1 - _ALONE if portfolio else _ALONE)
            deterministic = part * self._effort.time_limit_s * _DETERMINISTIC
            solver = self._effort.solver(deterministic, self._workers, portfolio=portfolio)
            status = self._effort.solve(solver, model.cp, _Listener(self, model))
            if self._effort.over:
                return
            if status not in (cp_model.INFEASIBLE, cp_model.MODEL_INVALID):
                self.raise_bound(solver.best_objective_bound)
            if status not in (cp_model.FEASIBLE, cp_model.UNKNOWN):
                break
        if status == cp_model.INFEASIBLE and self._incumbent.best is None:
            self._incumbent.refuse(proven=True)
        assert status != cp_model.MODEL_INVALID, model.cp.validate()

    def _give_hint(self, model: CpSatModel, problem: Problem, known: Schedule) -> None:
        model.hint(_translated(problem, self._problem, known), known.start, known.node)

    def _horizon(self) -> int:
        """No better plan ends later: by the best plan's makespan and value; else, everything in a row."""
        problem, ends = self._problem, []
        if problem.deadline is not None:
            ends.append(problem.deadline)
        weights = problem.objective
        best = self._incumbent.best
        if best is not None and weights.latency_weight > 0:
            spare = best.value - weights.usd_weight * sum(problem.min_usd)
            ends.append(max(best.makespan, int(spare / weights.latency_weight / problem.quantum_s) + 2))
        in_a_row = sum(max(c.duration + c.lag + _longest_hold(c) for c in of) for of in problem.choices)
        held = [p.times[-1] for p in (*(g.profile for g in problem.groups), *(m.profile for m in problem.limits))]
        ends.append(in_a_row + max(held, default=0))
        return min(ends)

    def found(self, problem: Problem, start: list[int], choice: list[int]) -> None:
        """A solution of the model: replay it node by node, report it if it is better."""
        order = sorted(range(len(start)), key=lambda i: (start[i], i))
        played = replay(problem, order, choice)
        better = replace(played, choice=tuple(_translated(self._problem, problem, played)))
        self._incumbent.consider(better, tell=True)

    def raise_bound(self, units: float) -> None:
        """The model's bound so far."""
        self._incumbent.raise_bound(self._objective.bound(units))


class _Listener(cp_model.CpSolverSolutionCallback):
    def __init__(self, search: _Search, model: CpSatModel) -> None:
        super().__init__()
        self._search, self._model = search, model

    def on_solution_callback(self) -> None:
        start = [self.value(var) for var in self._model.start]
        choice = [next(i for i, x in enumerate(of) if self.boolean_value(x)) for of in self._model.chosen]
        self._search.raise_bound(self.best_objective_bound)
        self._search.found(self._model.problem, start, choice)


def _translated(to: Problem, source: Problem, known: Schedule) -> list[int]:
    """The choices of a schedule in another problem that differs in how nodes are grouped only."""
    if to is source:
        return list(known.choice)
    return [_same_choice(to, source, known, step) for step in range(len(known.choice))]


def _same_choice(to: Problem, source: Problem, known: Schedule, step: int) -> int:
    """Alike choices (attempts of one agent on one node) keep their order in both problems."""
    of, index, node = source.choices[step], known.choice[step], known.node[step]
    mine = of[index]
    rank = sum(_alike(one, mine, mine.group) for one in of[:index])
    group = to.group_of[node]
    return [i for i, one in enumerate(to.choices[step]) if _alike(one, mine, group)][rank]


def _alike(one: ExecutionMode, mine: ExecutionMode, group: int) -> bool:
    return one.agent is mine.agent and one.group == group and one.in_flight == mine.in_flight


def _longest_hold(choice: ExecutionMode) -> int:
    return max((use.hold or 0 for use in choice.uses), default=0)
