"""Better list schedules within milliseconds: HEFT again and again, each time knowing where time was not the matter.

A pass scores a choice by what it costs the objective: lateness beyond the latest end that kept the makespan of the
schedule before (its slack, by the longest way onward), dollars at a price that the budget sets, and the share of the
cluster it keeps busy at a price that contention sets. The number of passes depends on the size of the problem alone, so
the same question has the same answer however busy the machine.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np

from planners.schedule.heft import heft
from planners.schedule.placing import Schedule, Score, affordable, serial
from planners.schedule.problem import Choice, Problem
from planners.schedule.ranks import by_priority, by_rank, least_durations, mean_durations, upward

# What an end within the slack still counts, so that among equals the earlier wins.
_PATIENCE = 0.02
_BISECTIONS = 12
# So near to a lower bound a plan is left alone.
_NEAR = 1e-3
_DEAREST = 1e12
# How often a random pass shares the budget out by steps.
_SHARED = 0.5
_NEVER = 1e15


class Pass(NamedTuple):
    """One more HEFT: what the cluster's time costs (1: a busy quantum of all of it delays the end by one), the makespan
    asked for as a share of the best so far (None: every end counts in full), and whether dollars are shared out.
    """

    busy: float
    target: float | None
    spread: bool = False


# In turn; the last only where there is a budget to share out. Chosen by what each gained on recorded workflows: three
# more passes would take half as long again and bring one per cent.
PASSES = (
    Pass(1.0, None),
    Pass(1.0, 1.0),
    Pass(3.0, 1.0),
    Pass(0.5, 0.9),
    Pass(0.5, 1.15),
    Pass(0.5, 0.9, spread=True),
)
# A pass that gained 3 % is made again, up to so often in all.
_REPEATS, _MUCH = 3, 0.97


@dataclass(frozen=True, slots=True)
class Prices:
    """What a pass charges: per dollar, and per quantum of the whole cluster's time; both in units of the objective."""

    usd: float
    busy: float
    latest: tuple[float, ...] | None = None


def refined(problem: Problem) -> Schedule:
    """The best of HEFT and a few passes that learn from it."""
    search = _Refining(problem, heft(problem))
    if not _as_short_as_can_be(problem, search.best):
        search.run()
    return search.best


def wandered(problem: Problem, known: Schedule, rounds: int, seed: int) -> Iterator[Schedule]:
    """List schedules at random prices, targets and priorities around the best so far; the same for the same seed."""
    draw = Random(seed)
    search = _Refining(problem, known)
    for _ in range(rounds):
        search.jolt(draw)
        yield search.best


class _Refining:
    def __init__(self, problem: Problem, known: Schedule) -> None:
        self._problem = problem
        self._per_quantum = problem.objective.latency_weight * problem.quantum_s
        self._busy = _busy_shares(problem)
        self._rank = upward(problem, mean_durations(problem))
        self._order = by_rank(self._rank)
        self.best = known
        self._limited = problem.budget_usd is not None
        if self._limited:
            self._table = _Table(problem, self._busy)

    def run(self) -> None:
        """Every pass starts from the best schedule so far, and is made again while it gains much."""
        for one in PASSES:
            if self._limited or not one.spread:
                self._repeat(one)

    def _repeat(self, one: Pass) -> None:
        for _ in range(_REPEATS):
            before = self.best.value
            self._pass(one)
            if self.best.value > before * _MUCH:
                return

    def _pass(self, one: Pass) -> None:
        ends = None if one.target is None else latest_ends(self._problem, self.best, one.target)
        busy, usd = one.busy * self._per_quantum, self._problem.objective.usd_weight
        if self._limited:
            usd += self._budget_price(busy, ends)
        score = self._score(Prices(usd, busy, ends))
        self._try(serial(self._problem, self._order, score, spread=one.spread))

    def jolt(self, draw: Random) -> None:
        """One pass with priorities up to a tenth off, and prices and target drawn around those that are usual."""
        noise = [draw.uniform(0.9, 1.1) for _ in self._rank]
        order = by_priority(self._problem, [rank * n for rank, n in zip(self._rank, noise, strict=True)])
        kept, self._order = self._order, order
        self._pass(Pass(draw.choice((0.0, 0.3, 1.0, 3.0)), draw.uniform(0.75, 1.1), draw.random() < _SHARED))
        self._order = kept

    def _try(self, found: Schedule) -> None:
        key = (not affordable(self._problem, found), found.value)
        if key < (not affordable(self._problem, self.best), self.best.value):
            self.best = found

    def _score(self, prices: Prices) -> Score:
        quantum, busy, latest = self._per_quantum, self._busy, prices.latest

        def plain(_step: int, end: int, choice: Choice) -> float:
            return quantum * end + prices.usd * choice.usd + prices.busy * busy[choice.agent.name] * choice.duration

        def patient(step: int, end: int, choice: Choice) -> float:
            late = max(0.0, end - latest[step]) if latest is not None else 0.0
            time = quantum * (late + _PATIENCE * end)
            return time + prices.usd * choice.usd + prices.busy * busy[choice.agent.name] * choice.duration

        return plain if latest is None else patient

    def _budget_price(self, busy: float, latest: Sequence[float] | None) -> float:
        """The least price of a dollar at which steps that each choose for themselves keep to the budget."""
        table, budget = self._table, self._problem.budget_usd
        assert budget is not None
        late = table.durations
        if latest is not None:
            slack = np.asarray(latest)[:, None] - np.asarray(self.best.start)[:, None]
            late = np.maximum(0.0, table.durations - slack) + _PATIENCE * table.durations
        time = self._per_quantum * late + busy * table.busy

        def spent(price: float) -> float:
            picked = np.argmin(time + price * table.usd, axis=1)
            return float(table.usd[table.rows, picked].sum())

        low, high = 0.0, 1.0
        if spent(0.0) <= budget:
            return 0.0
        while spent(high) > budget and high < _DEAREST:
            low, high = high, high * 8
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if spent(middle) <= budget else (middle, high)
        return high


