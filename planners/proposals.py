"""Proposals: what an agent suggests to do next, a sub-workflow or a goal, once it has been checked.

The step that proposed stands for the result. A proposal is a plan of authority for the inside of that step: it is
unrolled, scheduled and matched like declared nodes, and its steps may propose in turn.
"""

from typing import Any

from pydantic import Field, JsonValue, model_validator

from planners.bindings import Binding, StepRef, Value
from planners.model import StepId, Versioned
from planners.nodes import Branch, Goal, Node, Nodes
from planners.scopes import NodeScope
from planners.stored_nodes import unwrapped_nodes

# `$inputs.output` is the output of the step itself, unless the step has an input of that name.
OUTPUT = "output"


class Proposal(Versioned):
    """A checked proposal. The workflows of the catalog that it uses are part of it.

    Its steps read ``$inputs.NAME``: what ``inputs`` gives, the inputs of the step that proposes, and its output.
    """

    steps: Nodes = Field(description="The nodes")
    output: StepId | None = Field(default=None, description="The node whose output is the result. Default: the last")
    inputs: dict[str, JsonValue] = Field(default_factory=dict, description="Values by name")

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or "v" not in raw:
            return raw
        return raw | {"steps": unwrapped_nodes(raw.get("steps", ()))}

    @property
    def branch(self) -> Branch:
        """Its nodes and their output."""
        return Branch.model_construct(steps=self.steps, output=self.output)

    @property
    def nodes(self) -> list[Node]:
        """Every node at every depth."""
        found, pending = list[Node](), list(self.steps)
        while pending:
            node = pending.pop()
            found.append(node)
            pending += [child for _, branch in node.branches for child in branch.steps]
        return found

    @property
    def has_goals(self) -> bool:
        """Whether a planner has to decompose some of it."""
        return any(isinstance(node, Goal) for node in self.nodes)

    def scope(self, step: StepId, inputs: dict[str, Binding]) -> NodeScope:
        """What its nodes see, as the proposal of a flat step with these inputs; all of them wait for that step."""
        own: dict[str, Binding] = {name: Value(value=value) for name, value in self.inputs.items()}
        return NodeScope(inputs={OUTPUT: StepRef(step=step), **inputs, **own}, after=(step,))
