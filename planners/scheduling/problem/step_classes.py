"""Classes of steps that the same agents may execute: agents and fitting nodes are determined once for all of them."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.costs import CostModel, accepts_all, mean_durations_s
from planners.escalation import NOTHING, Extra, extras_of
from planners.model import AgentName
from planners.scheduling.problem.modes import LimitUse
from planners.scheduling.problem.time_scale import MAX_DURATION_S
from planners.tasks import Objective
from planners.workflow import Step


class StepClass:
    """A class of steps.

    ``refused``: those of the agents that get no new attempts of them. ``uses``: what they take of the limits of the
    fan-outs around them. ``steps``: their indices, filled by whoever makes the class. ``means``: once the costs are
    known, per step, the mean seconds of each agent on a node of speed 1.
    """

    means: NDArray[np.float64]

    def __init__(self, agents: list[AgentSpec], refused: Collection[AgentName], uses: tuple[LimitUse, ...]) -> None:
        self.agents = agents
        self.refused = refused
        self.uses = uses
        self.steps: list[int] = []
        # Per step, what follows if the output of each agent is refused; None if no output is.
        self._extras: list[list[Extra]] | None = None

    def ask(self, steps: Sequence[Step], costs: CostModel, objective: Objective) -> None:
        """Learn from the cost model what ``steps``, all those of the class, take."""
        self.means = mean_durations_s(costs, self.agents, steps)
        usable = [agent for agent in self.agents if agent.name not in self.refused]
        if accepts_all(costs, usable, steps):
            return
        extras = [extras_of(step, self.agents, self.refused, costs, objective) for step in steps]
        if any(extra != NOTHING for row in extras for extra in row):
            self._extras = extras

    def different(self) -> tuple[NDArray[np.float64], NDArray[np.float64], list[int]]:
        """`means` and `extra` of steps that differ, and for each step its row: most of a large fan-out are alike."""
        keys: Sequence[object] = _bytes_of_rows(self.means)
        if self._extras is not None:
            keys = list(zip(keys, map(tuple, self._extras), strict=True))
        # The first step of each row, in their order: what comes first is put last.
        last_first = dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
        first = sorted(last_first.values())
        rows = {keys[step]: row for row, step in enumerate(first)}
        return self.means[first], self.extra()[first], [rows[key] for key in keys]

    def longest_s(self, slowest: float) -> float:
        """The seconds of all steps one after another, each by its slowest agent on a node of speed ``slowest``."""
        cold = np.array([agent.cold_start_s for agent in self.agents])
        seconds = self.means / slowest + cold + self.extra()[..., 0]
        return float(np.minimum(seconds, MAX_DURATION_S).max(axis=1).sum())

    def extra(self) -> NDArray[np.float64]:
        """What follows if outputs are refused, as an array of steps x agents x (seconds, dollars)."""
        shape = (len(self.steps), len(self.agents), 2)
        return np.zeros(shape) if self._extras is None else np.array(self._extras).reshape(shape)


def _bytes_of_rows(rows: NDArray[np.float64]) -> list[bytes]:
    """Each row as bytes, which are compared much sooner than its numbers."""
    found: list[bytes] = np.ascontiguousarray(rows).view(f"V{rows.shape[1] * rows.itemsize}").ravel().tolist()
    return found
