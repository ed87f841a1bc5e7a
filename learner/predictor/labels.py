"""Plans as sets of integer labels, so that F1 of multisets becomes F1 of sets and every model is linear algebra.

The k-th occurrence of a tool in a plan is one step label, the k-th occurrence of an ordered pair one edge label. Labels
are computed, not looked up, so an unseen pair of known tools has a label too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from learner.predictor.arrays import Columns
from learner.predictor.numbered_plan import NumberedPlan

_OCCURRENCES = 8  # repetitions beyond the eighth share one label


@dataclass(frozen=True)
class PlanLabels:
    """The label arithmetic for a number of tools."""

    tools: int

    def step_label(self, tools: Columns) -> Columns:
        """Labels of the first occurrences of tools."""
        return tools * _OCCURRENCES

    def tool_of(self, step_labels: Columns) -> Columns:
        """The tools of step labels, whichever occurrences they are."""
        return step_labels // _OCCURRENCES

    def edge_label(self, parents: Columns, children: Columns) -> Columns:
        """Labels of the first occurrences of ordered pairs."""
        return (parents * self.tools + children) * _OCCURRENCES

    def ends_of(self, edge_labels: Columns) -> tuple[Columns, Columns]:
        """The tools that edge labels join: parents, children."""
        return np.divmod(edge_labels // _OCCURRENCES, self.tools)

    def reversed_edges(self, edge_labels: Columns) -> Columns:
        """The labels of the same edges in the opposite direction."""
        parents, children = self.ends_of(edge_labels)
        return self.edge_label(children, parents)

    def steps_of(self, plan: NumberedPlan) -> list[int]:
        """Step labels of a plan, one per step, in its order."""
        return _occurrences(plan[0])

    def edges_of(self, plan: NumberedPlan) -> list[int]:
        """Edge labels of a plan, one per edge, in its order."""
        tools, edges = plan
        return _occurrences(tools[i] * self.tools + tools[j] for i, j in edges)


def _occurrences(codes: Iterable[int]) -> list[int]:
    seen: dict[int, int] = {}
    out = []
    for code in codes:
        occurrence = seen.get(code, 0)
        seen[code] = occurrence + 1
        out.append(code * _OCCURRENCES + min(occurrence, _OCCURRENCES - 1))
    return out
