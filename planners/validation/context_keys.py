"""The context: whether each key that is read was written before, and whether its versions come one after the other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from planners.bindings import Binding
from planners.context_keys import ALL_KEYS, MOST_KEYS, read_by
from planners.errors import InvalidTask
from planners.joins import keys_read
from planners.model import StepId
from planners.node_order import in_order
from planners.validation.suggestions import nearest, shown
from planners.workflow import Loop, Node, Parallel, Step, Use, Workflow

_ROOT = "workflow.steps"


def broken_context(workflow: Workflow) -> Iterator[InvalidTask]:
    """What is wrong with how a workflow of sound structure uses the context. Linear in nodes, edges and keys."""
    keys = {key for node in workflow.walk() for key in node.context_writes}
    if len(keys) > MOST_KEYS:
        message = f"it writes {len(keys)} keys to the context, and at most {MOST_KEYS} are allowed"
        yield InvalidTask(message, "workflow", "write objects with several fields")
        return
    if keys or any(map(_reads, workflow.walk())):
        yield from _level(workflow.steps, _ROOT, frozenset())
    written = frozenset(key for node in workflow.steps for key in node.context_writes)
    for name, binding in workflow.outputs.items():
        yield from _unwritten([(name, binding)], (), "workflow.outputs", written)


def _reads(node: Node) -> bool:
    """Whether the node itself, or what undoes it, reads the context."""
    undo = node.compensate if isinstance(node, Step) else None
    undone = undo is not None and bool(read_by((binding for _, binding in undo.bindings), ()))
    return bool(node.context_reads) or undone or (bool(node.branches) and bool(node.context_read_inside))


def _level(nodes: Sequence[Node], field: str, around: frozenset[str]) -> Iterator[InvalidTask]:
    """The nodes of one list. ``around``: the keys that were written before it."""
    ordered, written = in_order(nodes), around
    for node in ordered:
        where = f"{field}.{node.id}"
        if node.context_reads:
            yield from _unwritten(node.bindings, node.conditions, where, written)
        yield from _inside(node, where, written)
        written = written.union(node.context_writes)
    yield from _unordered(ordered, field)


def _inside(node: Node, where: str, written: frozenset[str]) -> Iterator[InvalidTask]:
    for name, branch in node.branches:
        if isinstance(node, Parallel):  # its elements do not see each other
            for child in branch.steps:
                yield from _level([child], f"{where}.{name}", written)
        else:
            yield from _level(branch.steps, f"{where}.{name}", frozenset() if isinstance(node, Use) else written)
    if isinstance(node, Loop):
        yield from _unwritten(node.inner_bindings, node.inner_conditions, where, written.union(node.context_writes))
    if isinstance(node, Step) and node.compensate is not None:
        for name, binding in node.compensate.bindings:
            if other := [key for key in read_by([binding], ()) if key not in node.context_reads]:
                message = f"it reads '{shown(other[0])}' of the context, which '{node.id}' does not read"
                yield InvalidTask(message, f"{where}.compensate.{name}", f"read $steps.{node.id}, or what it reads")


def _unwritten(
    bindings: Iterable[tuple[str, Binding]],
    conditions: Iterable[tuple[str, str]],
    where: str,
    written: frozenset[str],
) -> Iterator[InvalidTask]:
    """The keys that are read and that nothing before writes."""
    reads = [(name, key) for name, binding in bindings for key in read_by([binding], ())]
    reads += [(name, key) for name, condition in conditions for key in read_by((), [condition])]
    for name, key in reads:
        if key != ALL_KEYS and key not in written:
            message = f"no node before it writes '{shown(key)}' to the context"
            fix = nearest(key, written) if written else f"declare writes: [{shown(key)}] on a step before it"
            yield InvalidTask(message, f"{where}.{name}", fix)


def _unordered(ordered: Sequence[Node], field: str) -> Iterator[InvalidTask]:
    """Nodes of one level that write a key which a node beside them may write at the same time."""
    writers = Counter(key for node in ordered for key in node.context_writes)
    several = [key for key, count in writers.items() if count > 1]
    read = {node.id: keys_read(node) for node in ordered} if several else {}
    for key in several:
        yield from _at_the_same_time(key, ordered, read, field)


def _at_the_same_time(
    key: str, ordered: Sequence[Node], read: Mapping[StepId, set[str]], field: str
) -> Iterator[InvalidTask]:
    last: dict[str, StepId] = {}  # of each key
    versions: dict[StepId, int] = {}  # how many versions of the key each node follows, itself included
    count = 0
    for node in ordered:
        parents = {*node.refs, *(last[one] for one in read[node.id] if one in last)}
        followed = max((versions[parent] for parent in parents if parent in versions), default=0)
        if key in node.context_writes:
            if followed < count:
                before = last[key]
                message = f"'{shown(before)}' and '{shown(node.id)}' write '{key}' to the context, and may run at once"
                fix = f"add after: [{shown(before)}], let it read $context.{key}, or write another key"
                yield InvalidTask(message, f"{field}.{node.id}", fix)
            count += 1
            followed = count
        versions[node.id] = followed
        last.update(dict.fromkeys(node.context_writes, node.id))
