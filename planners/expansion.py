"""Expansion: unroll a declared workflow into flat steps. A ``for_each`` becomes one copy of its steps per element.

A route becomes the steps of one branch; those of the others, and what reads them, are skipped.

Always starts from the declared workflow and the outputs known so far, so equal input gives an equal flat workflow.
A block whose list is the output of an unfinished step stays pending, together with the nodes that read it; so does a
route whose conditions read such an output. The other nodes and the other elements do not wait for it. When the step
finishes, the workflow is unrolled again for a new plan.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from planners.bindings import Binding, StepRef, Value, step_refs
from planners.errors import InvalidTask
from planners.expressions.references import parsed
from planners.facts import Elements, Facts
from planners.fan_out_builder import FanOutBuilder
from planners.known_values import KnownValues
from planners.loop_turns import LoopTurns
from planners.model import StepId
from planners.node_order import in_order
from planners.scopes import Meaning, NodeScope, NotRun, part_of
from planners.workflow import (
    Approval,
    Branch,
    Callback,
    FanOut,
    FanOutNode,
    FlatWorkflow,
    ForEach,
    Goal,
    Loop,
    Node,
    Parallel,
    Pending,
    Route,
    Skipped,
    Step,
    Use,
    Wait,
    Workflow,
)

MAX_STEPS = 100_000


def flatten(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    known: Mapping[StepId, Any] | None = None,
    facts: Facts | None = None,
    *,
    most: int = MAX_STEPS + 1,
) -> FlatWorkflow:
    """Unroll whatever can be unrolled.

    Args:
        workflow: a workflow that `planners.validation` accepts.
        inputs: the task's inputs.
        known: outputs of finished steps by flat id, where a ``for_each`` runs over them or a condition reads them.
        facts: what else has happened to the run.
        most: stop after this many steps.

    Raises:
        InvalidTask: a ``for_each`` runs over a value that is not a list, a condition has no value, or the result
            exceeds MAX_STEPS.
    """
    unroller = _Unroller(inputs, known or {}, facts or Facts(), most)
    scope = unroller.unroll(in_order(workflow.steps), NodeScope(), suffix="")
    outputs = dict(workflow.outputs) or {node.id: StepRef(step=node.id) for node in _sinks(workflow)}
    return FlatWorkflow(
        steps=tuple(unroller.steps),
        pending=tuple(unroller.pending),
        skipped=tuple(unroller.skipped),
        fan_outs=tuple(unroller.fan_outs),
        loops=tuple(unroller.turns.made),
        finished={step: one.work_key for step, one in unroller.facts.finished.items()},
        repeats=unroller.facts.repeats,
        outputs={
            name: scope.substituted(binding, f"outputs.{name}")
            for name, binding in outputs.items()
            if all(scope.is_bound(ref.step) and not scope.waits(ref) for ref in step_refs(binding))
        },
    )


class _Element(NamedTuple):
    """One element of a fan-out: it is unrolled, which gives its output and scope, or skipped for a reason."""

    number: int
    unroll: Callable[[], tuple[Meaning, NodeScope]]
    skip: Callable[[str], None]


class _Unroller:
    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], facts: Facts, most: int) -> None:
        self._most = most
        self.facts = facts
        self._around: tuple[StepId, int] | None = None
        self._known = KnownValues(inputs, known)
        self._ordered: dict[int, list[Node]] = {}
        self._unfinished = False  # whether a list of a step inside a for_each is pending
        self.steps: list[Step] = [one.step for one in facts.finished.values()]
        self.turns = LoopTurns(facts)
        self.pending: list[Pending] = []
        self.skipped: list[Skipped] = []
        self.fan_outs: list[FanOut] = []

    @property
    def _full(self) -> bool:
        return len(self.steps) >= self._most

    def unroll(self, nodes: Iterable[Node], scope: NodeScope, suffix: str) -> NodeScope:
        """Append the flat steps of one level, given in topological order; returns the level's scope."""
        for node in nodes:
            scope[node.id] = self._unroll_node(node, scope, suffix)
            if len(self.steps) + len(self.pending) + len(self.skipped) > MAX_STEPS:
                raise InvalidTask(f"it unrolls to more than {MAX_STEPS} steps", "workflow", "split the task")
        return scope

    def _unroll_node(self, node: Node, scope: NodeScope, suffix: str) -> Meaning:
        flat_id = StepId(node.id + suffix)
        if self._full:
            return None
        missing = next((not_run for ref in node.own_refs if isinstance(not_run := scope[ref], NotRun)), None)
        if missing is not None:
            return self._skip(node, suffix, missing.reason)
        if (reason := self.facts.given_up.get(flat_id)) is not None:
            return self._skip(node, suffix, reason)
        refs = node.own_refs if isinstance(node, Route | Loop) else node.refs
        if isinstance(node, Goal) or any(scope[ref] is None for ref in refs) or self._reads_unfinished(node, scope):
            return self._wait(flat_id)
        match node:
            case Wait() | Approval() | Callback():
                self.steps.append(_flat_step(node.as_step(), flat_id, scope))
                return StepRef(step=flat_id)
            case Step():
                self.steps.append(_flat_step(node, flat_id, scope))
                return StepRef(step=flat_id)
            case ForEach():
                elements = self._elements_of_block(node, scope, suffix)
                return None if elements is None else self._unroll_fan_out(node, flat_id, scope, elements)
            case Parallel():
                return self._unroll_fan_out(node, flat_id, scope, self._elements_of_parallel(node, scope, suffix))
            case Route():
                return self._unroll_route(node, flat_id, scope, suffix)
            case Loop():
                return self._unroll_loop(node, flat_id, scope, suffix)
            case Use():
                return self._unroll_use(node, flat_id, scope, suffix)

    def _reads_unfinished(self, node: Node, scope: NodeScope) -> bool:
        """Whether the node reads the list of a step inside a ``for_each`` of which some elements are pending."""
        return self._unfinished and any(scope.waits(ref) for _, read in node.bindings for ref in step_refs(read))

    def _wait(self, flat_id: StepId, steps: Sequence[StepId] = ()) -> Meaning:
        """The node is pending, until the outputs of these steps are known."""
        first, others = (steps[0], tuple(steps[1:])) if steps else (None, ())
        self.pending.append(Pending(id=flat_id, waits_for=first, and_for=others))
        return None

    def _skip(self, node: Node, suffix: str, reason: str) -> Meaning:
        """Skip a node and everything inside it."""
        self.skipped.append(Skipped(id=StepId(node.id + suffix), reason=reason))
        for _, branch in node.branches:
            self._skip_all(branch, suffix, reason)
        return NotRun(reason) if node.default is None else Value(value=node.default.value)

    def _skip_all(self, branch: Branch, suffix: str, reason: str) -> None:
        for node in branch.steps:
            self._skip(node, suffix, reason)

    def _inside(self, branch: Branch) -> list[Node]:
        """The nodes of a branch in topological order, sorted once."""
        # A branch may be made anew at each call; its nodes are not.
        key = id(branch.steps)
        if key not in self._ordered:
            self._ordered[key] = in_order(branch.steps)
        return self._ordered[key]

    def _elements_of_block(self, block: ForEach, outer: NodeScope, suffix: str) -> list[_Element] | None:
        """An element for each part of the list; None where the list is not known yet."""
        over = outer.substituted(block.for_each, "for_each", block.id)
        if isinstance(over, StepRef) and over.step not in self._known:
            self._wait(StepId(block.id + suffix), [over.step])
            return None

        def element(index: int) -> _Element:
            inner = f"{suffix}[{index}]"

            def unroll() -> tuple[Meaning, NodeScope]:
                scope = _inside_of(block, outer, item=part_of(over, (index,)))
                self.unroll(self._inside(block), scope, inner)
                return scope[block.output_step], scope

            return _Element(index, unroll, lambda reason: self._skip_all(block, inner, reason))

        return [element(index) for index in range(self._known.length(over, block.id))]

    def _elements_of_parallel(self, node: Parallel, outer: NodeScope, suffix: str) -> list[_Element]:
        scope, index = _inside_of(node, outer), {child.id: index for index, child in enumerate(node.parallel)}

        def element(child: Node) -> _Element:
            def unroll() -> tuple[Meaning, NodeScope]:
                scope[child.id] = self._unroll_node(child, scope, suffix)
                return scope[child.id], scope

            def skip(reason: str) -> None:
                scope[child.id] = self._skip(child, suffix, reason)

            return _Element(index[child.id], unroll, skip)

        return [element(child) for child in in_order(node.parallel)]

    def _unroll_fan_out(
        self, node: FanOutNode, flat_id: StepId, outer: NodeScope, elements: Sequence[_Element]
    ) -> Meaning:
        """Unroll the elements that were not dropped; the output is the list of their outputs."""
        known, around = self.facts.fan_outs.get(flat_id, Elements()), self._around
        self.turns.see(flat_id)
        made = FanOutBuilder(flat_id, node, around)
        for element in elements:
            if self._full:
                return None
            if (reason := known.dropped.get(element.number)) is not None:
                element.skip(reason)
                made.add(element.number, (), NotRun(reason), None, unresolved=False)
                continue
            self._around = (flat_id, element.number) if made.declared else around
            steps, pending, resumed = len(self.steps), len(self.pending), self.turns.resumed
            output, inner = element.unroll()
            new = [step.id for step in self.steps[steps:]] if made.declared else []
            made.add(element.number, new, output, inner, unresolved=len(self.pending) > pending)
            if self.turns.resumed > resumed:
                made.begun.append(element.number)
        self._around = around
        if isinstance(node, ForEach):
            lists = outer.lists[node.id] = {child.id: made.listed(child.id, known.kept) for child in node.steps}
            self._unfinished = self._unfinished or None in lists.values()
        if known.failed is not None:
            return NotRun(known.failed) if node.default is None else Value(value=node.default.value)
        if known.kept is None:
            self.fan_outs += made.fan_outs
        return made.gathered(known.kept) or self._wait(flat_id)

    def _unroll_route(self, route: Route, flat_id: StepId, scope: NodeScope, suffix: str) -> Meaning:
        branches = [branch for _, branch in route.branches]
        chosen = len(route.route)
        for number, (field, condition) in enumerate(route.conditions):
            held = self._known.holds(condition, scope, f"workflow.steps.{route.id}.{field}")
            if not isinstance(held, bool):
                return self._wait(flat_id, held)
            if held:
                chosen = number
                break
        if chosen == len(branches):
            return self._skip(route, suffix, f"no case of the route '{flat_id}' applies")
        for number, branch in enumerate(branches):
            if number != chosen:
                self._skip_all(branch, suffix, f"the route '{flat_id}' takes another way")
        taken = branches[chosen]
        output = self.unroll(self._inside(taken), _inside_of(route, scope), suffix)[taken.output_step]
        return self._wait(flat_id) if output is None else _or_default(output, route)

    def _unroll_use(self, node: Use, flat_id: StepId, outer: NodeScope, suffix: str) -> Meaning:
        ((_, branch),) = node.branches
        inputs = {
            f"{node.id}/{name}": outer.substituted(of, f"inputs.{name}", node.id) for name, of in node.inputs.items()
        }
        output = self.unroll(self._inside(branch), _inside_of(node, outer, inputs=inputs), suffix)[branch.output_step]
        return self._wait(flat_id) if output is None else _or_default(output, node)

    def _unroll_loop(self, loop: Loop, flat_id: StepId, outer: NodeScope, suffix: str) -> Meaning:
        """Unroll the turns that are known to be made."""
        ((_, branch),), where = loop.branches, f"workflow.steps.{loop.id}"
        first, state, output = self.turns.start(loop, flat_id, outer)
        for turn in range(first, loop.max):
            scope = _inside_of(loop, outer, state={**state, "turn": Value(value=turn)})
            if loop.go_on is not None:
                held = self._known.holds(loop.go_on, scope, f"{where}.while")
                if not isinstance(held, bool):
                    return self._wait(flat_id, held)
                if not held:
                    break
            steps, pending, skipped = len(self.steps), len(self.pending), len(self.skipped)
            seen = self.turns.mark()
            output = self.unroll(self._inside(branch), scope, f"{suffix}[{turn}]")[branch.output_step]
            following = self._after_turn(loop, scope, f"{where}.until")
            if output is None or self._full or not isinstance(following, dict | bool):
                return self._wait(flat_id, following if isinstance(following, list) else ())
            if isinstance(following, bool):
                break
            state = {**state, **following}
            if len(self.pending) == pending:
                inside = (step.id for step in self.steps[steps:])
                left_out = (node.id for node in self.skipped[skipped:])
                self.turns.add((flat_id, turn), inside, (*self.turns.since(seen), *left_out), state, output)
        return _or_default(output, loop)

    def _after_turn(self, loop: Loop, scope: NodeScope, field: str) -> dict[str, Binding] | bool | list[StepId] | None:
        """The state of the next turn, True if there is none, or what must be known first; None: nodes are pending."""
        read = [ref.step for _, binding in loop.inner_bindings for ref in step_refs(binding)]
        read += [step for _, condition in loop.inner_conditions for step in parsed(condition).steps]
        if any(scope[step] is None for step in read):
            return None
        if any(isinstance(scope[step], NotRun) for step in read):
            return True
        if loop.until is not None and (held := self._known.holds(loop.until, scope, field)) is not False:
            return held
        return {name: scope.substituted(of, f"next.{name}", loop.id) for name, of in loop.next.items()}


def _or_default(output: Meaning, node: Node) -> Meaning:
    return Value(value=node.default.value) if isinstance(output, NotRun) and node.default is not None else output


def _inside_of(node: Node, outer: NodeScope, **bound: Any) -> NodeScope:
    """The scope of nodes inside another one, all of which wait for what that one is ``after``."""
    return NodeScope(outer, after=_flat_ids(node.after, outer), **bound)


def _flat_ids(names: Iterable[StepId], scope: NodeScope) -> list[StepId]:
    return [ref.step for name in names for ref in step_refs(scope.bound(name))]


def _flat_step(step: Step, flat_id: StepId, scope: NodeScope) -> Step:
    after = tuple(dict.fromkeys((*_flat_ids(step.after, scope), *scope.after)))
    inputs = {name: scope.substituted(binding, f"inputs.{name}", step.id) for name, binding in step.inputs.items()}
    return step.model_copy(update={"id": flat_id, "inputs": inputs, "after": after})


def _sinks(workflow: Workflow) -> list[Node]:
    read = {ref for node in workflow.steps for ref in node.refs}
    return [node for node in workflow.steps if node.id not in read]
