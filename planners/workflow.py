"""Workflows: the DAG of steps that serves a task, as declared and as it runs.

A declared workflow may contain ``for_each`` blocks; `planners.expansion` unrolls them into a flat workflow. Each kind
of node has its own key (``capability``, ``for_each``, ``goal``), so new kinds can be added without changing documents.
"""

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Annotated, Any

from pydantic import (
    Discriminator,
    FailFast,
    Field,
    Tag,
    TypeAdapter,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from planners.bindings import Binding, step_refs, unwrapped
from planners.model import AgentName, Model, StepId, Versioned, canonical_json, digest

Id = Annotated[StepId, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_:/-]*(\[\d+\])*$")]


class Step(Model):
    """One piece of work, named by its capability. ``title`` is for people and not part of the work."""

    id: Id
    capability: str = Field(min_length=1)
    inputs: dict[str, Binding] = Field(default_factory=dict)
    after: tuple[StepId, ...] = ()
    agent: AgentName | None = None
    min_quality: float | None = Field(default=None, ge=0, le=1)
    title: str = ""

    @cached_property
    def data_parents(self) -> tuple[StepId, ...]:
        """The steps whose output this step reads, once each, in binding order."""
        refs = (ref.step for binding in self.inputs.values() for ref in step_refs(binding))
        return tuple(dict.fromkeys(refs))

    @cached_property
    def parents(self) -> tuple[StepId, ...]:
        """All steps that must end before this step starts: data parents, then ``after``."""
        return tuple(dict.fromkeys((*self.data_parents, *self.after)))

    @property
    def refs(self) -> tuple[StepId, ...]:
        """The ids that this node refers to."""
        return self.parents


class ForEach(Model):
    """The same steps for every element of a list. The outputs of ``output`` (default: the last step) are gathered."""

    id: Id
    for_each: Binding
    steps: "Nodes"
    output: StepId | None = None
    after: tuple[StepId, ...] = ()
    title: str = ""

    @property
    def output_step(self) -> StepId:
        """The inner step whose outputs are gathered."""
        return self.output or self.steps[-1].id

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The ids outside itself that this node, or a node inside, refers to, once each."""
        inner = {child.id for child in self.steps}
        own = (*(ref.step for ref in step_refs(self.for_each)), *self.after)
        return tuple(dict.fromkeys((*own, *(ref for child in self.steps for ref in child.refs if ref not in inner))))


class Goal(Model):
    """A part of a workflow given as a goal in plain words. The planner decomposes it in place."""

    id: Id
    goal: str = Field(min_length=1)
    inputs: dict[str, Binding] = Field(default_factory=dict)
    after: tuple[StepId, ...] = ()
    title: str = ""

    @cached_property
    def refs(self) -> tuple[StepId, ...]:
        """The ids that this node refers to, once each."""
        refs = (ref.step for binding in self.inputs.values() for ref in step_refs(binding))
        return tuple(dict.fromkeys((*refs, *self.after)))


def _node_kind(raw: Any) -> str | None:
    # hasattr is slow on pydantic models that lack the attribute, and this runs for every node.
    names = raw if isinstance(raw, dict) else getattr(type(raw), "model_fields", ())
    for key in ("for_each", "goal", "capability"):
        if key in names:
            return key
    return "capability"


Node = Annotated[
    Annotated[Step, Tag("capability")] | Annotated[ForEach, Tag("for_each")] | Annotated[Goal, Tag("goal")],
    Discriminator(_node_kind),
]
FAIL_FAST = "fail_fast"


def _listed(raw: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Stop at the first wrong node if the context asks for it: pydantic's errors take far more room than the nodes."""
    if info.context is None or not info.context.get(FAIL_FAST):
        return handler(raw)
    return _fail_fast_nodes().validate_python(raw, context=info.context)


Nodes = Annotated[tuple[Node, ...], Field(min_length=1), WrapValidator(_listed)]
ForEach.model_rebuild()


@cache
def _fail_fast_nodes() -> TypeAdapter[tuple[Node, ...]]:
    return TypeAdapter(Annotated[tuple[Node, ...], FailFast(), Field(min_length=1)])


class Workflow(Model):
    """Declared nodes and, by name, the outputs of the task (default: the output of every step that no other reads)."""

    steps: Nodes
    outputs: dict[str, Binding] = Field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """A digest of the declared nodes and outputs: equal workflows have equal digests."""
        return digest(canonical_json(self.model_dump(mode="json")))

    def walk(self) -> Iterator[Node]:
        """Every node at every depth."""
        pending = list(reversed(self.steps))
        while pending:
            node = pending.pop()
            yield node
            if isinstance(node, ForEach):
                pending.extend(reversed(node.steps))


class Pending(Model):
    """A node that cannot be unrolled yet. ``waits_for``: the step whose output it needs; None: it waits for a node."""

    id: StepId
    waits_for: StepId | None = None


def unwrapped_bindings(raw: Any) -> Any:
    """Bindings by name in a document that Forerun wrote; see `planners.bindings.unwrapped`."""
    return {name: unwrapped(binding) for name, binding in raw.items()} if isinstance(raw, dict) else raw


def unwrapped_nodes(raw: Any) -> Any:
    """Nodes in a document that Forerun wrote; see `planners.bindings.unwrapped`."""
    return [_unwrapped_node(node) for node in raw] if isinstance(raw, list | tuple) else raw


def _unwrapped_node(raw: Any) -> Any:
    if not isinstance(raw, dict):
        return raw
    read = {"inputs": unwrapped_bindings, "steps": unwrapped_nodes, "for_each": unwrapped}
    return {name: read[name](value) if name in read else value for name, value in raw.items()}


class FlatWorkflow(Versioned):
    """Steps in topological order, nodes that wait for values not known yet, and the outputs of the task."""

    steps: tuple[Step, ...] = ()
    pending: tuple[Pending, ...] = ()
    outputs: dict[str, Binding] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw:
            return raw
        return raw | {
            "steps": unwrapped_nodes(raw.get("steps", ())),
            "outputs": unwrapped_bindings(raw.get("outputs", {})),
        }

    @cached_property
    def by_id(self) -> dict[StepId, Step]:
        """Step id -> step."""
        return {step.id: step for step in self.steps}

    @property
    def edges(self) -> list[tuple[StepId, StepId]]:
        """(parent, child) of every dependency."""
        return [(parent, step.id) for step in self.steps for parent in step.parents]
