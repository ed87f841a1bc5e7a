"""Windows over the newest durations of every agent, in seconds on a node of speed 1.

Attempts that were flushed while they ran are right-censored: all that is known is that they take longer. Leaving them
out would bias every quantile downwards, because long attempts are flushed most often.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.online.lru import LruDict
from planners.costs import Estimate

# The declared prior counts as much as this many outcomes.
PRIOR_WEIGHT = 3.0


class ObservedDuration(NamedTuple):
    """Statistics of an agent's finished attempts. ``output_bytes`` is the mean size of their outputs."""

    outcomes: int
    mean_s: float
    p50_s: float
    p90_s: float
    output_bytes: float = 0.0

    def shrunk(self, prior: Estimate, weight: float = PRIOR_WEIGHT) -> Estimate:
        """Shrink each figure towards the prior, which counts as ``weight`` outcomes: (n*x + k*prior) / (n + k)."""
        share = self.outcomes / (self.outcomes + weight)
        pairs = zip((self.mean_s, self.p50_s, self.p90_s), prior, strict=True)
        return Estimate(*(share * seen + (1 - share) * before for seen, before in pairs))


class DurationWindow:
    """The newest durations of one agent, finished and censored."""

    def __init__(self, size: int = 256) -> None:
        self._durations: deque[tuple[float, bool]] = deque(maxlen=size)
        self._output_bytes: deque[int] = deque(maxlen=size)

    def add_finished(self, seconds: float, output_bytes: int) -> None:
        """Add an attempt that finished."""
        self._durations.append((seconds, True))
        self._output_bytes.append(output_bytes)

    def add_censored(self, seconds: float) -> None:
        """Add an attempt that was flushed after ``seconds``."""
        self._durations.append((seconds, False))

    def observed(self) -> ObservedDuration | None:
        """Statistics of the window; None if no attempt in it finished."""
        seconds = np.array([seconds for seconds, _ in self._durations], float)
        finished = np.array([finished for _, finished in self._durations], bool)
        if not finished.any():
            return None
        if finished.all():
            p50_s, p90_s = np.quantile(seconds, (0.5, 0.9))
            mean_s = seconds.mean()
        else:
            weights = kaplan_meier_weights(seconds, finished)
            p50_s, p90_s = np.quantile(seconds, (0.5, 0.9), weights=weights, method="inverted_cdf")
            mean_s = np.average(seconds, weights=weights)
        output_bytes = float(np.mean(self._output_bytes))
        return ObservedDuration(int(finished.sum()), float(mean_s), float(p50_s), float(p90_s), output_bytes)


class DurationWindows:
    """One window per agent, at most ``max_agents``; statistics are cached until an agent has a new outcome."""

    def __init__(self, max_agents: int) -> None:
        self._windows: LruDict[str, DurationWindow] = LruDict(max_agents)
        self._observed: dict[str, ObservedDuration | None] = {}

    def add_finished(self, agent: str, seconds: float, output_bytes: int) -> None:
        """Add a finished attempt of an agent."""
        self._window(agent).add_finished(seconds, output_bytes)

    def add_censored(self, agent: str, seconds: float) -> None:
        """Add an attempt of an agent that was flushed while it ran."""
        self._window(agent).add_censored(seconds)

    def observed(self) -> Mapping[str, ObservedDuration]:
        """Agent -> statistics, for every agent with a finished attempt in its window."""
        for agent in self._observed.keys() - self._windows.keys():
            del self._observed[agent]
        for agent in self._windows.keys() - self._observed.keys():
            self._observed[agent] = self._windows[agent].observed()
        return {agent: seen for agent in self._windows if (seen := self._observed[agent]) is not None}

    def _window(self, agent: str) -> DurationWindow:
        self._observed.pop(agent, None)
        return self._windows.touch(agent, DurationWindow)


def kaplan_meier_weights(seconds: NDArray[np.float64], finished: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The probability mass of each attempt in the distribution of durations; the sum is 1, censored ones have 0.

    The steps of the Kaplan-Meier curve (1958): the mass of a censored attempt goes to all finished ones that lasted
    longer (Efron 1967). If there are none, the longest attempt is treated as finished (Efron's tail correction), so the
    mean is a lower bound. Valid if what censors (the plan's arrival) is independent of the agent's duration.
    """
    order = np.lexsort((~finished, seconds))
    at_risk = np.arange(len(order), 0, -1)
    ends = finished[order] / at_risk
    before = np.concatenate([[1.0], np.cumprod(1 - ends)[:-1]])
    sorted_weights = before * ends
    sorted_weights[-1] += max(0.0, 1 - sorted_weights.sum())
    weights = np.empty(len(order))
    weights[order] = sorted_weights
    return weights
