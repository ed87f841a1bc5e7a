"""What the plan predictor learns from: past plans by goal, and the catalog as text."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class PlanExample:
    """One past task: its goal in plain words and the optimal plan it got.

    ``steps`` are capability names in plan order; ``edges`` are (parent, child) pairs of indices into them. ``kind`` is
    that of the task.
    """

    request: str
    steps: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    kind: str = ""


@dataclass(frozen=True)
class ToolText:
    """A capability of the catalog as text: name, description, and the names of its inputs and outputs."""

    name: str
    description: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def edge_names(steps: tuple[str, ...], edges: Iterable[tuple[int, int]]) -> list[tuple[str, str]]:
    """The edges as ordered pairs of capability names."""
    return [(steps[parent], steps[child]) for parent, child in edges]
