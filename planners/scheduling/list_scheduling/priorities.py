"""Priorities of list scheduling, after Topcuoglu, Hariri, Wu (2002), doi:10.1109/71.993206."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.list_scheduling.compiled import compiled_passes
from planners.scheduling.problem.modes import ExecutionMode
from planners.scheduling.problem.problem import Problem


class RankOrder(NamedTuple):
    """The upward ranks of mean durations, and the steps in their order."""

    rank: list[float]
    order: list[int]


def rank_order(problem: Problem) -> RankOrder:
    """What HEFT orders steps by, computed once for a problem."""
    if RankOrder not in problem.derived:
        rank = upward_ranks(problem, problem.mean_durations)
        problem.derived[RankOrder] = RankOrder(rank, order_by_rank(rank))
    ordered: RankOrder = problem.derived[RankOrder]
    return ordered


def upward_ranks(problem: Problem, durations: Sequence[float]) -> list[float]:
    """rank_u: the longest path from the start of a step to the end, including mean transfers."""
    rank, lags, parents = list(durations), mean_lags(problem), problem.parents
    after = [0.0] * len(rank)
    for step in range(len(rank) - 1, -1, -1):
        if problem.children[step]:
            rank[step] += lags[step] + after[step]
        own = rank[step]
        for parent in parents[step]:
            if own > after[parent]:  # noqa: PLR1730 -- max takes longer, and there are thousands of edges
                after[parent] = own
    return rank


def downward_ranks(problem: Problem, durations: Sequence[float]) -> list[float]:
    """rank_d: the longest path from an entry step to the start of a step, including mean transfers."""
    rank = [0.0] * len(durations)
    lags = mean_lags(problem)
    for step, parents in enumerate(problem.parents):
        rank[step] = max((rank[p] + durations[p] + lags[p] for p in parents), default=0.0)
    return rank


def order_by_rank(rank: Sequence[float]) -> list[int]:
    """Steps by decreasing upward rank; equal ranks keep topological order."""
    order: list[int] = np.argsort(-np.asarray(rank), kind="stable").tolist()
    return order


def order_by_priority(
    problem: Problem, priority: Sequence[float] | NDArray[np.float64]
) -> list[int] | NDArray[np.int64]:
    """Parents before children; of the steps whose parents are in the list, the highest priority first."""
    if (compiled := compiled_passes(problem)) is not None:
        return compiled.order_by_priority(priority)
    priority = np.asarray(priority).tolist()
    missing = [len(parents) for parents in problem.parents]
    queue = [(-priority[step], step) for step, count in enumerate(missing) if not count]
    heapify(queue)
    order: list[int] = []
    while queue:
        _, step = heappop(queue)
        order.append(step)
        for child in problem.children[step]:
            missing[child] -= 1
            if not missing[child]:
                heappush(queue, (-priority[child], child))
    return order


def mean_lags(problem: Problem) -> list[float]:
    """Per step, the mean transfer time of its output over its modes and all pairs of nodes (0 within one node)."""
    nodes = len(problem.nodes)
    if problem.links_differ:
        sizes = [len(group.nodes) for group in problem.groups]
        return [sum(_mean_lag(mode, sizes) for mode in modes) / len(modes) for modes in problem.modes]
    share = (nodes - 1) / nodes if nodes else 0.0
    means = np.zeros(len(problem.steps))
    for rows in problem.modes.classes:
        means[rows.steps] = share * sum([mode.lag for mode in rows.modes]) / max(1, len(rows.modes))
    for step in problem.modes.in_flight:
        means[step] = share * sum([mode.lag for mode in problem.modes[step]]) / len(problem.modes[step])
    return means.tolist()


def _mean_lag(mode: ExecutionMode, sizes: Sequence[int]) -> float:
    others = (size - (group == mode.group) for group, size in enumerate(sizes))
    return sum(count * mode.lag_to(group) for group, count in enumerate(others)) / sum(sizes)
