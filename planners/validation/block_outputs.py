"""Outputs of ``for_each`` blocks that do not say which of their last steps they list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from planners.bindings import StepRef, step_refs
from planners.errors import InvalidTask
from planners.model import StepId
from planners.validation.suggestions import shown
from planners.workflow import ForEach, Node, Workflow

_MOST_SHOWN = 5


class Place(Protocol):
    """A node and its dotted path."""

    @property
    def node(self) -> Node:
        """The node."""
        ...

    @property
    def field(self) -> str:
        """Its dotted path."""
        ...


def ambiguous_outputs(workflow: Workflow, places: Sequence[Place]) -> Iterator[InvalidTask]:
    """Whatever reads the default output of a ``for_each`` with several last steps: it is the list of only one of them.

    A block of which nothing but lists of single steps is read needs no ``output``.
    """
    blocks = {place.node.id: place for place in places if _last_steps(place.node)}
    if not blocks:
        return
    read = {ref for place in places for ref in _bare_references(place.node, blocks)}
    if workflow.outputs:
        read |= {ref.step for binding in workflow.outputs.values() for ref in step_refs(binding) if _bare(ref, blocks)}
    else:
        refs = {ref for node in workflow.steps for ref in node.refs}
        read |= {node.id for node in workflow.steps if node.id not in refs}
    for block in blocks.keys() & read:
        yield _ambiguous(blocks[block])


def _bare_references(node: Node, blocks: Mapping[StepId, Place]) -> Iterator[StepId]:
    """The blocks whose own output a node reads, or gives as that of a branch."""
    for _, binding in node.bindings:
        yield from (ref.step for ref in step_refs(binding) if _bare(ref, blocks))
    yield from (step for step in node.own_refs if step in blocks and node.conditions)
    yield from (branch.output_step for _, branch in node.branches if branch.output_step in blocks)


def _bare(ref: StepRef, blocks: Mapping[StepId, Place]) -> bool:
    if ref.step not in blocks:
        return False
    block = blocks[ref.step].node
    return not (ref.path and isinstance(block, ForEach) and ref.path[0] in {child.id for child in block.steps})


def _last_steps(node: Node) -> list[StepId]:
    """The steps inside a block that no other one there reads, if there are several and none is named as the output."""
    if not isinstance(node, ForEach) or node.output is not None:
        return []
    read = {ref for child in node.steps for ref in child.refs}
    last = [child.id for child in node.steps if child.id not in read]
    return last if len(last) > 1 else []


def _ambiguous(place: Place) -> InvalidTask:
    last = [shown(step) for step in _last_steps(place.node)]
    names = ", ".join(last[:_MOST_SHOWN]) + (", ..." if len(last) > _MOST_SHOWN else "")
    block = shown(place.node.id)
    message = f"the for_each '{block}' ends with several steps ({names}), and does not say whose outputs it lists"
    lists = " and ".join(f"$steps.{block}.{step}" for step in last[:2])
    return InvalidTask(
        message, f"{place.field}.output", f"set output: {last[-1]}, or read {lists} instead of its output"
    )
