"""Joins: what only a node that joins others needs, so that it may be stopped when the join goes on without it.

A node that several nodes join, and that no other one reads, is shared by their joins: each of them counts its failure,
and it is stopped when all of them go on without it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from planners.built_in_names import JOIN, SHARED
from planners.context_keys import ALL_KEYS
from planners.model import StepId
from planners.workflow import Node, Use


def join_id(node: StepId) -> StepId:
    """The id of the fan-out that is formed by the nodes that this one joins."""
    return StepId(f"{JOIN}{node}")


def shared_id(node: StepId) -> StepId:
    """The id of the fan-out that is formed by a node that several nodes join."""
    return StepId(f"{SHARED}{node}")


class JoinedElement(NamedTuple):
    """A node that is joined. ``own``: it and the nodes that only it needs; None if others read it as well."""

    node: Node
    own: "tuple[Visit, ...] | None"


class Joined(NamedTuple):
    """A node that joins others, behind the nodes that only these need."""

    node: Node
    elements: tuple[JoinedElement, ...]


class Shared(NamedTuple):
    """A node that several nodes join and no other reads. ``own``: the nodes that only it needs, and itself."""

    node: Node
    own: "tuple[Visit, ...]"


# What is unrolled at once: a node, or all that belongs to a join.
Visit = Node | Joined | Shared


def visited(visit: Visit) -> Node:
    """The node itself."""
    return visit.node if isinstance(visit, Joined | Shared) else visit


def needed_by(visit: Visit) -> list[Visit]:
    """What belongs to a visit besides the node itself."""
    if isinstance(visit, Joined):
        return [inner for element in visit.elements for inner in element.own or ()]
    return [*visit.own[:-1], *needed_by(visit.own[-1])] if isinstance(visit, Shared) else []


def grouped(ordered: Sequence[Node], read_outside: Iterable[StepId] = ()) -> list[Visit]:
    """The nodes of one level, those that belong to a join right before the node that joins.

    Args:
        ordered: all nodes of the level in topological order.
        read_outside: those that the nodes around read.
    """
    if all(node.join is None for node in ordered):
        return list(ordered)
    owners, by_id = owners_of(ordered, read_outside), {node.id: node for node in ordered}
    shared = owners.shared
    lists: dict[StepId | None, list[Visit]] = {}
    for node in ordered:
        visit: Visit = node
        if node.join is not None:
            alone = (one if owners[one] == one and one not in shared else None for one in node.join.steps)
            own = (None if one is None else tuple(lists[one]) for one in alone)
            visit = Joined(node, tuple(map(JoinedElement, map(by_id.__getitem__, node.join.steps), own)))
        lists.setdefault(owners[node.id], []).append(visit)
        if node.id in shared:
            lists.setdefault(shared[node.id], []).append(Shared(node, tuple(lists[node.id])))
    return lists[None]


def apart(ordered: Sequence[Node]) -> list[Visit]:
    """The nodes of a level of which the node around reads each."""
    by_id = {node.id: node for node in ordered}
    return [
        node if node.join is None else Joined(node, tuple(JoinedElement(by_id[one], None) for one in node.join.steps))
        for node in ordered
    ]


class Owners(dict[StepId, StepId | None]):
    """Of each node of a level, the joined node that alone needs it, which may be itself; None if others need it.

    Attributes:
        shared: the joined nodes that are their own owners and that several nodes join -> the owner of all of these.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[StepId, StepId | None] = {}


def owners_of(ordered: Sequence[Node], read_outside: Iterable[StepId] = ()) -> Owners:
    """The owners of the nodes of one level.

    A joined node that only joins read is an owner. What is owned by one is found with the tree of immediate
    post-dominators: the parent of a node is the first node that everything passes which reads it.
    """
    owners = Owners()
    if all(node.join is None for node in ordered):
        owners.update(dict.fromkeys(node.id for node in ordered))
        return owners
    readers, joined_by = _readers(ordered), {node.id: frozenset(node.joined) for node in ordered}
    for name in read_outside:
        readers.get(name, []).append(None)
    parent: dict[StepId, StepId | None] = {}
    depth: dict[StepId | None, int] = {None: 0}
    written: set[str] = set()  # to the context, by the nodes that follow
    for node in reversed(ordered):
        # What a node writes, whatever follows may read; and it reads what is written before its own place.
        moves = not node.context_writes and not (written and keys_read(node) & {*written, ALL_KEYS})
        read_by = readers[node.id]
        found = _common(read_by, parent, depth) if moves else None
        parent[node.id], depth[node.id] = found, depth[found] + 1
        around = None if found is None else owners[found]
        own = moves and bool(read_by) and all(one is not None and node.id in joined_by[one] for one in read_by)
        if own and len(read_by) > 1:
            owners.shared[node.id] = around
        owners[node.id] = node.id if own else around
        written.update(node.context_writes)
    return owners


def nesting(ordered: Sequence[Node]) -> int:
    """How many joins of a level are inside one another."""
    owners, inside = owners_of(ordered), dict[StepId, int]()
    for node in reversed(ordered):
        if node.join is None:
            continue
        depth, owner = inside.get(node.id, 1), owners[node.id]
        if owner is not None:
            depth = 1 + inside[owner]
        inside[node.id] = depth
        alone = (one for one in node.join.steps if owners[one] == one)
        inside.update({one: max(depth, inside.get(one, 0)) for one in alone})
    return max(inside.values(), default=0)


def keys_read(node: Node) -> set[str]:
    """The keys of the context that a node, or a node inside, reads."""
    found = {*node.context_reads, *node.context_read_inside}
    if not isinstance(node, Use):
        for _, branch in node.branches:
            found.update(key for child in branch.steps for key in keys_read(child))
    return found


def _readers(ordered: Sequence[Node]) -> dict[StepId, list[StepId | None]]:
    readers: dict[StepId, list[StepId | None]] = {node.id: [] for node in ordered}
    for node in ordered:
        for ref in node.refs:
            if ref in readers:
                readers[ref].append(node.id)
    return readers


def _common(
    readers: Sequence[StepId | None], parent: dict[StepId, StepId | None], depth: dict[StepId | None, int]
) -> StepId | None:
    """The first node that everything passes which comes from these; None: the end of the level."""
    common: StepId | None = readers[0] if readers else None
    for reader in readers[1:]:
        other = reader
        while common != other:
            if depth[common] < depth[other]:
                common, other = other, common
            assert common is not None, "the end of the level is above all nodes"
            common = parent[common]
    return common
