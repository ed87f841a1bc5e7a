"""Flat steps: what declared nodes become in the scope that they are unrolled in."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from planners.bindings import StepRef, Value, step_refs
from planners.model import StepId, lean
from planners.scopes import Meaning, NodeScope, NotRun
from planners.workflow import Node, Step, Workflow


class FlatPlace(NamedTuple):
    """Where a level is unrolled: inside the proposal of which step, and in which copies of the blocks around."""

    prefix: str = ""
    suffix: str = ""

    def id(self, node: StepId) -> StepId:
        """The flat id of a node of the level."""
        return StepId(f"{self.prefix}{node}{self.suffix}")

    def copy(self, number: int) -> "FlatPlace":
        """The place of an element or a turn of a node of the level."""
        return FlatPlace(self.prefix, f"{self.suffix}[{number}]")


def or_default(output: Meaning, node: Node) -> Meaning:
    """What a node stands for: its default if it is skipped and has one."""
    return Value(value=node.default.value) if isinstance(output, NotRun) and node.default is not None else output


def inside_of(node: Node, outer: NodeScope, **bound: Any) -> NodeScope:
    """The scope of nodes inside another one, all of which wait for what that one is ``after``."""
    return NodeScope(outer, after=flat_ids(node.after, outer), **bound)


def flat_ids(names: Iterable[StepId], scope: NodeScope) -> list[StepId]:
    """The flat steps that some nodes stand for."""
    return [ref.step for name in names for ref in step_refs(scope.bound(name))]


def flat_step(step: Step, flat_id: StepId, scope: NodeScope) -> Step:
    """A step with the bindings and the order that it has in the flat workflow."""
    after = tuple(dict.fromkeys((*flat_ids(step.after, scope), *scope.after)))
    inputs = {name: scope.substituted(binding, f"inputs.{name}", step.id) for name, binding in step.inputs.items()}
    changes = {"id": flat_id, "inputs": inputs, "after": after, "join": None}
    if step.compensate is None and all(getattr(step, name) == value for name, value in changes.items()):
        return step  # it is frozen, and knows its parents already
    flat = lean(step.model_copy(update=changes))
    if step.compensate is None:
        return flat
    own = NodeScope(scope)
    own[step.id] = StepRef(step=flat_id)
    compensate = step.compensate.rebound(lambda field, of: own.substituted(of, f"compensate.{field}", step.id))
    return flat.model_copy(update={"compensate": compensate})


def sinks(workflow: Workflow) -> list[Node]:
    """The nodes of the top level that no other one reads."""
    read = {ref for node in workflow.steps for ref in node.refs}
    return [node for node in workflow.steps if node.id not in read]
