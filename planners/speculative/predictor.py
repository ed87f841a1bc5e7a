"""The interface of a learned plan predictor, which `learner.predictor` implements."""

from typing import NamedTuple, Protocol

from pydantic import Field

from planners.model import Versioned


class GuessedPlan(Versioned):
    """One guess of the steps that the optimal plan of a request will have, and of their edges.

    ``steps`` are capability names in topological order; ``edges`` are (parent, child) pairs of indices into ``steps``.
    ``step_probability`` and ``edge_probability`` run parallel to them: P(the optimal plan has it). Where given,
    ``work_probability`` is P(the optimal plan has the step with all its ancestors), so that its work survives.
    ``probability`` is P(the whole plan is right: the same steps and edges, as multisets). All in 0..1.
    """

    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    step_probability: tuple[float, ...] = ()
    edge_probability: tuple[float, ...] = ()
    work_probability: tuple[float, ...] = ()
    probability: float = Field(default=0.5, ge=0, le=1)

    def parents_of(self, index: int) -> tuple[int, ...]:
        """The indices of the parents of a step, in order."""
        return tuple(parent for parent, child in self.edges if child == index)

    def step_p(self, index: int) -> float:
        """P(the optimal plan has the step); that of the whole plan where no other is given."""
        return self.step_probability[index] if index < len(self.step_probability) else self.probability

    def work_p(self, index: int) -> float | None:
        """P(the work of the step survives); None where it is not given."""
        return self.work_probability[index] if index < len(self.work_probability) else None


class ConfirmedSteps(NamedTuple):
    """The steps of the optimal plan that are known already: a step is there only with all its parents.

    ``steps`` are capability names in topological order; ``edges`` are (parent, child) pairs of indices into them.
    """

    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()


class PlanPredictor(Protocol):
    """Guesses plans from the words of a request within milliseconds. Pure: any thread may ask, at any time."""

    def predict(self, request_text: str, k: int, kind: str = "") -> list[GuessedPlan]:
        """At most ``k`` guesses for a task of a kind, the likeliest first; none before anything was learned."""
        ...

    def continuations(self, request_text: str, confirmed: ConfirmedSteps, k: int, kind: str = "") -> list[GuessedPlan]:
        """At most ``k`` guesses that begin with the confirmed steps, in their order; the likeliest first.

        Asked again and again while a plan streams in, so what `predict` found out about the request is kept.
        """
        ...
