"""Structure: unique ids, known dependencies, no cycles. Whether the declared nodes form a DAG."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import NamedTuple

from planners.bindings import step_refs
from planners.compensation import PREFIX
from planners.errors import InvalidTask
from planners.expressions.references import parsed
from planners.graph import cycle
from planners.model import StepId
from planners.node_order import is_ordered
from planners.validation.block_outputs import ambiguous_outputs
from planners.validation.context_keys import broken_context
from planners.validation.joins import broken_joins, nested_joins, never_late
from planners.validation.suggestions import nearest, shown
from planners.validation.without_effect import without_effect
from planners.workflow import ForEach, Goal, Node, Step, Workflow

ROOT = "workflow.steps"
MAX_DEPTH = 32
_COPY = re.compile(r"(\[\d+\])+$")
_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The nodes of one list of steps: the top level, or a branch of a node.

    ``list_name`` is the field of the list in the node, such as ``steps``.
    """

    ids: frozenset[StepId]
    block: StepId | None = None
    outer: "Level | None" = None
    depth: int = 1
    list_name: str = "steps"

    @property
    def field(self) -> str:
        """The dotted path of the list. Built on demand: stored for each level it would grow with their square."""
        return ROOT if self.outer is None else f"{self.outer.field}.{self.block}.{self.list_name}"

    @property
    def blocks(self) -> tuple[StepId, ...]:
        """The nodes around this level, outermost first."""
        return () if self.outer is None or self.block is None else (*self.outer.blocks, self.block)

    def sees(self, ref: StepId) -> bool:
        """Whether a node of this level may refer to an id: a sibling, or a node around but not one it is inside of."""
        level: Level | None = self
        inside: StepId | None = None
        while level is not None:
            if ref in level.ids:
                return ref != inside
            inside = level.block
            level = level.outer
        return False

    def visible(self) -> list[StepId]:
        """Every id that a node of this level may refer to."""
        around = [] if self.outer is None else [ref for ref in self.outer.visible() if ref != self.block]
        return [*self.ids, *around]


class Located(NamedTuple):
    """A node and the level it is on."""

    node: Node
    level: Level

    @property
    def field(self) -> str:
        """The node's dotted path."""
        return f"{self.level.field}.{self.node.id}"

    @property
    def beside(self) -> frozenset[StepId]:
        """The ids of the nodes of its level."""
        return self.level.ids


def locate(nodes: Sequence[Node]) -> Iterator[Located]:
    """Every node at every depth, in declaration order; nothing below MAX_DEPTH + 1 levels."""
    top = Level(frozenset(node.id for node in nodes))
    pending = [Located(node, top) for node in reversed(nodes)]
    while pending:
        place = pending.pop()
        yield place
        node, level = place
        for name, branch in reversed(node.branches if level.depth <= MAX_DEPTH else []):
            inner = Level(frozenset(child.id for child in branch.steps), node.id, level, level.depth + 1, name)
            pending.extend(Located(child, inner) for child in reversed(branch.steps))


def broken_structure(workflow: Workflow) -> Iterator[InvalidTask]:
    """What is wrong with ids and dependencies; cycles only if these are right."""
    places = list(locate(workflow.steps))
    sound = True
    stages = (_too_deep(places), _duplicates(places), _reserved(places), _goals_as_elements(places))
    more = (
        _dangling(workflow, places),
        _compensations(places),
        _unpublished(places),
        _joins(places),
        never_late(places),
        without_effect(places),
    )
    for stage in (*stages, *more):
        for flaw in stage:
            sound = False
            yield flaw
    if sound:
        cycles = list(_cycles(workflow, places))
        yield from cycles or (*broken_context(workflow), *nested_joins(workflow))
        yield from ambiguous_outputs(workflow, places)


def _too_deep(places: Iterable[Located]) -> Iterator[InvalidTask]:
    for place in places:
        if place.level.depth > MAX_DEPTH:
            fix = f"nest at most {MAX_DEPTH - 1} nodes with steps inside"
            yield InvalidTask(f"steps are nested {place.level.depth} levels deep", place.field, fix)


def _duplicates(places: Sequence[Located]) -> Iterator[InvalidTask]:
    counted = Counter(place.node.id for place in places)
    if len(counted) == len(places):
        return
    for place in {place.node.id: place for place in places if counted[place.node.id] > 1}.values():
        times = counted[place.node.id]
        fix = "give each step, at every depth, its own id"
        yield InvalidTask(f"the id '{place.node.id}' is used {times} times", place.field, fix)


