"""Placing steps one by one at their earliest start: the engine under every list scheduler here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from planners.schedule.feasibility import within
from planners.schedule.problem import Choice, Problem
from planners.schedule.timetable import Profile


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole schedule, by step index: choice, node, start and end in quanta."""

    choice: tuple[int, ...]
    node: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    usd: float
    value: float

    @property
    def makespan(self) -> int:
        """When the last step ends."""
        return max(self.end, default=0)


class Ready(NamedTuple):
    """When a step's inputs are there: anywhere at the earliest, on a node that made none of them, on those that did."""

    earliest: int
    elsewhere: int
    near: dict[int, int]


class Placing:
    """Steps placed so far and the capacity they leave. A step may be placed once all its parents are."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        count = len(problem.steps)
        self.nodes: list[Profile] = [problem.groups[group].profile.copy() for group in problem.group_of]
        self.limits: list[Profile] = [limit.profile.copy() for limit in problem.limits]
        self.choice = [-1] * count
        self.node = [-1] * count
        self.start = [0] * count
        self.end = [0] * count
        self.usd = 0.0

    def ready(self, step: int) -> Ready:
        """When the inputs of a step are there, by node. Linear in its parents."""
        last = first = second = 0
        at = -1
        arrived: dict[int, int] = {}
        for parent in self.problem.parents[step]:
            end, node = self.end[parent], self.node[parent]
            arrives = end + self.problem.choices[parent][self.choice[parent]].lag
            last = max(last, end)
            if end > arrived.get(node, -1):
                arrived[node] = end
            if arrives > first:
                second = first if node != at else second
                first, at = arrives, node
            elif node != at and arrives > second:
                second = arrives
        if first == last:
            return Ready(last, first, {})
        near = {node: max(end, first if node != at else second) for node, end in arrived.items()}
        return Ready(last, first, near)

    def fit(self, node: int, ready: int, choice: Choice) -> int:
        """The first start from ``ready`` on that the node and every shared limit allow."""
        profile = self.nodes[node]
        start = profile.earliest(ready, choice.duration, choice.demand)
        if not choice.uses:
            return start
        while True:
            later = start
            for use in choice.uses:
                hold = choice.duration if use.hold is None else use.hold
                later = self.limits[use.limit].earliest(later, hold, use.amount)
            if later == start:
                return start
            start = profile.earliest(later, choice.duration, choice.demand)
            if start == later and len(choice.uses) == 1:
                return start

    def best(self, choice: Choice, ready: Ready) -> tuple[int, int]:
        """(start, node): the earliest start on any node of the choice's group; ties go to where inputs are."""
        best_start, best_node = -1, -1
        for node, at in ready.near.items():
            if self.problem.group_of[node] == choice.group and (best_node < 0 or at < best_start):
                start = self.fit(node, at, choice)
                if best_node < 0 or start < best_start:
                    best_start, best_node = start, node
        foreign = ready.elsewhere
        if best_node >= 0 and best_start <= foreign:
            return best_start, best_node
        for node in self.problem.groups[choice.group].nodes:
            start = self.fit(node, foreign, choice)
            if best_node < 0 or start < best_start:
                best_start, best_node = start, node
                if start == foreign:
                    break
        return best_start, best_node

    def put(self, step: int, index: int, node: int, start: int) -> None:
        """Place a step."""
        choice = self.problem.choices[step][index]
        end = start + choice.duration
        self.choice[step], self.node[step], self.start[step], self.end[step] = index, node, start, end
        self.usd += choice.usd
        self._occupy(choice, node, start, 1)

    def lift(self, step: int) -> None:
        """Take a placed step out again."""
        choice = self.problem.choices[step][self.choice[step]]
        self.usd -= choice.usd
        self._occupy(choice, self.node[step], self.start[step], -1)
        self.choice[step] = -1

    def _occupy(self, choice: Choice, node: int, start: int, sign: int) -> None:
        self.nodes[node].take(start, start + choice.duration, sign * choice.demand)
        if choice.duration:
            for use in choice.uses:
                hold = choice.duration if use.hold is None else use.hold
                self.limits[use.limit].take(start, start + hold, sign * use.amount)

    def allows(self, choice: Choice) -> bool:
        """Whether what the choice requires of other steps is so."""
        return all(self.choice[other] in allowed for other, allowed in choice.requires)

    def keep_in_flight(self) -> None:
        """Place attempts in flight where they are, unless afresh plainly ends sooner and there are dollars to do so."""
        frugal = self.problem.budget_usd is not None
        for step, choices in enumerate(self.problem.choices):
            running = [(i, choice) for i, choice in enumerate(choices) if choice.in_flight and self.allows(choice)]
            fresh = min((choice.duration for choice in choices if not choice.in_flight), default=0)
            for index, choice in sorted(running, key=lambda item: (item[1].duration, item[0])):
                node = self.problem.groups[choice.group].nodes[0]
                if (frugal or choice.duration <= fresh) and self.fit(node, 0, choice) == 0:
                    self.put(step, index, node, 0)
                    break

    def schedule(self) -> Schedule:
        """What was placed; all steps must be."""
        problem = self.problem
        usd = sum(problem.choices[i][c].usd for i, c in enumerate(self.choice))
        value = problem.value(max(self.end, default=0), usd)
        return Schedule(tuple(self.choice), tuple(self.node), tuple(self.start), tuple(self.end), usd, value)


