"""The serial schedule generation scheme: place steps in a given order, each at its earliest start."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from planners.errors import Infeasible
from planners.scheduling.list_scheduling.compiled import Cutoff, SharedBudget, compiled_passes
from planners.scheduling.list_scheduling.in_flight_selection import Restrictions, keep_in_flight
from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule
from planners.scheduling.list_scheduling.schedule import Schedule
from planners.scheduling.list_scheduling.score import PlacementScore
from planners.scheduling.problem.problem import Problem

_INFINITE = float("inf")


class BudgetDivision(NamedTuple):
    """How steps share a budget.

    ``reserved_usd``: what steps leave to each step after them, at least the cost of its cheapest mode (the default),
    and no more than the budget together. ``spread``: divide the rest among all; otherwise the first steps may spend it.
    """

    spread: bool = False
    reserved_usd: Sequence[float] | NDArray[np.float64] = ()


_AS_NEEDED, _NO_CUTOFF = BudgetDivision(), Cutoff()


def serial_schedule(
    problem: Problem,
    order: Sequence[int] | NDArray[np.int64],
    score: PlacementScore,
    *,
    division: BudgetDivision = _AS_NEEDED,
    cutoff: Cutoff = _NO_CUTOFF,
) -> Schedule | None:
    """Place steps in this order, each in the mode of least score at its earliest start.

    Args:
        problem: the problem.
        order: every step, parents before children.
        score: the score of a mode by its end; smaller is better.
        division: how the steps share the budget.
        cutoff: when to give up; only the kernel looks at the value.

    Returns:
        The schedule; None if it was given up.

    Raises:
        Infeasible: a step can only continue an attempt in flight, and that attempt cannot continue.
    """
    partial = PartialSchedule(problem)
    restrictions = keep_in_flight(partial) if problem.has_in_flight else {}
    tails, shortest = problem.min_tails, problem.min_durations
    budget = None
    if problem.budget_usd is not None:
        budget = _RemainingBudget(problem, partial, restrictions, division)
    compiled = None if restrictions else compiled_passes(problem)
    if compiled is not None:
        made = compiled.serial(partial, order, score, budget.shared if budget else None, cutoff)
        if isinstance(made, int):
            _raise_no_mode(problem, made)
        return made
    for step in np.asarray(order, dtype=np.int64).tolist():
        if partial.mode[step] < 0:
            allowance = budget.allowance(step) if budget else _INFINITE
            if step in restrictions:
                index, node, start = _select_restricted(partial, step, restrictions[step], allowance)
            else:
                index, node, start = _select(partial, step, score, allowance)
            end = start + problem.modes[step][index].duration
            if end + tails[step] - shortest[step] > cutoff.end:
                return None
            partial.place(step, index, node, start)
            if budget:
                budget.placed(step)
    return partial.schedule()


def replay(
    problem: Problem,
    order: Sequence[int] | NDArray[np.int64],
    mode: Sequence[int] | NDArray[np.int64],
    node: Sequence[int] | NDArray[np.int64] | None = None,
) -> Schedule:
    """Place every step in the given mode, on the given node or (-1 or no nodes given) on the first free one.

    In-flight modes are placed first, because they have started. One that starts after 0 gave way to reservations.
    """
    if (compiled := compiled_passes(problem)) is not None:
        return compiled.replay(order, mode, node)
    partial = PartialSchedule(problem)
    running = [step for step in range(len(problem.steps)) if problem.modes[step][mode[step]].in_flight]
    for step in running:
        chosen = problem.modes[step][mode[step]]
        at = problem.groups[chosen.group].nodes[0]
        partial.place(step, mode[step], at, partial.earliest_on(at, 0, chosen))
    for step in np.asarray(order, dtype=np.int64).tolist():
        if partial.mode[step] >= 0:
            continue
        chosen = problem.modes[step][mode[step]]
        ready = partial.ready(step)
        if node is None or node[step] < 0:
            start, at = partial.earliest(chosen, ready)
        else:
            at = node[step]
            start = partial.earliest_on(at, ready.on(at, chosen.group), chosen)
        partial.place(step, mode[step], at, start)
    return partial.schedule()


def _select(partial: PartialSchedule, step: int, score: PlacementScore, allowance: float) -> tuple[int, int, int]:
    """(mode, node, start) of least score among the affordable modes; the cheapest mode where none is affordable.

    Modes are tried in the order of their scores at the earliest end, so few of them have to be placed.
    """
    table = partial.problem.mode_table
    modes, fixed, ready = table.modes[step], score.fixed[step], partial.ready(step)
    earliest, elsewhere, producers, _ = ready
    latest, per_quantum = score.latest_ends[step], score.per_quantum
    order, per_end, before = score.by_early_score[step], per_quantum * score.end_weight, 0.0
    if earliest + table.shortest[step] >= latest:  # every mode is late
        order, before, latest = score.by_late_score[step], per_quantum * latest, _INFINITE
        per_end += per_quantum
    least, chosen, best_node, best_start = _INFINITE, -1, -1, -1
    for k in order:
        mode = modes[k]
        duration, own = mode.duration, fixed[k] - before
        if own + per_end * (earliest + duration) > least:
            break
        if mode.usd > allowance:
            continue
        at = earliest if mode.group in producers or ready.by_group else elsewhere
        end = partial.not_before(mode, at) + duration
        value = own + per_end * end + (per_quantum * (end - latest) if end > latest else 0.0)
        if value > least:
            continue
        start, node = partial.earliest(mode, ready)
        end = start + duration
        value = own + per_end * end + (per_quantum * (end - latest) if end > latest else 0.0)
        if value < least or (value == least and k < chosen):
            least, chosen, best_node, best_start = value, k, node, start
    if chosen < 0:
        chosen = _cheapest(partial, step)
        best_start, best_node = partial.earliest(modes[chosen], ready)
    return table.index[step][chosen], best_node, best_start


def _cheapest(partial: PartialSchedule, step: int) -> int:
    modes = partial.problem.mode_table.modes[step]
    if not modes:
        _raise_no_mode(partial.problem, step)
    return min(range(len(modes)), key=lambda k: modes[k].usd)


def _raise_no_mode(problem: Problem, step: int) -> NoReturn:
    name = problem.steps[step].id
    raise Infeasible(
        f"step '{name}' can only continue its attempt in flight, and the inputs of that attempt cannot be kept",
        f"workflow.steps.{name}",
        "add another agent with this capability, or repair the failing one",
    )


def _select_restricted(
    partial: PartialSchedule, step: int, allowed: frozenset[int], allowance: float
) -> tuple[int, int, int]:
    """The same among the allowed modes, scored by the objective: there are few, and others may dominate them."""
    problem, ready = partial.problem, partial.ready(step)
    modes = problem.modes[step]
    affordable = [i for i in sorted(allowed) if modes[i].usd <= allowance]
    placements = []
    for index in affordable or [min(sorted(allowed), key=lambda i: modes[i].usd)]:
        start, node = partial.earliest(modes[index], ready)
        placements.append((problem.value(start + modes[index].duration, modes[index].usd), index, node, start))
    return min(placements)[1:]


class _RemainingBudget:
    """How much the next step may cost so that the remaining steps can afford what is reserved for them."""

    def __init__(
        self, problem: Problem, partial: PartialSchedule, restrictions: Restrictions, division: BudgetDivision
    ) -> None:
        assert problem.budget_usd is not None
        self._budget_usd, self._partial, self._spread = problem.budget_usd, partial, division.spread
        least, ranges = problem.new_attempt_usd
        reserved = np.asarray(division.reserved_usd, dtype=np.float64) if len(division.reserved_usd) else least
        if restrictions:
            reserved, ranges = reserved.copy(), ranges.copy()
            for step, allowed in restrictions.items():
                usd = [problem.modes[step][i].usd for i in allowed]
                reserved[step], ranges[step] = min(usd), max(usd) - min(usd)
        left = np.array(partial.mode) < 0 if problem.has_in_flight else slice(None)
        self._reserved_left, self._range_left = _total(reserved[left]), _total(ranges[left])
        self._arrays = reserved, ranges

    @cached_property
    def _of_steps(self) -> list[tuple[float, float]]:
        """What is reserved for each step, and the range of its costs."""
        reserved, ranges = self._arrays
        return list(zip(reserved.tolist(), ranges.tolist(), strict=True))

    @property
    def shared(self) -> SharedBudget:
        """The same for the kernel."""
        left = (self._budget_usd, self._reserved_left, self._range_left)
        return SharedBudget(*self._arrays, left, self._spread)

    def allowance(self, step: int) -> float:
        reserved, range_ = self._of_steps[step]
        spare = self._budget_usd - self._partial.usd - self._reserved_left
        if self._spread and self._range_left > 0:
            spare *= range_ / self._range_left
        return (reserved + spare) * (1 + 1e-12) + 1e-12

    def placed(self, step: int) -> None:
        reserved, range_ = self._of_steps[step]
        self._reserved_left -= reserved
        self._range_left -= range_


def _total(usd: NDArray[np.float64]) -> float:
    """The sum, added one after the other as in the kernel."""
    return float(np.cumsum(usd)[-1]) if len(usd) else 0.0
