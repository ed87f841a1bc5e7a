"""The score that list scheduling minimises when it places a step, as arrays over all steps and modes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.problem import Problem


@dataclass(frozen=True, slots=True)
class PlacementScore:
    """score(step, mode, end) = fixed + per_quantum * (end * end_weight + max(0, end - latest)).

    ``fixed`` is the part of a mode's score that does not depend on its end, in rows by step as in
    ``Problem.mode_table``. ``latest`` is the latest harmless end of each step (0 where every quantum counts).
    ``by_early_score`` and ``by_late_score`` have the modes of each step, by their scores if all end before ``latest``,
    and if all end after it.
    """

    fixed: list[list[float]]
    per_quantum: float
    latest: Sequence[float]
    end_weight: float
    by_early_score: list[list[int]]
    by_late_score: list[list[int]]


def build_score(
    problem: Problem,
    fixed: NDArray[np.float64],
    latest: Sequence[float] | None = None,
    end_weight: float = 0.0,
) -> PlacementScore:
    """The score with these fixed costs of every mode; without ``latest``, every quantum counts."""
    per_quantum = problem.objective.latency_weight * problem.quantum_s
    if latest is None:
        latest, end_weight = [0.0] * len(problem.steps), 0.0
    early, late = per_quantum * end_weight, per_quantum * (1 + end_weight)
    by_late_score = _in_order(problem, fixed, late)
    by_early_score = _in_order(problem, fixed, early) if end_weight else by_late_score
    return PlacementScore(fixed.tolist(), per_quantum, latest, end_weight, by_early_score, by_late_score)


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
