"""Plans as sets of labels, so that F1 of multisets becomes F1 of sets and every model can be linear algebra.

The k-th occurrence of a tool in a plan is one step label, the k-th occurrence of an ordered pair one edge label;
both are integers that need no table, so an unseen pair of known tools has a label too.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learner.predictor.example import PlanExample
from learner.predictor.vectors import Floats

Plan = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]  # tools by number, edges by position in them
_OCCURRENCES = 8  # repetitions beyond the eighth are one label
_LENGTHS = 8


@dataclass(frozen=True)
class Tally:
    """How many plans were seen of each form, with each step label, and with each edge label."""

    plans: Counter[Plan]
    steps: Counter[int]
    edges: Counter[int]

    def less(self, other: "Tally") -> "Tally":
        """This tally without what the other one counted."""
        return Tally(self.plans - other.plans, self.steps - other.steps, self.edges - other.edges)


class PlanSpace:
    """Numbers for tools and columns for the plans, step labels, edge labels and lengths of a history."""

    def __init__(self, tools: Sequence[str], plans: Sequence[Plan]) -> None:
        self.tools = tuple(tools)
        self.number = {tool: number for number, tool in enumerate(self.tools)}
        self._labels: dict[Plan, tuple[list[int], list[int]]] = {}
        self.count = Counter(plans)
        self.plans = list(self.count)
        self.plan_column = {plan: column for column, plan in enumerate(self.plans)}
        self._labels = {plan: (self.steps_of(plan), self.edges_of(plan)) for plan in self.plans}
        self.tally = self.tallied(plans)
        # Every tool has a column, used or not: its own description is an example of it.
        self.step_labels = list(dict.fromkeys([*self.tally.steps, *map(self.step_label, range(len(self.tools)))]))
        self.step_column = {label: column for column, label in enumerate(self.step_labels)}
        self.edge_column = {label: column for column, label in enumerate(self.tally.edges)}
        ends = np.cumsum([len(self.plans), len(self.step_column), len(self.edge_column), _LENGTHS])
        self._cuts = [int(end) for end in ends]

    @classmethod
    def of(cls, catalog: Iterable[str], examples: Sequence[PlanExample]) -> tuple["PlanSpace", list[Plan]]:
        """The space over the catalog's tools and those met in the examples, and the examples' plans in it."""
        tools = list(dict.fromkeys([*catalog, *(step for example in examples for step in example.steps)]))
        number = {tool: index for index, tool in enumerate(tools)}
        plans: list[Plan] = [(tuple(number[s] for s in e.steps), tuple(e.edges)) for e in examples]
        return cls(tools, plans), plans

    def tallied(self, plans: Sequence[Plan]) -> Tally:
        """Count the plans and their labels."""
        steps = Counter(label for plan in plans for label in self.steps_of(plan))
        return Tally(Counter(plans), steps, Counter(label for plan in plans for label in self.edges_of(plan)))

    @property
    def step_and_edge_columns(self) -> slice:
        """Where among the targets the parts of plans are."""
        return slice(self._cuts[0], self._cuts[2])

    @property
    def columns(self) -> int:
        """Number of targets of a regression over this space."""
        return self._cuts[-1]

    def step_label(self, tool: int) -> int:
        """Label of the first occurrence of a tool."""
        return tool * _OCCURRENCES

    def tool_of(self, step_label: int) -> int:
        """The tool of a step label, whichever occurrence it is."""
        return step_label // _OCCURRENCES

    def edge_label(self, parent: int, child: int) -> int:
        """Label of the first occurrence of an ordered pair."""
        return (parent * len(self.tools) + child) * _OCCURRENCES

    def ends_of(self, edge_label: int) -> tuple[int, int]:
        """The tools an edge label joins, parent first."""
        return divmod(edge_label // _OCCURRENCES, len(self.tools))

    def steps_of(self, plan: Plan) -> list[int]:
        """Step labels of a plan, one per step, in its order."""
        known = self._labels.get(plan)
        return known[0] if known else _occurrences(plan[0])

    def edges_of(self, plan: Plan) -> list[int]:
        """Edge labels of a plan, one per edge, in its order."""
        known = self._labels.get(plan)
        if known:
            return known[1]
        tools, edges = plan
        return _occurrences(tools[i] * len(self.tools) + tools[j] for i, j in edges)

    def targets(self, plans: Sequence[Plan]) -> NDArray[np.float64]:
        """Indicators (n, columns) of which plan, steps, edges and length each example has."""
        out = np.zeros((len(plans), self._cuts[-1]))
        for row, plan in enumerate(plans):
            out[row, self.plan_column[plan]] = 1
            out[row, [self._cuts[0] + self.step_column[label] for label in self.steps_of(plan)]] = 1
            out[row, [self._cuts[1] + self.edge_column[label] for label in self.edges_of(plan)]] = 1
            out[row, self._cuts[2] + length_column(len(plan[0]))] = 1
        return out

    def described(self) -> NDArray[np.float64]:
        """Indicators (tools, columns) for the tools' own texts: each is an example of its step and of nothing else."""
        out = np.zeros((len(self.tools), self._cuts[-1]))
        for tool in range(len(self.tools)):
            out[tool, self._cuts[0] + self.step_column[self.step_label(tool)]] = 1
        return out

    def parts(self, scores: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """A row of scores cut into those of plans, step labels, edge labels and lengths."""
        plans, steps, edges, lengths = np.split(scores, self._cuts[:-1])
        return plans, steps, edges, lengths


def length_column(steps: int) -> int:
    """Column of a number of steps: 1 and less, 2, ..., 8 and more."""
    return min(max(steps, 1), _LENGTHS) - 1


def chain(tools: Sequence[int]) -> Plan:
    """The tools one after the other."""
    return tuple(tools), tuple((i, i + 1) for i in range(len(tools) - 1))


def without(plan: Plan, position: int) -> Plan:
    """The plan less one step; its parents become the parents of its children."""
    tools, edges = plan
    into = [i for i, j in edges if j == position]
    out = [j for i, j in edges if i == position]
    kept = [edge for edge in edges if position not in edge]
    joined = dict.fromkeys([*kept, *((i, j) for i in into for j in out)])
    shifted = tuple(sorted((i - (i > position), j - (j > position)) for i, j in joined))
    return tools[:position] + tools[position + 1 :], shifted


def _occurrences(codes: Iterable[int]) -> list[int]:
    seen: dict[int, int] = {}
    out = []
    for code in codes:
        occurrence = seen.get(code, 0)
        seen[code] = occurrence + 1
        out.append(code * _OCCURRENCES + min(occurrence, _OCCURRENCES - 1))
    return out