class _Table:
    """All fresh choices as arrays of (step, choice); rows are filled up with choices that nobody takes."""

    def __init__(self, problem: Problem, shares: dict[str, float]) -> None:
        fresh = [[choice for choice in of if not choice.in_flight] for of in problem.choices]
        shape = (len(fresh), max((len(of) for of in fresh), default=0))
        self.rows = np.arange(shape[0])
        self.durations = np.full(shape, _NEVER)
        self.usd = np.full(shape, _NEVER)
        self.busy = np.zeros(shape)
        for step, of in enumerate(fresh):
            self.durations[step, : len(of)] = [choice.duration for choice in of]
            self.usd[step, : len(of)] = [choice.usd for choice in of]
            self.busy[step, : len(of)] = [shares[choice.agent.name] * choice.duration for choice in of]


def _as_short_as_can_be(problem: Problem, schedule: Schedule) -> bool:
    """Whether the longest path of the fastest choices and the cheapest choices leave nothing to gain."""
    longest = max(problem.tails(least_durations(problem)), default=0.0)
    least = problem.value(int(longest), sum(problem.min_usd))
    return affordable(problem, schedule) and schedule.value <= least * (1 + _NEAR)


def latest_ends(problem: Problem, schedule: Schedule, target: float = 1.0) -> tuple[float, ...]:
    """Per step, the latest end that would keep ``target`` of the makespan if only precedence mattered."""
    ends = [target * schedule.makespan] * len(problem.steps)
    for step in range(len(ends) - 1, -1, -1):
        lag = problem.choices[step][schedule.choice[step]].lag
        for child in problem.children[step]:
            moved = lag if schedule.node[child] != schedule.node[step] else 0
            ends[step] = min(ends[step], ends[child] - (schedule.end[child] - schedule.start[child]) - moved)
    return tuple(ends)


def _busy_shares(problem: Problem) -> dict[str, float]:
    """Per agent, the largest share of the cluster's capacity of any resource that one call holds."""
    dimensions = zip(*(group.amounts for group in problem.groups), strict=True)
    sizes = [len(group.nodes) for group in problem.groups]
    totals = [sum(size * amount for size, amount in zip(sizes, of, strict=True)) for of in dimensions]
    shares: dict[str, float] = {}
    for of in problem.choices:
        for choice in of:
            if choice.agent.name not in shares:
                of_total = [a / t for a, t in zip(choice.amounts, totals, strict=True) if t]
                of_limits = [use.amount / problem.limits[use.limit].capacity for use in choice.uses if use.hold is None]
                shares[choice.agent.name] = max([*of_total, *of_limits], default=0.0)
    return shares
