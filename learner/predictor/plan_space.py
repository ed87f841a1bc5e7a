"""The columns that a history of plans spans: one for each plan, step label, edge label and length."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Columns, Floats
from learner.predictor.example import PlanExample
from learner.predictor.labels import PlanLabels
from learner.predictor.numbered_plan import NumberedPlan, distinct_work_ids

_LENGTHS = 8


@dataclass(frozen=True)
class LabelCounts:
    """In how many plans each plan, each step label and each edge label occurs, by column.

    Each array ends with a zero, for labels without a column.
    """

    plans: Floats
    steps: Floats
    edges: Floats

    def minus(self, other: "LabelCounts") -> "LabelCounts":
        """These counts without those of ``other``."""
        return LabelCounts(self.plans - other.plans, self.steps - other.steps, self.edges - other.edges)


class PlanSpace:
    """Columns over a history: the targets of the regressions, and counts of what the history holds."""

    def __init__(self, tools: Sequence[str], plans: Sequence[NumberedPlan]) -> None:
        self.tools = tuple(tools)
        self.number = {tool: index for index, tool in enumerate(self.tools)}
        self.labels = PlanLabels(len(self.tools))
        self.plans = list(dict.fromkeys(plans))
        self._column = {plan: column for column, plan in enumerate(self.plans)}
        self._labels_of = [(self.labels.steps_of(plan), self.labels.edges_of(plan)) for plan in self.plans]
        # Every tool has a column, used or not: its own description is an example of it.
        firsts = self.labels.step_label(np.arange(len(self.tools)))
        self.step_labels = np.unique([*firsts, *(label for steps, _ in self._labels_of for label in steps)]).astype(int)
        self._edge_labels = np.unique([label for _, edges in self._labels_of for label in edges]).astype(int)
        self.counts = self.count(plans)
        ends = np.cumsum([len(self.plans), len(self.step_labels), len(self._edge_labels), _LENGTHS])
        self._ends = [int(end) for end in ends]

    @classmethod
    def of(cls, catalog: Iterable[str], examples: Sequence[PlanExample]) -> tuple["PlanSpace", list[NumberedPlan]]:
        """The space over the tools of the catalog and of the examples, and the examples' plans in it."""
        tools = list(dict.fromkeys([*catalog, *(step for example in examples for step in example.steps)]))
        number = {tool: index for index, tool in enumerate(tools)}
        plans: list[NumberedPlan] = [(tuple(number[s] for s in e.steps), tuple(e.edges)) for e in examples]
        return cls(tools, plans), plans

    @property
    def columns(self) -> int:
        """Number of targets of a regression over this space."""
        return self._ends[-1]

    @property
    def step_and_edge_columns(self) -> slice:
        """The targets that are parts of plans."""
        return slice(self._ends[0], self._ends[2])

    def count(self, plans: Sequence[NumberedPlan]) -> LabelCounts:
        """Count plans of the history and their labels."""
        known = [self._column[plan] for plan in plans]
        steps = [label for column in known for label in self._labels_of[column][0]]
        edges = [label for column in known for label in self._labels_of[column][1]]
        return LabelCounts(
            _counted(np.array(known, dtype=int), len(self.plans)),
            _counted(self.step_columns(steps), len(self.step_labels)),
            _counted(self.edge_columns(edges), len(self._edge_labels)),
        )

    def with_works(self, works: Iterable[int]) -> Columns:
        """Columns of the plans that hold the work of all these steps (`work_ids`)."""
        found = [self._plans_with.get(work, frozenset[int]()) for work in works]
        return np.array(sorted(frozenset.intersection(*found)) if found else range(len(self.plans)), dtype=int)

    @cached_property
    def _plans_with(self) -> dict[int, frozenset[int]]:
        found: dict[int, set[int]] = {}
        for column, plan in enumerate(self.plans):
            for work in distinct_work_ids(plan):
                found.setdefault(work, set()).add(column)
        return {work: frozenset(columns) for work, columns in found.items()}

    def times_used(self, tools: Columns) -> Floats:
        """In how many past plans each tool is."""
        return self.counts.steps[self.step_columns(self.labels.step_label(tools))]

    def plan_columns(self, plans: Sequence[NumberedPlan]) -> Columns:
        """Columns of the plans; -1 for one outside the history."""
        return np.array([self._column.get(plan, -1) for plan in plans], dtype=int)

    def step_columns(self, labels: Sequence[int] | Columns) -> Columns:
        """Columns of step labels; -1 for one outside the history."""
        return positions_in(self.step_labels, np.asarray(labels, dtype=int))

    def edge_columns(self, labels: Sequence[int] | Columns) -> Columns:
        """Columns of edge labels; -1 for one outside the history."""
        return positions_in(self._edge_labels, np.asarray(labels, dtype=int))

    def labels_of(self, plan: NumberedPlan, column: int = -1) -> tuple[list[int], list[int]]:
        """Step labels and edge labels of a plan, in its order; ``column`` is its own where that is known."""
        return self._labels_of[column] if column >= 0 else (self.labels.steps_of(plan), self.labels.edges_of(plan))

    def targets(self, plans: Sequence[NumberedPlan]) -> NDArray[np.float64]:
        """Indicators (n, columns) of the plan, steps, edges and length of each example."""
        plan_end, step_end, edge_end, _ = self._ends
        out = np.zeros((len(plans), self.columns))
        for row, plan in enumerate(plans):
            out[row, self._column[plan]] = 1
            out[row, plan_end + self.step_columns(self.labels.steps_of(plan))] = 1
            out[row, step_end + self.edge_columns(self.labels.edges_of(plan))] = 1
            out[row, edge_end + length_column(len(plan[0]))] = 1
        return out

    def tool_targets(self) -> NDArray[np.float64]:
        """Indicators (tools, columns) for the tools' own descriptions: each is an example of its step alone."""
        out = np.zeros((len(self.tools), self.columns))
        tools = np.arange(len(self.tools))
        out[tools, self._ends[0] + self.step_columns(self.labels.step_label(tools))] = 1
        return out

    def parts(self, scores: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """A row of scores split into those of plans, step labels, edge labels and lengths."""
        plans, steps, edges, _ = self._ends
        return scores[:plans], scores[plans:steps], scores[steps:edges], scores[edges:]


def positions_in(ascending: Columns, values: Columns) -> Columns:
    """The position of each value among the ascending ones; -1 for one that is not there."""
    if not len(ascending):
        return np.full(values.shape, -1)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.where(ascending[at] == values, at, -1)


def length_column(steps: int) -> int:
    """Column of a number of steps: at most 1, 2, ..., at least 8."""
    return min(max(steps, 1), _LENGTHS) - 1


def _counted(columns: Columns, size: int) -> Floats:
    return np.bincount(columns, minlength=size + 1).astype(np.float32)
