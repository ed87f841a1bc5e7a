"""Joins that name what they cannot join, and policies of fan-outs and joins that cannot be fulfilled."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from planners.built_in_names import JOIN, SHARED
from planners.errors import InvalidTask
from planners.joins import nesting
from planners.model import StepId
from planners.node_order import in_order
from planners.validation.suggestions import shown
from planners.workflow import CompletionPolicy, Goal, Node, Parallel, Workflow

# As deep as nodes with steps inside nest.
_MOST_NESTED = 31


class PlacedNode(Protocol):
    """A node, its dotted path, and the ids of the nodes beside it."""

    @property
    def node(self) -> Node:
        """The node."""
        ...

    @property
    def field(self) -> str:
        """Its dotted path."""
        ...

    @property
    def beside(self) -> frozenset[StepId]:
        """The ids of the nodes of its level, its own among them."""
        ...


def broken_joins(places: Iterable[PlacedNode], by_id: Mapping[StepId, PlacedNode]) -> Iterator[InvalidTask]:
    """What is wrong with the joins of a workflow whose references are right."""
    for place in places:
        node = place.node
        if node.join is None:
            continue
        reserved = {f"{JOIN}{node.id}": "the join of ", **{f"{SHARED}{ref}": "what joins " for ref in node.join.steps}}
        for name, what in reserved.items():
            if name in by_id:
                message = f"the id '{name}' is reserved for {what}'{name.partition(':')[2]}'"
                yield InvalidTask(message, by_id[StepId(name)].field, "choose another id")
        for ref in node.join.steps:
            field = f"{place.field}.join.steps"
            if ref not in place.beside:
                message = f"'{shown(ref)}' is not beside '{node.id}', but around it"
                yield InvalidTask(message, field, f"join nodes of the same list, and add after: [{shown(ref)}]")
            elif isinstance(by_id[ref].node, Goal):
                message = f"'{shown(ref)}' is a goal, which becomes several steps"
                yield InvalidTask(message, field, "put it into a route with one case, and join that")
        total = len(node.join.steps)
        least = node.join.least_successful(total)
        if least is not None and least > total:
            message = f"it needs {least} successful elements, and there are {total}"
            yield InvalidTask(message, f"{place.field}.join.min_successful", f"ask for {total} at most")


def never_late(places: Iterable[PlacedNode]) -> Iterator[InvalidTask]:
    """Fan-outs that are to give up stragglers, and have too few elements for that."""
    for place in places:
        node = place.node
        if node.join is not None:
            yield from _too_few(node.join, len(node.join.steps), f"{place.field}.join")
        if isinstance(node, Parallel):
            yield from _too_few(node, len(node.parallel), place.field)


def _too_few(policy: CompletionPolicy, total: int, field: str) -> Iterator[InvalidTask]:
    if policy.stragglers is not None and (least := policy.stragglers.least(total)) >= total:
        message = f"no element is late before {least} others have succeeded, and there are {total}"
        yield InvalidTask(message, f"{field}.stragglers", "leave it out, or lower `once`")


def nested_joins(workflow: Workflow) -> Iterator[InvalidTask]:
    """Joins inside one another, of nodes that form no cycle."""
    levels = [(workflow.steps, "workflow.steps")]
    while levels:
        nodes, field = levels.pop()
        if any(node.join is not None for node in nodes) and (depth := nesting(in_order(nodes))) > _MOST_NESTED:
            message = f"{depth} joins wait for each other in a row"
            fix = f"at most {_MOST_NESTED} of them may; let the others be `after` what they wait for"
            yield InvalidTask(message, field, fix)
        for node in nodes:
            levels += ((branch.steps, f"{field}.{node.id}.{name}") for name, branch in node.branches)
