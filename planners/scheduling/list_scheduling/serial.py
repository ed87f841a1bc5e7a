"""Serial schedule generation, the engine under every list scheduler here: each step at its earliest start, in turn."""

from collections.abc import Sequence

from planners.errors import Infeasible
from planners.scheduling.list_scheduling.partial_schedule import PartialSchedule, Schedule
from planners.scheduling.list_scheduling.score import Score
from planners.scheduling.problem.modes import Use
from planners.scheduling.problem.problem import Problem

_INFINITE = float("inf")


def serial(
    problem: Problem, order: Sequence[int], score: Score, *, spread: bool = False, until: float = _INFINITE
) -> Schedule | None:
    """Place steps in this order (parents first), each with the option of least score, at its earliest start.

    Args:
        problem: what to place.
        order: every step, parents before children.
        score: what an option costs by its end; smaller is better.
        spread: let no step spend more of a budget than its share by length; else the first come spend what they like.
        until: give up as soon as the schedule will end later than this.

    Returns:
        The schedule; None if it was given up.

    Raises:
        Infeasible: a step has nothing but an attempt in flight, and that cannot go on.
    """
    placing = PartialSchedule(problem)
    if problem.any_in_flight:
        placing.keep_in_flight()
    tails = problem.least_tails
    purse = _Purse(problem, placing, spread=spread) if problem.budget_usd is not None else None
    for step in order:
        if placing.choice[step] < 0:
            index, node, start = _select(placing, step, score, purse.allowance(step) if purse else _INFINITE)
            if start + tails[step] > until:
                return None
            placing.put(step, index, node, start)
            if purse:
                purse.paid(step)
    return placing.schedule()


def replay(
    problem: Problem, order: Sequence[int], choice: Sequence[int], node: Sequence[int] | None = None
) -> Schedule:
    """Every step with the given choice (on the given node, or where that is -1 on the first free one), left-shifted.

    In-flight choices come first, for they have begun. One that starts after 0 was given up for others' reservations.
    """
    placing = PartialSchedule(problem)
    begun = [step for step in range(len(problem.steps)) if problem.choices[step][choice[step]].in_flight]
    for step in begun:
        chosen = problem.choices[step][choice[step]]
        at = problem.groups[chosen.group].nodes[0]
        placing.put(step, choice[step], at, placing.fit(at, 0, chosen))
    for step in order:
        if placing.choice[step] >= 0:
            continue
        chosen = problem.choices[step][choice[step]]
        ready = placing.ready(step)
        if node is None or node[step] < 0:
            start, at = placing.best(chosen, ready)
        else:
            at = node[step]
            start = placing.fit(at, ready.on(at, chosen.group), chosen)
        placing.put(step, choice[step], at, start)
    return placing.schedule()


def _select(placing: PartialSchedule, step: int, score: Score, allowance: float) -> tuple[int, int, int]:
    """(choice, node, start) of least score among the affordable; the cheapest of all where none is.

    An option is tried only if it could still win at the first time that a node of its group and its limits have room.
    """
    options = placing.problem.options
    of, index, fixed = options.choices[step], options.index[step], score.fixed[step]
    ready = placing.ready(step)
    latest, per_quantum = score.latest[step], score.per_quantum
    lasting = per_quantum * score.patience
    least, chosen, best_node, best_start = (_INFINITE, -1), -1, -1, -1
    for hope in sorted(_hopes(placing, step, ready.earliest, score, allowance)):
        if hope > least:
            break
        k = hope[1]
        choice = of[k]
        start, node = placing.best(choice, ready)
        end = start + choice.duration
        value = fixed[k] + lasting * end + (per_quantum * (end - latest) if end > latest else 0.0)
        if (value, k) < least:
            least, chosen, best_node, best_start = (value, k), k, node, start
    if not of:
        name = placing.problem.steps[step].id
        raise Infeasible(
            f"step '{name}' can only go on with its attempt in flight, and what that has read cannot be kept",
            f"workflow.steps.{name}",
            "add another agent of this capability, or mend the failing one",
        )
    if chosen < 0:
        chosen = min(range(len(of)), key=lambda k: of[k].usd)
        best_start, best_node = placing.best(of[chosen], ready)
    return index[chosen], best_node, best_start


def _hopes(
    placing: PartialSchedule, step: int, earliest: int, score: Score, allowance: float
) -> list[tuple[float, int]]:
    """(score, option) of the affordable options as if each began when a node of its group and its limits open."""
    options, fronts = placing.problem.options, placing.fronts
    slots, fixed, latest, per_quantum = options.slot[step], score.fixed[step], score.latest[step], score.per_quantum
    lasting = per_quantum * score.patience
    asked: tuple[Use, ...] = ()
    allowed = earliest
    hopes = []
    for k, (_, _, duration, usd, _, _, _, uses, _, _) in enumerate(options.choices[step]):
        if usd > allowance:
            continue
        front = fronts[slots[k]]
        end = front.least if front is not None and front.since <= earliest < front.least else earliest
        if uses:
            if uses is not asked:
                asked, allowed = uses, placing.allowed(uses, earliest)
            end = max(end, allowed)
        end += duration
        hopes.append((fixed[k] + lasting * end + (per_quantum * (end - latest) if end > latest else 0.0), k))
    return hopes


class _Purse:
    """What the next step may cost so that the cheapest choices of those after it are still affordable."""

    def __init__(self, problem: Problem, placing: PartialSchedule, *, spread: bool) -> None:
        assert problem.budget_usd is not None
        self._budget_usd, self._placing, self._spread = problem.budget_usd, placing, spread
        self._least, self._weights = problem.fresh_usd
        self._open = sum(usd for i, usd in enumerate(self._least) if placing.choice[i] < 0)
        self._weight = sum(weight for i, weight in enumerate(self._weights) if placing.choice[i] < 0)

    def allowance(self, step: int) -> float:
        spare = self._budget_usd - self._placing.usd - self._open
        if self._spread and self._weight > 0:
            spare *= self._weights[step] / self._weight
        return (self._least[step] + spare) * (1 + 1e-12) + 1e-12

    def paid(self, step: int) -> None:
        self._open -= self._least[step]
        self._weight -= self._weights[step]
