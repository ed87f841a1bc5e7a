"""The DAG of steps that serves a task, as people declare it and as it is run.

A declared workflow may hold ``for_each`` blocks; `planners.expansion` unrolls them into a flat one. Each node kind is
known by its own key (``capability``, ``for_each``, ``goal``), so routes, loops, quorums and sub-workflows can join
later without changing what is written today.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from planners.bindings import Binding, step_refs
from planners.model import AgentName, Model, StepId, Versioned

Id = Annotated[StepId, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_:/-]*(\[\d+\])*$")]


class Step(Model):
    """One piece of work by capability. ``title`` is for people and no part of the work."""

    id: Id
    capability: str = Field(min_length=1)
    inputs: dict[str, Binding] = Field(default_factory=dict)
    after: tuple[StepId, ...] = ()
    agent: AgentName | None = None
    min_quality: float | None = Field(default=None, ge=0, le=1)
    title: str = ""

    @cached_property
    def data_parents(self) -> tuple[StepId, ...]:
        """The steps whose output this one reads, once each, in binding order."""
        refs = (ref.step for binding in self.inputs.values() for ref in step_refs(binding))
        return tuple(dict.fromkeys(refs))

    @cached_property
    def parents(self) -> tuple[StepId, ...]:
        """All steps that must end before this one starts: data parents, then ``after``."""
        return tuple(dict.fromkeys((*self.data_parents, *self.after)))


class ForEach(Model):
    """The same steps for every element of a list; gathers the output of ``output`` (default: the last step)."""

    id: Id
    for_each: Binding
    steps: "tuple[Node, ...]" = Field(min_length=1)
    output: StepId | None = None
    after: tuple[StepId, ...] = ()
    title: str = ""

    @property
    def output_step(self) -> StepId:
        """The inner step whose outputs are gathered."""
        return self.output or self.steps[-1].id


class Goal(Model):
    """A part of a workflow that is still a goal in plain words: the planner decomposes it in place."""

    id: Id
    goal: str = Field(min_length=1)
    inputs: dict[str, Binding] = Field(default_factory=dict)
    after: tuple[StepId, ...] = ()
    title: str = ""


def _node_kind(raw: Any) -> str | None:
    # Not hasattr: of a model without the attribute that takes longer than all else, and large workflows ask often.
    names = raw if isinstance(raw, dict) else getattr(type(raw), "model_fields", ())
    for key in ("for_each", "goal", "capability"):
        if key in names:
            return key
    return "capability"


Node = Annotated[
    Annotated[Step, Tag("capability")] | Annotated[ForEach, Tag("for_each")] | Annotated[Goal, Tag("goal")],
    Discriminator(_node_kind),
]
ForEach.model_rebuild()


class Workflow(Model):
    """Declared nodes and, by name, what the task returns (default: the output of every step that nobody reads)."""

    steps: tuple[Node, ...] = Field(min_length=1)
    outputs: dict[str, Binding] = Field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        """Every node at every depth."""
        pending = list(reversed(self.steps))
        while pending:
            node = pending.pop()
            yield node
            if isinstance(node, ForEach):
                pending.extend(reversed(node.steps))


class Pending(Model):
    """A node that cannot be unrolled yet. ``waits_for``: the step whose output it needs; None: it is behind another."""

    id: StepId
    waits_for: StepId | None = None


class FlatWorkflow(Versioned):
    """Steps in topological order, what waits for values not known yet, and what the task returns."""

    steps: tuple[Step, ...] = ()
    pending: tuple[Pending, ...] = ()
    outputs: dict[str, Binding] = Field(default_factory=dict)

    @cached_property
    def by_id(self) -> dict[StepId, Step]:
        """Step id -> step."""
        return {step.id: step for step in self.steps}

    @property
    def edges(self) -> list[tuple[StepId, StepId]]:
        """(parent, child) of every dependency."""
        return [(parent, step.id) for step in self.steps for parent in step.parents]
