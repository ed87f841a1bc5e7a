"""Unrolling the nodes of one level, and what a node joins of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from planners.bindings import Value, step_refs
from planners.errors import InvalidTask
from planners.expressions.references import parsed
from planners.facts import Elements, Facts
from planners.fan_out_builder import FanOutBuilder
from planners.flat_steps import FlatPlace
from planners.joins import Joined, JoinedElement, Shared, Visit, apart, grouped, join_id, needed_by, shared_id, visited
from planners.model import StepId
from planners.node_order import in_order
from planners.scopes import ABSENT, Meaning, NodeScope, NotRun
from planners.unrolled_steps import Element, UnrolledSteps
from planners.unsettled import last_steps
from planners.workflow import Branch, CompletionPolicy, Node, OnFailure

MAX_STEPS = 100_000


class _Unrolled(NamedTuple):
    """The flat steps of a node, and whether some of it is pending. ``last``: those that end it, if it gives nothing."""

    steps: tuple[StepId, ...]
    unresolved: bool
    last: tuple[StepId, ...] = ()


class UnrolledLevels(UnrolledSteps, ABC):
    """Levels of nodes, and joins. `unroll_node` unrolls a node of each kind."""

    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], facts: Facts, most: int) -> None:
        super().__init__(inputs, known, facts, most)
        self._levels: dict[int, list[Visit]] = {}
        self._joined: set[StepId] = set()
        self._unrolled: dict[StepId, _Unrolled] = {}

    def level(self, nodes: Sequence[Node], read: Iterable[StepId]) -> list[Visit]:
        """The nodes of a level in topological order. ``read``: those that nodes around it read."""
        return self._told(grouped(in_order(nodes), read))

    def beside(self, nodes: Sequence[Node]) -> list[Visit]:
        """The same where each node is an element of the node around."""
        return self._told(apart(in_order(nodes)))

    def _told(self, visits: list[Visit]) -> list[Visit]:
        pending = list(visits)
        while pending:
            visit = pending.pop()
            if isinstance(visit, Joined):
                self._joined.update(element.node.id for element in visit.elements)
            pending += visit.own if isinstance(visit, Shared) else needed_by(visit)
        return visits

    def inside(self, branch: Branch, around: Node | None = None) -> list[Visit]:
        """The nodes of a branch in topological order, sorted once. ``around``: the node, if it reads nodes inside."""
        # A branch may be made anew at each call; its nodes are not.
        key = id(branch.steps)
        if key not in self._levels:
            read = [branch.output_step]
            if around is not None:
                read += [ref.step for _, binding in around.inner_bindings for ref in step_refs(binding)]
                read += [step for _, condition in around.inner_conditions for step in parsed(condition).steps]
            self._levels[key] = self.level(branch.steps, read)
        return self._levels[key]

    def unroll_guarded(
        self,
        on_failure: OnFailure,
        flat_id: StepId,
        element: Element,
        scope: NodeScope,
        written_else: Iterable[str] = (),
    ) -> Meaning:
        """Unroll what may fail without failing what is around it: for the run it is a fan-out of one element.

        ``written_else``: the keys of the context that something else may write if it fails.
        """
        known = self.facts.fan_outs.get(flat_id, Elements())
        self.turns.see(flat_id)
        made, before = FanOutBuilder(flat_id, CompletionPolicy(), on_failure, self.around), dict(scope.context)
        self.unroll_element(made, flat_id, element, known)
        if known.failed is not None:
            scope.context = before
            return NotRun(known.failed, failed=True)
        if known.kept is None:
            self.fan_outs += made.fan_outs
        output = made.output(element.number)
        new = [one for key, one in scope.context.items() if one is not None and one is not before.get(key)]
        if known.kept is None and output is not None:
            if not self.settled(made, flat_id, output, *new):
                return None
            self.hold_keys(made, flat_id, scope, written_else)
        return output

    @abstractmethod
    def unroll_node(self, node: Node, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Append the flat steps of a node; returns what it stands for."""

    def unroll(self, visits: Iterable[Visit], scope: NodeScope, place: FlatPlace) -> NodeScope:
        """Append the flat steps of one level, given in topological order; returns the level's scope."""
        for visit in visits:
            scope[visited(visit).id] = self.visit(visit, scope, place)
            if len(self.steps) + len(self.pending) + len(self.skipped) > MAX_STEPS:
                raise InvalidTask(f"it unrolls to more than {MAX_STEPS:,} steps", "workflow", "split the task")
        return scope

    def visit(self, visit: Visit, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll a node of a level, with what belongs to its join."""
        if isinstance(visit, Joined):
            return self._join(visit, scope, place)
        if isinstance(visit, Shared):
            return self._share(visit, scope, place)
        begins, pending = len(self.steps), len(self.pending)
        meaning = self._noted(visit, self.unroll_node(visit, scope, place), scope)
        if visit.id in self._joined:
            self._note_unrolled(place.id(visit.id), meaning, begins, unresolved=len(self.pending) > pending)
        return meaning

    def _note_unrolled(self, flat_id: StepId, meaning: Meaning, begins: int, *, unresolved: bool) -> None:
        new = self.steps[begins:]
        # What joins it then has no output to read, and so to wait for.
        last = last_steps(new, self.known.__contains__) if isinstance(meaning, NotRun) else ()
        self._unrolled[flat_id] = _Unrolled(tuple(step.id for step in new), unresolved, tuple(last))

    def _share(self, shared: Shared, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll a node that several nodes join, with the nodes that only it needs."""
        flat_id = place.id(shared.node.id)
        begins, pending = len(self.steps), len(self.pending)

        def unroll() -> tuple[Meaning, None]:
            self.unroll(shared.own, scope, place)
            return scope[shared.node.id], None

        def skip(reason: str) -> None:
            for visit in shared.own:
                self._skip_visit(visit, scope, place, reason)

        meaning = self.unroll_guarded(OnFailure.SKIP, shared_id(flat_id), Element(0, unroll, skip), scope)
        self._note_unrolled(flat_id, meaning, begins, unresolved=len(self.pending) > pending)
        return meaning

    @staticmethod
    def _noted(node: Node, meaning: Meaning, scope: NodeScope) -> Meaning:
        """While a node is pending, so is what it may write to the context."""
        if meaning is None:
            scope.context.update(dict.fromkeys(node.context_writes))
        return meaning

    def _join(self, joined: Joined, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll what belongs to a join, and then the node that joins."""
        node = joined.node
        assert node.join is not None, "only nodes that join are visited so"
        flat_id = place.id(node.id)
        name = join_id(flat_id)
        known = self.facts.fan_outs.get(name, Elements())
        self.turns.see(name)
        ids = [place.id(one) for one in node.join.steps]
        made = FanOutBuilder(name, node.join.completion, node.on_failure, self.around, ids)
        for number, element in enumerate(joined.elements):
            if self.full:
                return None
            self._unroll_joined(made, number, element, scope, place)
        if known.failed is not None:
            return self.skip(node, place, known.failed, failed=True)
        if known.kept is None:
            unknown = self.condition_inputs(node.join, scope, made)
            self.fan_outs += made.fan_outs
            if made.unresolved or node.join.complete_when is not None:  # which outputs count is not decided
                return self._noted(node, self.wait(flat_id, unknown), scope)
        return self._unroll_behind(joined, made, scope, place)

    def _unroll_joined(
        self, made: FanOutBuilder, number: int, element: JoinedElement, scope: NodeScope, place: FlatPlace
    ) -> None:
        """Unroll a joined node with the nodes that only it needs, or look at what others read as well."""
        own = element.own
        if own is None:
            meaning = scope[element.node.id]
            seen = self._unrolled.get(place.id(element.node.id), _Unrolled((), unresolved=False))
            made.watch(number, seen.steps, meaning, unresolved=seen.unresolved or meaning is None)
            made.last += seen.last
            return

        def unroll() -> tuple[Meaning, None]:
            self.unroll(own, scope, place)
            return scope[element.node.id], None

        def skip(reason: str) -> None:
            for visit in own:
                self._skip_visit(visit, scope, place, reason)

        known = self.facts.fan_outs.get(made.id, Elements())
        self.unroll_element(made, made.id, Element(number, unroll, skip), known)

    def _skip_visit(self, visit: Visit, scope: NodeScope, place: FlatPlace, reason: str) -> None:
        node = visited(visit)
        for inner in needed_by(visit):
            self._skip_visit(inner, scope, place, reason)
        scope[node.id] = self.skip(node, place, reason)

    def _unroll_behind(self, joined: Joined, made: FanOutBuilder, scope: NodeScope, place: FlatPlace) -> Meaning:
        """Unroll the node that joins. Meanwhile, the outputs that are missing are null in the scope."""
        kept = self.facts.fan_outs.get(made.id, Elements()).kept
        before, after = {element.node.id: scope[element.node.id] for element in joined.elements}, scope.after
        for number, element in enumerate(joined.elements):
            name, default = element.node.id, element.node.default
            if isinstance(before[name], NotRun) or (kept is not None and number not in kept):
                scope[name] = ABSENT if default is None else Value(value=default.value)
        last = made.last if kept is None and made.may_fail else []
        if last:
            self.unsettled.add(made.members, tuple(last))
        read = (ref.step for name in before if scope.is_bound(name) for ref in step_refs(scope.bound(name)))
        scope.after = tuple(dict.fromkeys((*after, *read, *last)))
        begins = len(self.steps)
        meaning = self.visit(joined.node, scope, place)
        scope.after = after
        scope.update(before)
        given = last and not isinstance(meaning, NotRun | None)
        if given and not self.follows(meaning, begins, made.members):  # its readers would not wait for the join
            return self._noted(joined.node, self.wait(place.id(joined.node.id), last), scope)
        return meaning