Score = Callable[[int, int, Choice], float]


def serial(
    problem: Problem, order: Sequence[int], score: Score, *, keep: bool = True, spread: bool = False
) -> Schedule:
    """Place steps in this order (parents first), each with the choice of least score, at its earliest start.

    Args:
        problem: what to place.
        order: every step, parents before children.
        score: of (step, its end, the choice); smaller is better, and it must not fall as the end grows.
        keep: leave attempts in flight where they are.
        spread: let no step spend more of a budget than its share by length; else the first come spend what they like.
    """
    placing = Placing(problem)
    if keep:
        placing.keep_in_flight()
    purse = _Purse(problem, placing, spread=spread)
    for step in order:
        if placing.choice[step] < 0:
            index, node, start = _select(placing, step, score, purse.allowance(step))
            placing.put(step, index, node, start)
            purse.paid(step)
    return placing.schedule()


def replay(
    problem: Problem, order: Sequence[int], choice: Sequence[int], node: Sequence[int] | None = None
) -> Schedule:
    """Every step with the given choice (on the given node, else on the first of the group that is free), left-shifted.

    In-flight choices come first, for they have begun. One that starts after 0 was given up for others' reservations.
    """
    placing = Placing(problem)
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
        if node is None:
            start, at = placing.best(chosen, ready)
        else:
            at = node[step]
            start = placing.fit(at, ready.near.get(at, ready.elsewhere), chosen)
        placing.put(step, choice[step], at, start)
    return placing.schedule()


def _select(placing: Placing, step: int, score: Score, allowance: float) -> tuple[int, int, int]:
    """(choice, node, start) of least score among the affordable; the cheapest of all where none is.

    Choices are asked in the order of what they would score if every node were free, so most are never tried.
    """
    ready = placing.ready(step)
    choices = placing.problem.choices[step]
    hopes = [
        (score(step, ready.earliest + choice.duration, choice), index)
        for index, choice in enumerate(choices)
        if choice.usd <= allowance and not choice.in_flight
    ]
    if not hopes:
        index = min((i for i, c in enumerate(choices) if not c.in_flight), key=lambda i: choices[i].usd)
        start, node = placing.best(choices[index], ready)
        return index, node, start
    hopes.sort()
    least = (float("inf"), -1)
    best = (-1, -1, -1)
    for hope in hopes:
        if hope >= least:
            break
        index = hope[1]
        start, node = placing.best(choices[index], ready)
        value = (score(step, start + choices[index].duration, choices[index]), index)
        if value < least:
            best, least = (index, node, start), value
    return best


class _Purse:
    """What the next step may cost so that the cheapest choices of those after it are still affordable."""

    def __init__(self, problem: Problem, placing: Placing, *, spread: bool) -> None:
        self._problem, self._placing = problem, placing
        self._least = [min(choice.usd for choice in of if not choice.in_flight) for of in problem.choices]
        self._open = sum(usd for i, usd in enumerate(self._least) if placing.choice[i] < 0)
        self._weights = [max(c.usd for c in of) - least for of, least in zip(problem.choices, self._least, strict=True)]
        self._weight = sum(weight for i, weight in enumerate(self._weights) if placing.choice[i] < 0)
        self._spread = spread

    def allowance(self, step: int) -> float:
        budget = self._problem.budget_usd
        if budget is None:
            return float("inf")
        spare = budget - self._placing.usd - self._open
        if self._spread and self._weight > 0:
            spare *= self._weights[step] / self._weight
        return (self._least[step] + spare) * (1 + 1e-12) + 1e-12

    def paid(self, step: int) -> None:
        self._open -= self._least[step]
        self._weight -= self._weights[step]


def affordable(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule keeps to the budget and the deadline."""
    late = problem.deadline is not None and schedule.makespan > problem.deadline
    return within(schedule.usd, problem.budget_usd) and not late
