"""Optimal schedules with OR-Tools CP-SAT: anytime, with bound and gap, the same for the same question.

Never worse than the list schedules it starts from. The search is cut off by CP-SAT's deterministic time (one worker,
fixed seed), so it ends at the same solution on a busy machine; the wall limit is only a guard above it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from ortools.sat.python import cp_model

from planners.costs import CostModel
from planners.errors import Infeasible
from planners.plans import Plan, PlanKind
from planners.requests import PlanRequest
from planners.schedule.build import problem_of
from planners.schedule.choices import Choice
from planners.schedule.cpmodel import Model
from planners.schedule.explode import exploded, exploded_size
from planners.schedule.feasibility import refuse_late
from planners.schedule.forms import choices_of, plan_of
from planners.schedule.listing import best_baseline, quick
from planners.schedule.lpbound import lp_bound
from planners.schedule.placing import Schedule, affordable
from planners.schedule.polish import Wish, polished
from planners.schedule.problem import Problem
from planners.schedule.refining import wandered
from planners.schedule.serial import replay
from planners.schedule.whole import WholeObjective
from planners.workflow import FlatWorkflow

# A second of CP-SAT's deterministic time takes 2 to 5 s of an idle core on these models; on a busy one it should still
# end before the wall guard, for a search that the guard ends is not repeatable.
_DETERMINISTIC = 0.1
# The share of it for one search on its own.
_ALONE = 0.15
# Up to so many (step, agent, node) triples every node is modelled on its own from the start.
_NODE_BY_NODE = 600
_AT_MOST_NODE_BY_NODE = 8000
_CLOSE = 1e-3
# Beyond so many steps CP-SAT does not get past its own presolve in seconds: list schedules are varied instead.
_WHOLE = 300
# Steps that list scheduling places in a second of an idle core, cautiously.
_STEPS_PER_S = 6000
_SAME = 1e-9


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
) -> Plan:
    """The best plan found in the time, proven optimal where ``gap`` is 0.

    Args:
        flat: the steps.
        request: task, agents, cluster, work in flight; its ``task.planning.seed`` seeds the search.
        costs: durations and sizes.
        time_limit_s: wall seconds at most; the search itself usually ends earlier.
        workers: threads of CP-SAT; any number gives the same plan.
        hint: a plan to start from and to prefer among equals.
        on_improved: told of every plan better than all before, while the search goes on.
        clock: if given, ``planning_s`` of the plan is what passed on it; else 0.

    Raises:
        Infeasible: no plan can meet the limits, or none was found in the time; the message names the limit.
    """
    begun = clock() if clock else 0.0
    problem = problem_of(flat, request, costs)
    search = _Search(problem, request, time_limit_s, workers, on_improved)
    search.consider("", _hinted(problem, hint))
    for name, known in (best_baseline(problem), ("list", quick(problem))):
        search.consider(name, known)
    search.run()
    plan = search.plan(choices_of(problem, hint) if hint else ())
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


@dataclass
class _Best:
    origin: str
    schedule: Schedule


class _Search:
    def __init__(
        self,
        problem: Problem,
        request: PlanRequest,
        time_limit_s: float,
        workers: int,
        on_improved: Callable[[Plan], None] | None,
    ) -> None:
        self._problem, self._request = problem, request
        self._time_limit_s, self._workers = time_limit_s, workers
        self._until = perf_counter() + time_limit_s
        self._on_improved = on_improved
        self._best: _Best | None = None
        self._fallback: Schedule | None = None
        self._bound = 0.0
        self._objective = WholeObjective(problem)

    def consider(self, origin: str, found: Schedule | None) -> bool:
        """Take a schedule if it keeps to the limits and beats the best so far; whether it was taken."""
        if found is None:
            return False
        if not affordable(self._problem, found):
            self._fallback = min((s for s in (self._fallback, found) if s), key=lambda s: s.makespan)
            return False
        if self._best is not None and found.value >= self._best.schedule.value * (1 - _SAME):
            return False
        self._best = _Best(origin, found)
        return True

    def run(self) -> None:
        """Solve group by group, then node by node where groups were too coarse."""
        if not self._problem.steps:
            return
        self._bound = self._problem.path_bound()
        if self._best is not None and self._best.schedule.value <= self._bound * (1 + _SAME):
            return
        self._bound = max(self._bound, lp_bound(self._problem))
        if len(self._problem.steps) > _WHOLE:
            self._improve()
            return
        size = exploded_size(self._problem)
        if size > _NODE_BY_NODE:
            self._solve(self._problem, 0.6)
        if size <= _NODE_BY_NODE or (size <= _AT_MOST_NODE_BY_NODE and self._gap() > _CLOSE):
            self._solve(exploded(self._problem), 0.4 if size > _NODE_BY_NODE else 1.0)

    def _improve(self) -> None:
        """Too large to solve whole: list schedules around the best one, their number set by the time there is."""
        known = self._best.schedule if self._best else self._fallback
        if known is None:
            return
        rounds = int(self._time_limit_s * _STEPS_PER_S / len(self._problem.steps))
        for found in wandered(self._problem, known, rounds, self._request.task.planning.seed):
            if self.consider("list", found) and self._on_improved is not None and self._best is not None:
                self._on_improved(self._plan(self._best))
            if perf_counter() >= self._until:
                return

    def plan(self, wishes: Sequence[Wish] = ()) -> Plan:
        """The best plan; of equal ones that with the better agents, then the nearest to the wishes."""
        if self._best is None:
            if not self._problem.steps:
                self._best = _Best("", replay(self._problem, [], []))
            else:
                self._refuse()
        assert self._best is not None
        return self._plan(replace(self._best, schedule=polished(self._problem, self._best.schedule, wishes)))

    def _plan(self, best: _Best) -> Plan:
        plan = plan_of(self._problem, best.schedule, self._request, PlanKind.OPTIMAL, "cp-sat")
        bound = min(self._bound, best.schedule.value)
        return plan.model_copy(update={"bound": bound, "gap": self._gap()})

    def _gap(self) -> float:
        if self._best is None:
            return 1.0
        value = self._best.schedule.value
        gap = (value - self._bound) / value if value > 0 else 0.0
        return gap if gap > 1e-9 else 0.0

    def _solve(self, problem: Problem, share: float) -> None:
        if perf_counter() >= self._until:
            return
        model = Model(problem, self._objective, self._horizon())
        if self._best is not None:
            self._give_hint(model, problem)
        status = cp_model.UNKNOWN
        for portfolio in (False, True):
            solver = self._solver(share * (1 - _ALONE if portfolio else _ALONE), portfolio=portfolio)
            status = solver.solve(model.cp, _Listener(self, model))
            if status in (cp_model.FEASIBLE, cp_model.UNKNOWN):
                self._bound = max(self._bound, self._objective.bound(solver.best_objective_bound))
                continue
            break
        if status == cp_model.INFEASIBLE and self._best is None:
            self._refuse(proven=True)
        if status == cp_model.OPTIMAL:
            self._bound = max(self._bound, self._objective.bound(solver.best_objective_bound))
        assert status != cp_model.MODEL_INVALID, model.cp.validate()

    def _solver(self, share: float, *, portfolio: bool) -> cp_model.CpSolver:
        """One search on its own proves small questions soonest; a portfolio in turns improves large ones.

        Probing, symmetries and linear relaxations cost more than they bring: groups have taken most symmetry away and
        the energy of steps is in the model.
        """
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = self._workers if portfolio else 1
        # In turns: the same result for any number of threads.
        solver.parameters.interleave_search = portfolio
        solver.parameters.random_seed = self._request.task.planning.seed % (1 << 31)
        solver.parameters.max_deterministic_time = share * self._time_limit_s * _DETERMINISTIC
        solver.parameters.max_time_in_seconds = max(0.01, self._until - perf_counter())
        solver.parameters.linearization_level = 0
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        return solver

    def _give_hint(self, model: Model, problem: Problem) -> None:
        assert self._best is not None
        known = self._best.schedule
        model.hint(_translated(problem, self._problem, known), known.start, known.node)

    def _horizon(self) -> int:
        """No better plan ends later: by the best plan's makespan and value; else, everything in a row."""
        problem, ends = self._problem, []
        if problem.deadline is not None:
            ends.append(problem.deadline)
        weights = problem.objective
        if self._best is not None and weights.latency_weight > 0:
            spare = self._best.schedule.value - weights.usd_weight * sum(problem.min_usd)
            ends.append(max(self._best.schedule.makespan, int(spare / weights.latency_weight / problem.quantum_s) + 2))
        in_a_row = sum(max(c.duration + c.lag + _longest_hold(c) for c in of) for of in problem.choices)
        held = [p.times[-1] for p in (*(g.profile for g in problem.groups), *(m.profile for m in problem.limits))]
        ends.append(in_a_row + max(held, default=0))
        return min(ends)

    def found(self, problem: Problem, start: list[int], choice: list[int]) -> None:
        """A solution of the model: replay it node by node, report it if it is better."""
        order = sorted(range(len(start)), key=lambda i: (start[i], i))
        played = replay(problem, order, choice)
        better = replace(played, choice=tuple(_translated(self._problem, problem, played)))
        if self.consider("cp-sat", better) and self._on_improved is not None and self._best is not None:
            self._on_improved(self._plan(self._best))

    def raise_bound(self, units: float) -> None:
        """The model's bound so far."""
        self._bound = max(self._bound, self._objective.bound(units))

    def _refuse(self, *, proven: bool = False) -> None:
        problem, late = self._problem, self._fallback
        budget = "" if problem.budget_usd is None else f" within the budget of {problem.budget_usd:.6g} USD"
        told = "can meet the deadline" if proven else "that meets the deadline was found in the time"
        what = f"no plan{budget} {told}: the best one ends at"
        if late is not None and problem.deadline is not None and late.makespan > problem.deadline:
            refuse_late(problem, self._request, late.makespan, what)
        raise Infeasible("no plan keeps to budget and deadline together", "limits", "raise the budget or the deadline")


class _Listener(cp_model.CpSolverSolutionCallback):
    def __init__(self, search: _Search, model: Model) -> None:
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


def _alike(one: Choice, mine: Choice, group: int) -> bool:
    return one.agent is mine.agent and one.group == group and one.in_flight == mine.in_flight


def _longest_hold(choice: Choice) -> int:
    return max((use.hold or 0 for use in choice.uses), default=0)
