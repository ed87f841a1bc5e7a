"""Named literals: large literals of a declared workflow, referred to by name instead of copied per element.

Unrolling a ``for_each`` copies the bindings of its steps for every element, and a plan is stored with each of its
bindings. So a large literal that would be copied becomes an `InputRef` to a name that only Forerun uses, such as
``literal:STEP.INPUT``. The task keeps its literal where it was declared, and equal values have equal work keys, so
neither documents nor the identity of work change.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from planners.bindings import Binding, InputRef, Leaf, Value, map_binding
from planners.model import canonical_json
from planners.workflow import Goal, Node, Workflow

# Shorter literals are copied: a reference takes about as much room.
_LARGE = 200


class NamedLiterals(NamedTuple):
    """The workflow with references in place of large literals, and what every `InputRef` in it refers to."""

    workflow: Workflow
    values: Mapping[str, JsonValue]


def name_literals(workflow: Workflow, inputs: Mapping[str, JsonValue]) -> NamedLiterals:
    """Name the literals that unrolling or decomposing would copy: in blocks, lists of blocks, and inputs of goals."""
    naming = _Naming(inputs)
    steps = tuple(naming.node(node, inside=False) for node in workflow.steps)
    if not naming.found:
        return NamedLiterals(workflow, inputs)
    return NamedLiterals(workflow.model_copy(update={"steps": steps}), {**inputs, **naming.found})


class _Naming:
    def __init__(self, inputs: Mapping[str, JsonValue]) -> None:
        self._inputs = inputs
        self.found: dict[str, JsonValue] = {}

    def node(self, node: Node, *, inside: bool) -> Node:
        """The node with references in place of large literals; ``inside``: it is inside a block."""
        if node.branches:
            branches = [
                branch.model_copy(update={"steps": tuple(self.node(child, inside=True) for child in branch.steps)})
                for _, branch in node.branches
            ]
            node = node.with_branches(branches)
        elif not inside and not isinstance(node, Goal):
            return node

        def named(field: str, binding: Binding) -> Binding:
            part = "" if field == "for_each" else "." + field.removeprefix("inputs.")
            return self._named(binding, f"literal:{node.id}{part}")

        return node.rebound(named)

    def _named(self, binding: Binding, name: str) -> Binding:
        counted = 0

        def of_leaf(leaf: Leaf) -> Binding:
            nonlocal counted
            counted += 1
            free = name if leaf is binding else f"{name}.{counted}"
            # A user's own input of this name keeps its meaning; then the literal is copied.
            if not isinstance(leaf, Value) or free in self._inputs or not _is_large(leaf.value):
                return leaf
            self.found[free] = leaf.value
            return InputRef(input=free)

        return map_binding(binding, of_leaf)


def _is_large(value: JsonValue) -> bool:
    if isinstance(value, str):
        return len(value) > _LARGE
    return isinstance(value, list | dict) and len(canonical_json(value)) > _LARGE
