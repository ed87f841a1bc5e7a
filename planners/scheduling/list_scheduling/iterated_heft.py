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

from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.partial_schedule import Schedule, affordable
from planners.scheduling.list_scheduling.priorities import by_priority, by_rank, upward
from planners.scheduling.list_scheduling.score import Score, scored
from planners.scheduling.list_scheduling.serial import serial
from planners.scheduling.problem.problem import Problem

# What an end within the slack still counts, so that among equals the earlier wins.
_PATIENCE = 0.02
_BISECTIONS = 12
# So near to a lower bound a plan is left alone.
_NEAR = 5e-3
_DEAREST = 1e12
# How often a random pass shares the budget out by steps.
_SHARED = 0.5


class Pass(NamedTuple):
    """One more HEFT: what the cluster's time costs (1: a busy quantum of all of it delays the end by one), the makespan
    asked for as a share of the best so far, and whether dollars are shared out.
    """

    busy: float
    target: float
    spread: bool = False


# In turn. Those that share out dollars only where there is a budget, those that ask for less than the best makespan so
# far only where dollars count. Chosen by what each gained on recorded workflows, other ones than the benchmark's too.
PASSES = (
    Pass(1.0, 0.9, spread=True),
    Pass(0.5, 1.2),
    Pass(0.5, 0.9),
    Pass(2.0, 0.95),
)
# A pass that gained 3 % is made again, once.
_REPEATS, _MUCH = 2, 0.97


@dataclass(frozen=True, slots=True)
class ResourcePrices:
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
        shares = _busy_shares(problem)
        self._rank = upward(problem, problem.mean_durations)
        self._order = by_rank(self._rank)
        self.best = known
        self._limited = problem.budget_usd is not None
        self._priced = self._limited or problem.objective.usd_weight > 0
        options = problem.options
        self._busy_time = options.filled([[shares[c.agent.name] * c.duration for c in of] for of in options.choices])

    def run(self) -> None:
        """Every pass starts from the best schedule so far, and is made again while it gains much."""
        for one in PASSES:
            if self._limited or (not one.spread and (one.target <= 1 or self._priced)):
                self._repeat(one)

    def _repeat(self, one: Pass) -> None:
        for _ in range(_REPEATS):
            before = self.best.value
            self._pass(one)
            if self.best.value > before * _MUCH:
                return

    def _pass(self, one: Pass) -> None:
        ends = latest_ends(self._problem, self.best, one.target)
        busy, usd = one.busy * self._per_quantum, self._problem.objective.usd_weight
        if self._limited:
            usd += self._budget_price(busy, ends)
        score = self._score(ResourcePrices(usd, busy, ends))
        self._try(serial(self._problem, self._order, score, spread=one.spread, until=self._until()))

    def _until(self) -> float:
        """A schedule that ends later cannot be better than the best one, were the rest of its steps for nothing."""
        weights = self._problem.objective
        if not affordable(self._problem, self.best) or not weights.latency_weight:
            return float("inf")
        return (self.best.value - weights.usd_weight * sum(self._problem.min_usd)) / self._per_quantum * (1 + 1e-9)

    def jolt(self, draw: Random) -> None:
        """One pass with priorities up to a tenth off, and prices and target drawn around those that are usual."""
        noise = [draw.uniform(0.9, 1.1) for _ in self._rank]
        order = by_priority(self._problem, [rank * n for rank, n in zip(self._rank, noise, strict=True)])
        kept, self._order = self._order, order
        self._pass(Pass(draw.choice((0.0, 0.3, 1.0, 3.0)), draw.uniform(0.75, 1.1), draw.random() < _SHARED))
        self._order = kept

    def _try(self, found: Schedule | None) -> None:
        if found is None:
            return
        key = (not affordable(self._problem, found), found.value)
        if key < (not affordable(self._problem, self.best), self.best.value):
            self.best = found

    def _score(self, prices: ResourcePrices) -> Score:
        fixed = prices.usd * self._problem.options.usd + prices.busy * self._busy_time
        return scored(self._problem, fixed, prices.latest, _PATIENCE)

    def _budget_price(self, busy: float, latest: Sequence[float] | None) -> float:
        """The least price of a dollar at which steps that each choose for themselves keep to the budget."""
        table, budget = self._problem.options, self._problem.budget_usd
        assert budget is not None
        late = table.duration
        if latest is not None:
            slack = np.asarray(latest)[:, None] - np.asarray(self.best.start)[:, None]
            late = np.maximum(0.0, table.duration - slack) + _PATIENCE * table.duration
        time = self._per_quantum * late + busy * self._busy_time

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


def _as_short_as_can_be(problem: Problem, schedule: Schedule) -> bool:
    """Whether the longest path of the fastest choices and the cheapest choices leave nothing to gain."""
    return affordable(problem, schedule) and schedule.value <= problem.path_bound() * (1 + _NEAR)


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
    for choice in (choice for kind in problem.kinds for choice in problem.choices[kind[0]]):
        if choice.agent.name not in shares:
            of_total = [a / t for a, t in zip(choice.amounts, totals, strict=True) if t]
            of_limits = [use.amount / problem.limits[use.limit].capacity for use in choice.uses if use.hold is None]
            shares[choice.agent.name] = max([*of_total, *of_limits], default=0.0)
    return shares
