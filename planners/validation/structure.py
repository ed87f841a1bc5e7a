"""Ids, dependencies, cycles: whether the declared nodes form a DAG at all."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from planners.bindings import Binding, step_refs
from planners.errors import InvalidTask
from planners.expansion import node_refs
from planners.model import StepId
from planners.validation.words import nearest
from planners.workflow import ForEach, Goal, Node, Workflow

ROOT = "workflow.steps"
_COPY = re.compile(r"(\[\d+\])+$")


class Located(NamedTuple):
    """A node, where it stands, which ids it may refer to, and the blocks around it, outermost first."""

    node: Node
    field: str
    visible: frozenset[StepId]
    blocks: tuple[StepId, ...]


def locate(
    nodes: Sequence[Node], field: str = ROOT, above: frozenset[StepId] = frozenset(), blocks: tuple[StepId, ...] = ()
) -> Iterator[Located]:
    """Every node at every depth with its surroundings."""
    visible = above | {node.id for node in nodes}
    for node in nodes:
        here = Located(node, f"{field}.{node.id}", visible, blocks)
        yield here
        if isinstance(node, ForEach):
            yield from locate(node.steps, f"{here.field}.steps", visible - {node.id}, (*blocks, node.id))


def broken_structure(workflow: Workflow) -> Iterator[InvalidTask]:
    """What is wrong with ids and dependencies; cycles only where these are right."""
    places = list(locate(workflow.steps))
    found = [*_duplicates(places), *_reserved(places), *_dangling(workflow, places), *_missing_outputs(places)]
    yield from found or _cycles(workflow.steps, ROOT)


def _duplicates(places: Sequence[Located]) -> Iterator[InvalidTask]:
    counted = Counter(place.node.id for place in places)
    for place in {place.node.id: place for place in places if counted[place.node.id] > 1}.values():
        times = counted[place.node.id]
        yield InvalidTask(
            f"the id '{place.node.id}' is used {times} times", place.field, "give each step, at every depth, its own id"
        )


def _reserved(places: Sequence[Located]) -> Iterator[InvalidTask]:
    """Ids that steps get when a for_each is unrolled (``inner[0]``) or a goal is decomposed (``goal/step``)."""
    inner = {place.node.id for place in places if place.blocks}
    goals = [place.node.id for place in places if isinstance(place.node, Goal)]
    for place in places:
        name = place.node.id
        if (one := _COPY.sub("", name)) != name and one in inner:
            yield InvalidTask(f"the id '{name}' is what copies of '{one}' are called", place.field, "choose another id")
        if goal := next((goal for goal in goals if name.startswith(f"{goal}/")), None):
            yield InvalidTask(
                f"the id '{name}' is what steps of the goal '{goal}' are called", place.field, "choose another id"
            )


def _dangling(workflow: Workflow, places: Sequence[Located]) -> Iterator[InvalidTask]:
    inside = {place.node.id: place.blocks for place in places}
    for place in places:
        for ref, field in _references(place):
            if ref not in place.visible:
                yield _dangling_reference(ref, field, place.visible, place.blocks, inside)
    top = frozenset(node.id for node in workflow.steps)
    for name, binding in workflow.outputs.items():
        for step_ref in step_refs(binding):
            if step_ref.step not in top:
                yield _dangling_reference(step_ref.step, f"workflow.outputs.{name}", top, (), inside)


def _references(place: Located) -> Iterator[tuple[StepId, str]]:
    """The ids a node itself (not what is inside it) refers to, each with the field that does."""
    for ref in place.node.after:
        yield ref, f"{place.field}.after"
    for field, binding in bindings_of(place.node):
        for step_ref in step_refs(binding):
            yield step_ref.step, f"{place.field}.{field}"


def bindings_of(node: Node) -> list[tuple[str, Binding]]:
    """(field, binding) of a node's own bindings."""
    if isinstance(node, ForEach):
        return [("for_each", node.for_each)]
    return [(f"inputs.{name}", binding) for name, binding in node.inputs.items()]


def _dangling_reference(
    ref: StepId,
    field: str,
    visible: frozenset[StepId],
    blocks: tuple[StepId, ...],
    inside: dict[StepId, tuple[StepId, ...]],
) -> InvalidTask:
    if ref in blocks:
        return InvalidTask(
            f"a step inside '{ref}' cannot wait for the whole of it", field, "refer to $item or a sibling"
        )
    block = next((block for block in inside.get(ref, ()) if block in visible), None)
    if block is not None:
        return InvalidTask(
            f"'{ref}' is inside the for_each '{block}', which has one for each element",
            field,
            f"refer to '{block}', the list of what its steps give",
        )
    return InvalidTask(f"no step '{ref}' makes this", field, nearest(ref, visible))


def _missing_outputs(places: Sequence[Located]) -> Iterator[InvalidTask]:
    for place in places:
        if not isinstance(place.node, ForEach):
            continue
        inner = {child.id for child in place.node.steps}
        if place.node.output_step not in inner:
            output = place.node.output_step
            yield InvalidTask(f"no step '{output}' directly inside", f"{place.field}.output", nearest(output, inner))


def _cycles(nodes: Sequence[Node], field: str) -> Iterator[InvalidTask]:
    declared = [node.id for node in nodes]
    known = set(declared)
    parents = {node.id: [ref for ref in node_refs(node) if ref in known] for node in nodes}
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        cycle = _from_first_declared(error.args[1][:-1], declared)
        yield InvalidTask(
            f"the steps wait for each other: {' -> '.join([*cycle, cycle[0]])}",
            f"{field}.{cycle[0]}",
            "remove one of these dependencies",
        )
        return
    for node in nodes:
        if isinstance(node, ForEach):
            yield from _cycles(node.steps, f"{field}.{node.id}.steps")


def _from_first_declared(cycle: list[StepId], declared: list[StepId]) -> list[StepId]:
    first = cycle.index(min(cycle, key=declared.index))
    return cycle[first:] + cycle[:first]
