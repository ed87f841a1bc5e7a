"""What the speculative planner asks of a learned plan predictor: the protocol it owns, fulfilled by `learner`."""

from typing import Protocol

from pydantic import Field

from planners.model import Versioned


class GuessedPlan(Versioned):
    """One guess of the steps a request will get and of how they hang together.

    ``steps`` are capability names in topological order; ``edges`` are (parent, child) pairs of indices into ``steps``.
    ``step_probability`` and ``edge_probability`` run parallel to them: how likely the optimal plan holds each.
    ``work_probability``, where given: how likely it holds each with all that is above it, as survival needs.
    ``probability`` is that of the whole plan being exactly right. All in 0..1.
    """

    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    step_probability: tuple[float, ...] = ()
    edge_probability: tuple[float, ...] = ()
    work_probability: tuple[float, ...] = ()
    probability: float = Field(default=0.5, ge=0, le=1)

    def parents_of(self, index: int) -> tuple[int, ...]:
        """The indices of the steps that lead into one, in order."""
        return tuple(parent for parent, child in self.edges if child == index)

    def step_p(self, index: int) -> float:
        """How likely the step is in the plan; the whole plan's probability where nothing finer is said."""
        return self.step_probability[index] if index < len(self.step_probability) else self.probability

    def work_p(self, index: int) -> float | None:
        """How likely the step's work survives; None where the predictor does not say."""
        return self.work_probability[index] if index < len(self.work_probability) else None

    def edge_p(self, parent: int, child: int) -> float:
        """How likely the edge is in the plan; the whole plan's probability where nothing finer is said."""
        for at, edge in enumerate(self.edges[: len(self.edge_probability)]):
            if edge == (parent, child):
                return self.edge_probability[at]
        return self.probability


class PlanPredictor(Protocol):
    """Guesses plans from the words of a request, from memory, within milliseconds, on the caller's thread."""

    def predict(self, request_text: str, k: int) -> list[GuessedPlan]:
        """At most ``k`` guesses, the likeliest first; none where nothing was learned yet."""
        ...
