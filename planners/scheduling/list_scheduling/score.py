"""The score that list scheduling minimises when it places a step, as arrays over all steps and modes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.problem import Problem


@dataclass(frozen=True)
class PlacementScore:
    """score(step, mode, end) = cost + per_quantum * (end * end_weight + max(0, end - latest)).

    ``costs`` is the part of a mode's score that does not depend on its end, in rows by step as in
    ``Problem.mode_table``. ``latest`` is the latest harmless end of each step (0 where every quantum counts).
    """

    problem: Problem
    costs: NDArray[np.float64]
    per_quantum: float
    latest: NDArray[np.float64]
    end_weight: float

    @cached_property
    def latest_ends(self) -> list[float]:
        """``latest`` as a list."""
        ends: list[float] = self.latest.tolist()
        return ends

    @cached_property
    def fixed(self) -> list[list[float]]:
        """``costs`` as lists."""
        rows: list[list[float]] = self.costs.tolist()
        return rows

    @cached_property
    def by_early_score(self) -> list[list[int]]:
        """The modes of each step, by their scores if all end before ``latest``."""
        weight = self.end_weight
        return _in_order(self.problem, self.costs, self.per_quantum * weight) if weight else self.by_late_score

    @cached_property
    def by_late_score(self) -> list[list[int]]:
        """The modes of each step, by their scores if all end after ``latest``."""
        return _in_order(self.problem, self.costs, self.per_quantum * (1 + self.end_weight))


def build_score(
    problem: Problem,
    fixed: NDArray[np.float64],
    latest: Sequence[float] | NDArray[np.float64] | None = None,
    end_weight: float = 0.0,
) -> PlacementScore:
    """The score with these fixed costs of every mode; without ``latest``, every quantum counts."""
    per_quantum = problem.objective.latency_weight * problem.quantum_s
    if latest is None:
        latest, end_weight = np.zeros(len(problem.steps)), 0.0
    return PlacementScore(problem, fixed, per_quantum, np.asarray(latest, dtype=np.float64), end_weight)


def _in_order(problem: Problem, fixed: NDArray[np.float64], per_quantum: float) -> list[list[int]]:
    table = problem.mode_table
    if table.duration.shape[1] == 1:  # one agent on like nodes, as in many small workflows
        return [[0][:count] for count in table.counts]
    scores = np.where(table.exists, fixed + per_quantum * table.duration, np.inf)
    rows: list[list[int]] = np.argsort(scores, axis=1, kind="stable").tolist()
    return [row[:count] for row, count in zip(rows, table.counts, strict=True)]


def objective_score(problem: Problem) -> PlacementScore:
    """latency_weight * end + usd_weight * usd: the objective as if the step were the last one."""
    return build_score(problem, problem.objective.usd_weight * problem.mode_table.usd)
