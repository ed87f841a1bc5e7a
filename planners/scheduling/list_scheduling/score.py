"""What list scheduling minimises when it places a step, as arrays over all steps and options at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planners.scheduling.problem.problem import Problem


@dataclass(frozen=True, slots=True)
class Score:
    """score(step, option, end) = fixed + per_quantum * (end * patience + max(0, end - latest)).

    ``fixed`` is what an option costs whenever it ends, rows by step as in ``Problem.options``. ``latest``: what a step
    may take without harm (None: every end counts, patience is 0 then). ``order``: a step's options, the least score
    first if all nodes were free and the step late.
    """

    fixed: list[list[float]]
    per_quantum: float
    latest: Sequence[float]
    patience: float
    order: list[list[int]]


def scored(
    problem: Problem,
    fixed: NDArray[np.float64],
    latest: Sequence[float] | None = None,
    patience: float = 0.0,
) -> Score:
    """The score with these fixed costs of every option."""
    per_quantum = problem.objective.latency_weight * problem.quantum_s
    if latest is None:
        latest, patience = [0.0] * len(problem.steps), 0.0
    hope = fixed + per_quantum * (1 + patience) * problem.options.duration
    rows = np.argsort(hope, axis=1, kind="stable").tolist()
    order = [row[: len(of)] for row, of in zip(rows, problem.options.choices, strict=True)]
    return Score(fixed.tolist(), per_quantum, latest, patience, order)


def objective_score(problem: Problem) -> Score:
    """latency_weight * end + usd_weight * dollars: the objective as if the step were the last one."""
    return scored(problem, problem.objective.usd_weight * problem.options.usd)
