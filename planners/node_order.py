"""The order in which the nodes of one level are unrolled: parents first."""

from collections.abc import Iterable, Mapping

from planners.model import StepId
from planners.workflow import Node


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Nodes of one level in topological order; in declaration order wherever dependencies allow it."""
    by_id = {node.id: node for node in nodes}
    if is_ordered({node.id: node.refs for node in by_id.values()}):
        return list(by_id.values())
    ordered: dict[StepId, Node] = {}
    stack = [(node, False) for node in reversed(by_id.values())]
    while stack:
        node, parents_done = stack.pop()
        if node.id in ordered:
            continue
        if parents_done:
            ordered[node.id] = node
            continue
        stack.append((node, True))
        missing = [by_id[ref] for ref in node.refs if ref in by_id and ref not in ordered]
        stack.extend((parent, False) for parent in reversed(missing))
    return list(ordered.values())


def is_ordered(parents: Mapping[StepId, Iterable[StepId]]) -> bool:
    """Whether no key comes before one of its parents. Parents that are no key are ignored."""
    listed: set[StepId] = set()
    for step, refs in parents.items():
        for ref in refs:
            if ref not in listed and ref in parents:
                return False
        listed.add(step)
    return True
