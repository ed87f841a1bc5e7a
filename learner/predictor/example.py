"""What the plan predictor learns from, what it may use, and what it answers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class PlanExample:
    """One past task: its goal in plain words and the plan of authority it got.

    ``steps`` are capability names in plan order; ``edges`` are pairs of indices into them, parent first.
    """

    request: str
    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ToolText:
    """A capability of the catalog as words: what it is called, does, needs and gives."""

    name: str
    description: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class GuessedPlan:
    """A guessed plan. Probabilities are calibrated: of each step and each edge to be in the true plan.

    ``work_probability``: of each step to be there with all that is above it, so that its work survives; empty before
    anything was learned. ``probability`` is that of the whole: the same steps and the same edges, as multisets.
    """

    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    step_probability: tuple[float, ...]
    edge_probability: tuple[float, ...]
    probability: float
    work_probability: tuple[float, ...] = ()


def edge_names(steps: tuple[str, ...], edges: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """The edges as ordered pairs of capability names."""
    return [(steps[parent], steps[child]) for parent, child in edges]


def multiset_f1(guess: Iterable[object], truth: Iterable[object]) -> float:
    """F1 of two multisets, 2|A & B| / (|A| + |B|); two empty ones agree fully."""
    a, b = Counter(guess), Counter(truth)
    size = a.total() + b.total()
    return 2 * (a & b).total() / size if size else 1.0
