"""Iterated HEFT: repeat HEFT with scores that learn from the best schedule so far.

A pass scores a mode by what it costs the objective: lateness beyond the latest end that would keep the makespan of the
best schedule (its slack, by the longest path to the end), dollars at a price set by the budget, and the share of the
cluster's time at a price set by contention. The number of passes depends on the size of the problem alone, so the
result does not depend on the load of the machine.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.budget_price import PricedChoice, priced_choice
from planners.scheduling.list_scheduling.capacity_prices import CapacityPrices
from planners.scheduling.list_scheduling.compiled import Cutoff, compiled_passes, longest_path
from planners.scheduling.list_scheduling.contention import cluster_shares, contention
from planners.scheduling.list_scheduling.crashing import crashed
from planners.scheduling.list_scheduling.heft import heft
from planners.scheduling.list_scheduling.justification import justified
from planners.scheduling.list_scheduling.makespan_forecast import forecast_makespan
from planners.scheduling.list_scheduling.pass_parameters import (
    FOR_BUDGET,
    FOR_DOLLARS,
    FOR_SCARCE_CAPACITY,
    FOR_TIME,
    MANY_FOR_DOLLARS,
    VARIATIONS,
    Pass,
)
from planners.scheduling.list_scheduling.priorities import order_by_priority, rank_order
from planners.scheduling.list_scheduling.schedule import Schedule, satisfies_limits
from planners.scheduling.list_scheduling.score import build_score
from planners.scheduling.list_scheduling.serial import BudgetDivision, serial_schedule
from planners.scheduling.problem.lower_bound import earliest_starts, lower_bound
from planners.scheduling.problem.problem import Problem

# The weight of an end within the slack: of modes that are otherwise equal, the earlier end wins.
_END_WEIGHT = 0.02
# A schedule this close to a lower bound is not improved further.
_BOUND_TOLERANCE = 5e-3
# Shares of the target of a pass; a lower one has to shorten the longest path to so much.
_TARGETS, _SHORTER = (1.0, 0.6, 0.36), 0.95
# Random passes where the kernel makes them, which costs little.
_VARIED = 8
# As many again follow while the last ones gained 1 %, if all of them place at most so many steps: of 1,000 steps, the
# first ones take what time there is.
_WORTHWHILE, _PLACED = 0.99, 15_000
# The share of random passes that divide the budget among the steps.
_SPREAD_PROBABILITY = 0.5
# Workflows with more steps have other passes where dollars count and nothing is limited.
_MANY_STEPS = 300
# Where the longest path takes so much of the makespan, capacity is not what is scarce.
_PATH_BOUND = 0.8
# A pass that gains 3 to 25 % is repeated once. More is gained where plain HEFT was bad, and then once is enough.
_REPEATS, _SOME, _MUCH = 2, 0.97, 0.75


def iterated_heft(problem: Problem) -> Schedule:
    """The best of HEFT and a few passes that improve on it.

    Where dollars count and there are many steps, a pass that aims at a forecast takes the place of HEFT. Where the
    kernel is loaded, random passes follow.
    """
    limited = problem.budget_usd is not None or problem.deadline is not None
    if len(problem.steps) > _MANY_STEPS and problem.objective.usd_weight > 0 and not limited:
        search = _IteratedHeft(problem)
        search.run_from_forecast()
        if compiled_passes(problem) is not None:
            search.vary()
        return search.best
    search = _IteratedHeft(problem, heft(problem))
    if search.meets_bound:
        return search.best
    search.run()
    if compiled_passes(problem) is not None:
        search.vary()
    return search.best


def randomized_heft(problem: Problem, known: Schedule, rounds: int, seed: int) -> Iterator[Schedule]:
    """The best schedule after each of ``rounds`` passes with random prices, targets and priorities."""
    rng = np.random.default_rng(seed)
    search = _IteratedHeft(problem, known)
    for _ in range(rounds):
        search.randomized_pass(rng)
        yield search.best


class _IteratedHeft:
    best: Schedule

    def __init__(self, problem: Problem, known: Schedule | None = None) -> None:
        self._problem = problem
        self._per_quantum = problem.objective.latency_weight * problem.quantum_s
        if known is not None:
            self.best = known
        self._has_budget = problem.budget_usd is not None
        self._contended: tuple[Schedule, NDArray[np.float64]] | None = None
        self._price = 1.0  # of a dollar, when the budget was last divided

    @property
    def meets_bound(self) -> bool:
        """Whether the longest path of the fastest modes and the cheapest modes leave nothing to gain."""
        return satisfies_limits(self._problem, self.best) and self.best.value <= self._bound * (1 + _BOUND_TOLERANCE)

    @cached_property
    def _bound(self) -> float:
        return lower_bound(self._problem)

    @cached_property
    def _rank(self) -> NDArray[np.float64]:
        return np.array(rank_order(self._problem).rank)

    @cached_property
    def _order(self) -> list[int] | NDArray[np.int64]:
        return rank_order(self._problem).order

    @cached_property
    def _shares(self) -> list[NDArray[np.float64]]:
        """What the modes of each class of steps take of the cluster."""
        shares = cluster_shares(self._problem)
        classes = self._problem.mode_table.classes
        return [np.array([shares[mode.agent.name] for mode in rows.modes]) for rows in classes]

    @cached_property
    def _cluster_time(self) -> NDArray[np.float64]:
        """What every mode takes of the cluster's time, in quanta."""
        table = self._problem.mode_table
        return table.gathered([rows.duration * own for rows, own in zip(table.classes, self._shares, strict=True)])

    @cached_property
    def _capacity_prices(self) -> CapacityPrices:
        return CapacityPrices(self._problem)

    @cached_property
    def _least_usd(self) -> float:
        return sum(self._problem.min_usd)

    def _contended_time(self) -> NDArray[np.float64]:
        """The same, weighted by how contended the cluster is when the step runs in the best schedule."""
        known = self._contended
        if known is None or known[0] is not self.best:
            weights = contention(self.best, self._shares_in(self.best))
            known = self._contended = self.best, self._cluster_time * weights[:, None]
        return known[1]

    def _shares_in(self, schedule: Schedule) -> NDArray[np.float64]:
        """What each step takes of the cluster in a schedule."""
        problem, shares = self._problem, np.zeros(len(self._problem.steps))
        if problem.has_in_flight:
            of_agents = cluster_shares(problem)
            return np.array([of_agents[agent.name] for agent in problem.agents(schedule.mode)])
        for rows, own in zip(problem.mode_table.classes, self._shares, strict=True):
            shares[rows.steps] = own[schedule.arrays.mode[rows.steps]]
        return shares

    def run(self) -> None:
        """Start every pass from the best schedule so far, and repeat it while it gains much."""
        if self._has_budget and self._longest_path() > _PATH_BOUND * self.best.makespan:
            self._crash()
        priced = self._problem.objective.usd_weight > 0
        for one in FOR_BUDGET if self._has_budget else FOR_DOLLARS if priced else FOR_TIME:
            self._repeat(one)
        if self._has_budget and self._is_capacity_scarce():
            for one in FOR_SCARCE_CAPACITY:
                self._repeat(one)

    def vary(self) -> None:
        """Random passes, and a justification if they leave something to gain."""
        rng = np.random.default_rng(0)
        for _ in range(max(1, _PLACED // (_VARIED * len(self._problem.steps)))):
            before = self.best.value
            for _ in range(_VARIED):
                if self.meets_bound:
                    return
                self.randomized_pass(rng)
            if self.best.value > _WORTHWHILE * before:
                break
        self._update(justified(self._problem, self.best))

    def run_from_forecast(self) -> None:
        """Aim the first pass at a forecast of the makespan, and make each of a few others once."""
        first, *others = MANY_FOR_DOLLARS
        self._first_pass(first)
        for one in others:
            if self.meets_bound:
                return
            self._pass(one)

    def _first_pass(self, one: Pass) -> None:
        problem, tails = self._problem, self._problem.min_tails
        target = one.makespan_share * forecast_makespan(problem, max(tails))
        durations = np.array(problem.min_durations, dtype=np.float64)
        start = np.array(earliest_starts(problem))
        schedule = self._placed(one, target - np.array(tails) + durations, start, Cutoff())
        assert schedule is not None, "only a cutoff makes serial_schedule give up"
        self.best = schedule

    def _longest_path(self) -> int:
        """The longest path of the best schedule, without waits for capacity."""
        of = self.best.arrays
        return longest_path(self._problem, of.end - of.start)

    def _is_capacity_scarce(self) -> bool:
        """Whether the best modes of the steps, chosen independently, need more of some capacity than there is.

        Prices of capacities take too long to find where there are many steps.
        """
        if len(self._problem.steps) > _MANY_STEPS:
            return False
        latest = latest_ends(self._problem, self.best)
        costs = self._per_quantum * self._delays(latest, self.best.arrays.start)
        return self._capacity_prices.are_due(costs, float(latest.max()), self._price)

    def _crash(self) -> None:
        """A pass in which steps have the latest ends, and the budget, that crashing gives them."""
        problem = self._problem
        bought = crashed(problem)
        score = build_score(problem, problem.objective.usd_weight * problem.mode_table.usd, bought.latest, _END_WEIGHT)
        division = BudgetDivision(reserved_usd=bought.usd)
        self._update(serial_schedule(problem, self._order, score, division=division, cutoff=self._cutoff()))

    def _repeat(self, one: Pass) -> None:
        for _ in range(_REPEATS):
            before = self.best.value
            self._pass(one)
            if not before * _MUCH < self.best.value <= before * _SOME:
                return

    def _pass(self, one: Pass) -> None:
        latest = latest_ends(self._problem, self.best, one.makespan_share)
        self._update(self._placed(one, latest, self.best.arrays.start, self._cutoff()))

    def _placed(
        self, one: Pass, latest: NDArray[np.float64], start: NDArray[np.int64], cutoff: Cutoff
    ) -> Schedule | None:
        """All steps placed; ``latest`` and ``start`` are their latest ends and the starts that are expected."""
        usd, division = self._problem.objective.usd_weight, BudgetDivision(spread=one.spread_budget)
        occupied = self._occupied(one, latest, start)
        if self._has_budget:
            choice, latest = self._affordable(occupied, latest, start)
            usd += choice.price
            if not one.spread_budget:
                division = BudgetDivision(reserved_usd=choice.usd)
        fixed = usd * self._problem.mode_table.usd + occupied
        score = build_score(self._problem, fixed, latest, _END_WEIGHT)
        return serial_schedule(self._problem, self._order, score, division=division, cutoff=cutoff)

    def _occupied(self, one: Pass, latest: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the capacity that each mode takes costs, in units of the objective."""
        if one.shares_capacities:
            dollar = self._price if self._has_budget else self._problem.objective.usd_weight
            costs = self._per_quantum * self._delays(latest, start)
            return self._capacity_prices.occupied(costs, self._per_quantum, float(latest.max()), dollar)
        time = self._contended_time() if one.contended else self._cluster_time
        return one.cluster_price * self._per_quantum * time

    def _delays(self, latest: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
        """The quanta by which every mode ends too late, and a little for the time it takes at all."""
        duration = self._problem.mode_table.duration
        delays: NDArray[np.float64] = np.maximum(0.0, duration - (latest - start)[:, None]) + _END_WEIGHT * duration
        return delays

    def _cutoff(self) -> Cutoff:
        """A schedule that ends later is no better than the best one, even if all other steps were the cheapest."""
        weights = self._problem.objective
        if not satisfies_limits(self._problem, self.best):
            return Cutoff()
        if not weights.latency_weight:
            return Cutoff(value=self.best.value)
        left = self.best.value - weights.usd_weight * self._least_usd
        return Cutoff(left / self._per_quantum * (1 + 1e-9), self.best.value)

    def randomized_pass(self, rng: np.random.Generator) -> None:
        """One pass with priorities varied by up to a tenth, and prices and target drawn around the usual ones."""
        kept, priority = self._order, self._rank * rng.uniform(0.9, 1.1, len(self._rank))
        self._order = order_by_priority(self._problem, priority)
        drawn = VARIATIONS[rng.integers(len(VARIATIONS))]
        price = drawn.prices[rng.integers(len(drawn.prices))]
        share, spread = rng.uniform(drawn.least_share, drawn.most_share), bool(rng.random() < _SPREAD_PROBABILITY)
        self._pass(Pass(price, share, spread, drawn.contended))
        self._order = kept

    def _update(self, schedule: Schedule | None) -> None:
        if schedule is None:
            return
        key = (not satisfies_limits(self._problem, schedule), schedule.value)
        if key < (not satisfies_limits(self._problem, self.best), self.best.value):
            self.best = schedule

    def _affordable(
        self, occupied: NDArray[np.float64], latest: NDArray[np.float64], start: NDArray[np.int64]
    ) -> tuple[PricedChoice, NDArray[np.float64]]:
        """What steps choose so that they keep to the budget, and the latest ends that they are to meet.

        ``occupied`` is what each mode costs by the cluster's time that it takes.

        A target that is too easy leaves long steps slow: their lateness is small, so that the budget goes to others.
        If the longest path of what they choose misses the target, lower targets are tried, as long as that shortens it.
        """
        problem, target, best, least = self._problem, float(latest.max()), None, float("inf")
        for share in _TARGETS:
            ends = latest - (1 - share) * target
            choice = priced_choice(problem, self._per_quantum * self._delays(ends, start) + occupied, self._price)
            self._price = choice.price or self._price
            path = longest_path(problem, choice.durations)
            if best is None or path < least * _SHORTER:
                best, least = (choice, ends), path
            if path <= share * target:
                break
        assert best is not None, "there is a first target"
        return best


def latest_ends(problem: Problem, schedule: Schedule, makespan_share: float = 1.0) -> NDArray[np.float64]:
    """Per step, the latest end that would keep this share of the makespan if only precedence mattered."""
    if (compiled := compiled_passes(problem)) is not None:
        return compiled.latest_ends(schedule, makespan_share * schedule.makespan)
    count, node, links_differ = len(problem.steps), schedule.node, problem.links_differ
    ends = [makespan_share * schedule.makespan] * count
    starts = ends.copy()
    for step in range(count - 1, -1, -1):
        mode, at, latest = problem.modes[step][schedule.mode[step]], node[step], ends[step]
        for child in problem.children[step]:
            start = starts[child]
            if node[child] != at:
                start -= mode.lag_to(problem.group_of[node[child]]) if links_differ else mode.lag
            latest = min(latest, start)
        ends[step] = latest
        starts[step] = latest - (schedule.end[step] - schedule.start[step])
    return np.array(ends, dtype=np.float64)
