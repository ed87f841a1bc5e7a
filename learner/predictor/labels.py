"""Plans as sets of labels, so that F1 of multisets becomes F1 of sets and every model can be linear algebra.

The k-th occurrence of a tool in a plan is one step label, the k-th occurrence of an ordered pair one edge label;
both are integers that need no table, so an unseen pair of known tools has a label too.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from learner.predictor.example import PlanExample
from learner.predictor.vectors import Floats

Columns = NDArray[np.int_]
Plan = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]  # tools by number, edges by position in them
_OCCURRENCES = 8  # repetitions beyond the eighth are one label
_LENGTHS = 8


@dataclass(frozen=True)
class LabelCounts:
    """How many plans were seen of each form, with each step label, and with each edge label, by column.

    Each ends with a zero, for what is in no column.
    """

    plans: Floats
    steps: Floats
    edges: Floats

    def less(self, other: "LabelCounts") -> "LabelCounts":
        """This tally without what the other one counted."""
        return LabelCounts(self.plans - other.plans, self.steps - other.steps, self.edges - other.edges)


class PlanSpace:
    """Numbers for tools and columns for the plans, step labels, edge labels and lengths of a history."""

    def __init__(self, tools: Sequence[str], plans: Sequence[Plan]) -> None:
        self.tools = tuple(tools)
        self.number = {tool: number for number, tool in enumerate(self.tools)}
        self.count = Counter(plans)
        self.plans = list(self.count)
        self.plan_column = {plan: column for column, plan in enumerate(self.plans)}
        self._labels = [(_occurrences(tools), self._edge_labels(tools, edges)) for tools, edges in self.plans]
        # Every tool has a column, used or not: its own description is an example of it.
        firsts = self.step_label(np.arange(len(self.tools)))
        self.step_labels = np.unique([*firsts, *(label for steps, _ in self._labels for label in steps)]).astype(int)
        self._known_edges = np.unique([label for _, edges in self._labels for label in edges]).astype(int)
        self.tally = self.tallied(plans)
        ends = np.cumsum([len(self.plans), len(self.step_labels), len(self._known_edges), _LENGTHS])
        self._cuts = [int(end) for end in ends]

    @classmethod
    def of(cls, catalog: Iterable[str], examples: Sequence[PlanExample]) -> tuple["PlanSpace", list[Plan]]:
        """The space over the catalog's tools and those met in the examples, and the examples' plans in it."""
        tools = list(dict.fromkeys([*catalog, *(step for example in examples for step in example.steps)]))
        number = {tool: index for index, tool in enumerate(tools)}
        plans: list[Plan] = [(tuple(number[s] for s in e.steps), tuple(e.edges)) for e in examples]
        return cls(tools, plans), plans

    def tallied(self, plans: Sequence[Plan]) -> LabelCounts:
        """Count the plans and their labels."""
        known = [self.plan_column[plan] for plan in plans]
        steps = [label for column in known for label in self._labels[column][0]]
        edges = [label for column in known for label in self._labels[column][1]]
        return LabelCounts(
            _counted(np.array(known, dtype=int), len(self.plans)),
            _counted(self.step_columns(steps), len(self.step_labels)),
            _counted(self.edge_columns(edges), len(self._known_edges)),
        )

    @property
    def step_and_edge_columns(self) -> slice:
        """Where among the targets the parts of plans are."""
        return slice(self._cuts[0], self._cuts[2])

    @property
    def columns(self) -> int:
        """Number of targets of a regression over this space."""
        return self._cuts[-1]

    def step_label(self, tools: Columns) -> Columns:
        """Labels of the first occurrences of tools."""
        return tools * _OCCURRENCES

    def tool_of(self, step_labels: Columns) -> Columns:
        """The tools of step labels, whichever occurrences they are."""
        return step_labels // _OCCURRENCES

    def edge_label(self, parents: Columns, children: Columns) -> Columns:
        """Labels of the first occurrences of ordered pairs."""
        return (parents * len(self.tools) + children) * _OCCURRENCES

    def times_used(self, tools: Columns) -> Floats:
        """In how many past plans each tool is."""
        return self.tally.steps[self.step_columns(self.step_label(tools))]

    def ends_of(self, edge_labels: Columns) -> tuple[Columns, Columns]:
        """The tools that edge labels join: parents, children."""
        return np.divmod(edge_labels // _OCCURRENCES, len(self.tools))

    def turned(self, edge_labels: Columns) -> Columns:
        """The labels of the edges the other way round."""
        parents, children = self.ends_of(edge_labels)
        return self.edge_label(children, parents)

    def plan_columns(self, plans: Sequence[Plan]) -> Columns:
        """Columns of the plans; -1 for one never seen."""
        return np.array([self.plan_column.get(plan, -1) for plan in plans], dtype=int)

    def step_columns(self, labels: Sequence[int] | Columns) -> Columns:
        """Columns of step labels; -1 for one never seen."""
        return positions_in(self.step_labels, np.asarray(labels, dtype=int))

    def edge_columns(self, labels: Sequence[int] | Columns) -> Columns:
        """Columns of edge labels; -1 for one never seen."""
        return positions_in(self._known_edges, np.asarray(labels, dtype=int))

    def labels_of(self, plan: Plan, column: int = -1) -> tuple[list[int], list[int]]:
        """Labels of the steps and of the edges of a plan, in its order; ``column`` is its own where that is known."""
        return self._labels[column] if column >= 0 else (_occurrences(plan[0]), self._edge_labels(*plan))

    def steps_of(self, plan: Plan) -> list[int]:
        """Step labels of a plan, one per step, in its order."""
        return _occurrences(plan[0])

    def edges_of(self, plan: Plan) -> list[int]:
        """Edge labels of a plan, one per edge, in its order."""
        return self._edge_labels(*plan)

    def _edge_labels(self, tools: Sequence[int], edges: Iterable[tuple[int, int]]) -> list[int]:
        return _occurrences(tools[i] * len(self.tools) + tools[j] for i, j in edges)

    def targets(self, plans: Sequence[Plan]) -> NDArray[np.float64]:
        """Indicators (n, columns) of which plan, steps, edges and length each example has."""
        out = np.zeros((len(plans), self._cuts[-1]))
        for row, plan in enumerate(plans):
            out[row, self.plan_column[plan]] = 1
            out[row, self._cuts[0] + self.step_columns(self.steps_of(plan))] = 1
            out[row, self._cuts[1] + self.edge_columns(self.edges_of(plan))] = 1
            out[row, self._cuts[2] + length_column(len(plan[0]))] = 1
        return out

    def described(self) -> NDArray[np.float64]:
        """Indicators (tools, columns) for the tools' own texts: each is an example of its step and of nothing else."""
        out = np.zeros((len(self.tools), self._cuts[-1]))
        tools = np.arange(len(self.tools))
        out[tools, self._cuts[0] + self.step_columns(self.step_label(tools))] = 1
        return out

    def parts(self, scores: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """A row of scores cut into those of plans, step labels, edge labels and lengths."""
        plans, steps, edges, _ = self._cuts
        return scores[:plans], scores[plans:steps], scores[steps:edges], scores[edges:]


def positions_in(ascending: Columns, values: Columns) -> Columns:
    """Where each of the values is among the ascending ones; -1 where it is not."""
    if not len(ascending):
        return np.full(values.shape, -1)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.where(ascending[at] == values, at, -1)


def length_column(steps: int) -> int:
    """Column of a number of steps: 1 and less, 2, ..., 8 and more."""
    return min(max(steps, 1), _LENGTHS) - 1


def chain(tools: Sequence[int]) -> Plan:
    """The tools one after the other."""
    return tuple(tools), tuple((i, i + 1) for i in range(len(tools) - 1))


@lru_cache(maxsize=20_000)
def works(plan: Plan) -> tuple[int, ...]:
    """A number for each step and all that is above it: equal where two plans do the same work, inputs aside."""
    tools, edges = plan
    found: list[int] = []
    for step, tool in enumerate(tools):
        above = sorted(found[parent] for parent, child in edges if child == step and parent < step)
        found.append(hash((tool, *above)))
    return tuple(found)


@lru_cache(maxsize=20_000)
def distinct_works(plan: Plan) -> frozenset[int]:
    """The numbers of `works`, each once."""
    return frozenset(works(plan))


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


def _counted(columns: Columns, size: int) -> Floats:
    return np.bincount(columns, minlength=size + 1).astype(np.float32)
