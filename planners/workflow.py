"""Workflows: the DAG of steps that serves a task, as declared and as it runs.

A declared workflow may contain blocks, such as ``for_each``; `planners.expansion` unrolls them into a flat workflow.
The kinds of nodes are in `planners.nodes`.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from pydantic import Field, model_validator

from planners.bindings import Binding
from planners.built_in_names import JOIN
from planners.facts import ResumedLoop
from planners.model import Model, StepId, Versioned, WorkKey, canonical_json, digest
from planners.node_fields import Default, Id
from planners.nodes import (
    FAIL_FAST,
    Branch,
    Case,
    FanOutNode,
    ForEach,
    Goal,
    Loop,
    Node,
    Nodes,
    Parallel,
    Route,
    Try,
    Use,
)
from planners.occurrences import Ranges
from planners.policies import CompletionPolicy, Join, OnFailure, StepRetry
from planners.steps import Approval, Callback, NodeBase, Step, Wait
from planners.stored_nodes import unwrapped_bindings, unwrapped_nodes

__all__ = [
    "FAIL_FAST",
    "Approval",
    "Branch",
    "Callback",
    "Case",
    "CompletionPolicy",
    "Default",
    "FanOut",
    "FanOutNode",
    "FlatWorkflow",
    "ForEach",
    "Goal",
    "Id",
    "Join",
    "Loop",
    "LoopTurn",
    "Node",
    "NodeBase",
    "Nodes",
    "OnFailure",
    "Parallel",
    "Pending",
    "Route",
    "Skipped",
    "Step",
    "StepRetry",
    "Try",
    "Use",
    "Wait",
    "Workflow",
    "unwrapped_bindings",
    "unwrapped_nodes",
]


class Workflow(Model):
    """Declared nodes and, by name, the outputs of the task (default: the output of every step that no other reads)."""

    steps: Nodes = Field(description="The nodes: steps, and blocks of steps")
    outputs: dict[str, Binding] = Field(
        default_factory=dict,
        description="The outputs of the task by name. Default: the output of every step that no other step reads",
    )

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
            for _, branch in reversed(node.branches):
                pending.extend(reversed(branch.steps))


class Pending(Model):
    """A node that cannot be unrolled yet."""

    id: StepId = Field(description="The id of the node")
    waits_for: StepId | None = Field(
        default=None, description="The step whose output it needs; null: it waits for a node"
    )
    and_for: tuple[StepId, ...] = Field(
        default=(),
        exclude_if=lambda steps: not steps,
        description="Further steps whose outputs it needs, where its condition reads several",
    )

    @property
    def awaited(self) -> tuple[StepId, ...]:
        """The steps whose outputs it needs."""
        return () if self.waits_for is None else (self.waits_for, *self.and_for)


class FanOut(Model):
    """A node whose elements may fail, be cancelled, or must not all run at once, and the flat steps of each element."""

    id: StepId = Field(description="The flat id of the node")
    elements: tuple[tuple[StepId, ...], ...] = Field(description="The flat steps of each element")
    unresolved: tuple[int, ...] = Field(default=(), description="Elements with nodes inside that are not unrolled yet")
    without_output: tuple[int, ...] = Field(default=(), description="Elements whose output is skipped")
    policy: CompletionPolicy = Field(description="When it is complete")
    on_failure: OnFailure = Field(default=OnFailure.FAIL, description="What its failure means")
    within: tuple[StepId, int] | None = Field(
        default=None, description="The fan-out around it, and in which of its elements it is"
    )
    begun: tuple[int, ...] = Field(
        default=(),
        exclude_if=lambda elements: not elements,
        description="Elements with finished turns of loops, whose steps are not listed any more",
    )
    results: tuple[Binding | None, ...] = Field(
        default=(),
        exclude_if=lambda results: not results,
        description="Where a condition on them decides: what the output of each element stands for; null: unknown",
    )
    reads: dict[str, Binding | None] = Field(
        default_factory=dict,
        exclude_if=lambda reads: not reads,
        description="Where a condition on the results reads inputs: what these stand for; null: not known yet",
    )
    joins: tuple[StepId, ...] = Field(
        default=(),
        exclude_if=lambda joins: not joins,
        description="If a node joins others: the flat ids of these, in the order of the elements",
    )
    watched: tuple[int, ...] = Field(
        default=(),
        exclude_if=lambda elements: not elements,
        description="Elements that other nodes read as well, so that they are not cancelled with it",
    )

    @property
    def told(self) -> str:
        """What it is called in messages."""
        return f"the join of '{self.id.removeprefix(JOIN)}'" if self.joins else f"'{self.id}'"


class LoopTurn(Model):
    """A turn of a loop after which another one follows, so that it need not be unrolled again once it has finished."""

    loop: StepId = Field(description="The flat id of the loop")
    turn: int = Field(description="Its number")
    steps: tuple[StepId, ...] = Field(description="Its flat steps")
    inner: tuple[StepId, ...] = Field(
        default=(),
        exclude_if=lambda inner: not inner,
        description="The flat ids of loops, fan-outs and skipped nodes in it",
    )
    next: ResumedLoop = Field(description="Where the loop goes on")


class Skipped(Model):
    """A node that is not run, and why."""

    id: StepId = Field(description="The id of the node")
    reason: str = Field(description="Why it is not run")


class FlatWorkflow(Versioned):
    """Steps in topological order, nodes that wait for values not known yet or are skipped, and the task's outputs.

    ``loops``: the turns that need not be unrolled again once they have finished. ``finished``: the work keys of steps
    whose parents are not part of it any more. ``repeats``: see `planners.facts.Facts`. ``left``: the steps of a
    complete fan-out's elements that were neither kept nor dropped: acts in them are awaited, or they have ended without
    a result.
    """

    steps: tuple[Step, ...] = ()
    pending: tuple[Pending, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    fan_outs: tuple[FanOut, ...] = ()
    outputs: dict[str, Binding] = Field(default_factory=dict)
    loops: tuple[LoopTurn, ...] = ()
    finished: dict[StepId, WorkKey] = Field(default_factory=dict)
    left: dict[StepId, tuple[StepId, ...]] = Field(default_factory=dict)
    repeats: dict[WorkKey, Ranges] = Field(default_factory=dict)

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