def _reserved(places: Sequence[Located]) -> Iterator[InvalidTask]:
    """Ids that unrolling a for_each (``inner[0]``) or decomposing a goal (``goal/step``) will create."""
    inner = {place.node.id for place in places if place.level.outer is not None}
    for place in places:
        name = place.node.id
        if name.endswith("]") and (one := _COPY.sub("", name)) in inner:
            message = f"the id '{name}' is reserved for a copy of '{one}'"
            yield InvalidTask(message, place.field, "choose another id")
    goals = [place.node.id for place in places if isinstance(place.node, Goal)]
    by_name = sorted(places, key=lambda place: place.node.id) if goals else []
    for goal in goals:
        # Names with this prefix are neighbours, so not every name is compared with every goal.
        at = bisect_left(by_name, f"{goal}/", key=lambda place: place.node.id)
        for place in islice(by_name, at, None):
            if not place.node.id.startswith(f"{goal}/"):
                break
            message = f"the id '{place.node.id}' is reserved for a step of the goal '{goal}'"
            yield InvalidTask(message, place.field, "choose another id")


def _compensations(places: Sequence[Located]) -> Iterator[InvalidTask]:
    """Compensations that read what may not be there, and ids that are those of compensations."""
    for place in places:
        node = place.node
        if node.id.startswith(PREFIX):
            yield InvalidTask(
                f"ids with '{PREFIX}' in front are those of compensations", place.field, "choose another id"
            )
        if isinstance(node, Step) and node.compensate is not None:
            for name, binding in node.compensate.bindings:
                for ref in step_refs(binding):
                    if ref.step != node.id and ref.step not in node.own_refs:
                        field = f"{place.field}.compensate.{name}"
                        message = f"it reads '{shown(ref.step)}', which may not have run before '{node.id}'"
                        yield InvalidTask(
                            message, field, f"read $steps.{node.id}, or what '{node.id}' reads or is after"
                        )


def _unpublished(places: Sequence[Located]) -> Iterator[InvalidTask]:
    """Topics that a step subscribes to, and that no step publishes."""
    talking = [(place, place.node.mailbox) for place in places if isinstance(place.node, Step) and place.node.mailbox]
    published = {topic for _, mailbox in talking for topic in mailbox.publishes}
    for place, mailbox in talking:
        for topic in mailbox.subscribes:
            if topic not in published:
                fix = nearest(topic, published) if published else f"declare mailbox: {{publishes: [{topic}]}} on a step"
                yield InvalidTask(f"no step publishes '{topic}'", f"{place.field}.mailbox.subscribes", fix)


def _goals_as_elements(places: Iterable[Located]) -> Iterator[InvalidTask]:
    """A goal becomes several steps, and each node of ``parallel`` is one element."""
    for place in places:
        if isinstance(place.node, Goal) and place.level.list_name == "parallel":
            fix = "put it into a route with one case, or run it beside the other steps"
            yield InvalidTask("a goal cannot be an element of parallel", place.field, fix)


def _joins(places: Sequence[Located]) -> Iterator[InvalidTask]:
    if any(place.node.join is not None for place in places):
        by_id = {place.node.id: place for place in places}
        yield from broken_joins([place for place in places if by_id.keys() >= set(place.node.joined)], by_id)


def _dangling(workflow: Workflow, places: Sequence[Located]) -> Iterator[InvalidTask]:
    """References to ids that are not visible, and outputs of blocks that are not inside them."""
    known = {place.node.id: place for place in places}
    for node, level in places:
        # Nearly always all references are to siblings.
        if not node.branches and level.ids.issuperset(node.refs):
            continue
        yield from _dangling_inside(node, level, known)
        for ref in node.after:
            if not level.sees(ref):
                yield _dangling_reference(ref, f"{level.field}.{node.id}.after", level, known)
        for name, ref in (*references_of(node), *(("join.steps", one) for one in node.joined)):
            if not level.sees(ref):
                yield _dangling_reference(ref, f"{level.field}.{node.id}.{name}", level, known)
        for name, branch in node.branches:
            inner = [child.id for child in branch.steps]
            if branch.output_step not in inner:
                message = f"no step '{branch.output_step}' directly inside"
                beside = name.removesuffix("steps") if name.endswith("steps") else ""
                field = f"{level.field}.{node.id}.{beside}output"
                yield InvalidTask(message, field, nearest(branch.output_step, inner))
    top = Level(frozenset(node.id for node in workflow.steps))
    for name, binding in workflow.outputs.items():
        for step_ref in step_refs(binding):
            if not top.sees(step_ref.step):
                yield _dangling_reference(step_ref.step, f"workflow.outputs.{name}", top, known)


def _dangling_inside(node: Node, level: Level, located: Mapping[StepId, Located]) -> Iterator[InvalidTask]:
    """References of a node's own that see the nodes inside it."""
    if not (node.inner_bindings or node.inner_conditions):
        return
    ((name, branch),) = node.branches
    inner = Level(frozenset(child.id for child in branch.steps), node.id, level, level.depth + 1, name)
    read = [(field, ref.step) for field, binding in node.inner_bindings for ref in step_refs(binding)]
    read += [(field, step) for field, condition in node.inner_conditions for step in parsed(condition).steps]
    for field, ref in read:
        if not inner.sees(ref):
            yield _dangling_reference(ref, f"{level.field}.{node.id}.{field}", inner, located)


def references_of(node: Node) -> Iterator[tuple[str, StepId]]:
    """(field, step) of every reference of a node's own bindings and conditions."""
    for name, binding in node.bindings:
        yield from ((name, ref.step) for ref in step_refs(binding))
    for name, condition in node.conditions:
        yield from ((name, step) for step in parsed(condition).steps)


def _dangling_reference(ref: StepId, field: str, level: Level, known: Mapping[StepId, Located]) -> InvalidTask:
    if ref in level.blocks:
        message = f"a step inside '{ref}' cannot wait for the whole of it"
        return InvalidTask(message, field, "refer to $item or a sibling")
    found = known[ref].level if ref in known else None
    block = next((block for block in found.blocks if level.sees(block)), None) if found is not None else None
    if block is not None:
        message = f"'{ref}' is inside '{block}', and only the output of '{block}' can be read from outside"
        direct = found is not None and found.block == block and isinstance(known[block].node, ForEach)
        fix = f"refer to $steps.{block}.{ref}, the list of its outputs" if direct else f"refer to '{block}'"
        if field.endswith(f".{block}.while"):
            fix = "`while` is asked before a turn: read $state, or write until, which is asked after it"
        return InvalidTask(message, field, fix)
    shared = next((around for around in reversed(found.blocks) if around in level.blocks), None) if found else None
    if shared is not None and len(known[shared].node.branches) > 1:
        message = f"'{ref}' is in another branch of '{shared}'"
        return InvalidTask(message, field, f"read what is outside of '{shared}', or a step of the same branch")
    return InvalidTask(f"there is no step '{ref}'", field, nearest(ref, level.visible()))


def _cycles(workflow: Workflow, places: Iterable[Located]) -> Iterator[InvalidTask]:
    top = Level(frozenset(node.id for node in workflow.steps))
    yield from cycle_flaw({node.id: node.refs for node in workflow.steps}, top.field)
    for node, level in places:
        for name, branch in node.branches:
            parents = {child.id: child.refs for child in branch.steps}
            yield from cycle_flaw(parents, f"{level.field}.{node.id}.{name}")


def cycle_flaw(parents: Mapping[StepId, Iterable[StepId]], field: str) -> Iterator[InvalidTask]:
    """The error that names a cycle, if there is one. References to ids that are no key are ignored."""
    if is_ordered(parents):
        return
    known = {step: [ref for ref in refs if ref in parents] for step, refs in parents.items()}
    try:
        TopologicalSorter(known).prepare()
    except CycleError:
        found = cycle(known)
        assert found is not None, "graphlib found one"
        yield InvalidTask(
            f"the steps wait for each other: {_arrows(found)}",
            f"{field}.{found[0]}",
            "remove one of these dependencies",
        )


def _arrows(found: Sequence[StepId]) -> str:
    if len(found) <= _MOST_SHOWN:
        return " -> ".join([*found, found[0]])
    names = " -> ".join(map(shown, islice(found, _MOST_SHOWN)))
    return f"{names} -> ... -> {shown(found[0])} ({len(found)} steps)"
