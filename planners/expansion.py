"""Expansion: unroll a declared workflow into flat steps. A ``for_each`` becomes one copy of its steps per element.

A route becomes the steps of one branch; those of the others, and what reads them, are skipped.

Always starts from the declared workflow and the outputs known so far, so equal input gives an equal flat workflow.
A block whose list is the output of an unfinished step stays pending, together with the nodes that read it; so does a
route whose conditions read such an output. The other nodes and the other elements do not wait for it. When the step
finishes, the workflow is unrolled again for a new plan.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planners.bindings import Binding, Gather, InputRef, Leaf, StepRef, Value, fold_binding, follow, kind_of, step_refs
from planners.errors import InvalidTask
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import evaluate
from planners.expressions.references import parsed
from planners.model import StepId
from planners.scopes import NodeScope, NotRun, part_of, told
from planners.workflow import (
    Branch,
    FlatWorkflow,
    ForEach,
    Goal,
    Node,
    Pending,
    Route,
    Skipped,
    Step,
    Workflow,
)

MAX_STEPS = 100_000


def flatten(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    known: Mapping[StepId, Any] | None = None,
    *,
    most: int = MAX_STEPS + 1,
) -> FlatWorkflow:
    """Unroll whatever can be unrolled.

    Args:
        workflow: a workflow that `planners.validation` accepts.
        inputs: the task's inputs.
        known: outputs of finished steps by flat id, where a ``for_each`` runs over them or a condition reads them.
        most: stop after this many steps.

    Raises:
        InvalidTask: a ``for_each`` runs over a value that is not a list, a condition has no value, or the result
            exceeds MAX_STEPS.
    """
    unroller = _Unroller(inputs, known or {}, most)
    scope = unroller.unroll(in_order(workflow.steps), NodeScope(), suffix="")
    outputs = dict(workflow.outputs) or {node.id: StepRef(step=node.id) for node in _sinks(workflow)}
    return FlatWorkflow(
        steps=tuple(unroller.steps),
        pending=tuple(unroller.pending),
        skipped=tuple(unroller.skipped),
        outputs={
            name: scope.substituted(binding, f"outputs.{name}")
            for name, binding in outputs.items()
            if all(scope.is_bound(ref.step) and not scope.waits(ref) for ref in step_refs(binding))
        },
    )


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
        if any(ref in parents and ref not in listed for ref in refs):
            return False
        listed.add(step)
    return True


# What a node stands for: a binding, nothing because it is skipped, or nothing yet.
_Meaning = Binding | NotRun | None


class _Unroller:
    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], most: int) -> None:
        self._most = most
        self._inputs = inputs
        self._known = known
        self._ordered: dict[int, list[Node]] = {}
        self._unfinished = False  # whether a list of a step inside a for_each is pending
        self.steps: list[Step] = []
        self.pending: list[Pending] = []
        self.skipped: list[Skipped] = []

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

    def _unroll_node(self, node: Node, scope: NodeScope, suffix: str) -> _Meaning:
        flat_id = StepId(node.id + suffix)
        if self._full:
            return None
        missing = next((not_run for ref in node.own_refs if isinstance(not_run := scope[ref], NotRun)), None)
        if missing is not None:
            return self._skip(node, suffix, missing.reason)
        refs = node.own_refs if isinstance(node, Route) else node.refs
        if isinstance(node, Goal) or any(scope[ref] is None for ref in refs) or self._reads_unfinished(node, scope):
            return self._wait(flat_id)
        match node:
            case Step():
                self.steps.append(_flat_step(node, flat_id, scope))
                return StepRef(step=flat_id)
            case ForEach():
                return self._unroll_block(node, flat_id, scope, suffix)
            case Route():
                return self._unroll_route(node, flat_id, scope, suffix)

    def _reads_unfinished(self, node: Node, scope: NodeScope) -> bool:
        """Whether the node reads the list of a step inside a ``for_each`` of which some elements are pending."""
        return self._unfinished and any(scope.waits(ref) for _, read in node.bindings for ref in step_refs(read))

    def _wait(self, flat_id: StepId, steps: Sequence[StepId] = ()) -> _Meaning:
        """The node is pending, until the outputs of these steps are known."""
        first, others = (steps[0], tuple(steps[1:])) if steps else (None, ())
        self.pending.append(Pending(id=flat_id, waits_for=first, and_for=others))
        return None

    def _skip(self, node: Node, suffix: str, reason: str) -> _Meaning:
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
        if id(branch) not in self._ordered:
            self._ordered[id(branch)] = in_order(branch.steps)
        return self._ordered[id(branch)]

    def _unroll_block(self, block: ForEach, flat_id: StepId, outer: NodeScope, suffix: str) -> _Meaning:
        over = outer.substituted(block.for_each, "for_each", block.id)
        if isinstance(over, StepRef) and over.step not in self._known:
            return self._wait(flat_id, [over.step])
        gathered: dict[StepId, list[_Meaning]] = {child.id: [] for child in block.steps}
        for index in range(self._length(over, block.id)):
            if self._full:
                return None
            scope = NodeScope(outer, item=part_of(over, (index,)))
            self.unroll(self._inside(block), scope, f"{suffix}[{index}]")
            for child, meanings in gathered.items():
                meanings.append(scope[child])
        lists = outer.lists[block.id] = {child: _gathered(meanings) for child, meanings in gathered.items()}
        self._unfinished = self._unfinished or None in lists.values()
        output = lists[block.output_step]
        return self._wait(flat_id) if output is None else output

    def _unroll_route(self, route: Route, flat_id: StepId, scope: NodeScope, suffix: str) -> _Meaning:
        branches = [branch for _, branch in route.branches]
        chosen = len(route.route)
        for number, (field, condition) in enumerate(route.conditions):
            held = self._holds(condition, scope, f"workflow.steps.{route.id}.{field}")
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
        output = self.unroll(self._inside(taken), NodeScope(scope), suffix)[taken.output_step]
        if output is None:
            return self._wait(flat_id)
        return Value(value=route.default.value) if isinstance(output, NotRun) and route.default is not None else output

    def _holds(self, condition: str, scope: NodeScope, field: str) -> bool | list[StepId]:
        """Whether a condition holds, or the steps whose outputs must be known first.

        Raises:
            InvalidTask: it has no value, or one that is neither true nor false.
        """
        expression, unknown = parsed(condition), list[StepId]()
        try:
            values = [self._value(scope.leaf(root), unknown) for root in expression.roots]
            if unknown:
                return list(dict.fromkeys(unknown))
            held = evaluate(expression, values)
        except LookupError as error:
            message = f"it reads a value that has {error.args[0]}"
            raise InvalidTask(message, field, "bind it to a part that exists") from None
        except ExpressionFailed as error:
            fix = "test for what may be missing with has(), and compare like with like"
            raise InvalidTask(f"'{condition}' has no value: {error.message}", field, fix) from None
        if not isinstance(held, bool):
            message = f"'{condition}' is {kind_of(held)}, neither true nor false"
            raise InvalidTask(message, field, "compare it with something")
        return held

    def _length(self, over: Binding, block: StepId) -> int:
        if isinstance(over, Gather):
            return len(over.gather)
        try:
            value = self._value(over, [])
        except LookupError as error:
            raise InvalidTask(
                f"for_each of '{block}' runs over {told(over)}, which has {error.args[0]}",
                f"workflow.steps.{block}.for_each",
                "bind it to a list that exists",
            ) from None
        if isinstance(value, list):
            return len(value)
        raise InvalidTask(
            f"for_each of '{block}' needs a list, and {told(over)} is {kind_of(value)}",
            f"workflow.steps.{block}.for_each",
            "bind it to a list",
        )

    def _value(self, binding: Binding, unknown: list[StepId]) -> Any:
        """The value of a substituted binding. Steps whose outputs are not known are added to ``unknown``.

        Raises:
            LookupError: there is no such part.
        """

        def of_leaf(leaf: Leaf) -> Any:
            match leaf:
                case InputRef(input=name, path=path):
                    return follow(self._inputs[name], path)
                case StepRef(step=step, path=path) if step in self._known:
                    return follow(self._known[step], path)
                case StepRef(step=step):
                    unknown.append(step)
                    return None
                case Value(value=value):
                    return value
                case _:
                    raise AssertionError("$item and $state are substituted before")

        return fold_binding(binding, of_leaf, list)


def _gathered(meanings: Iterable[_Meaning]) -> Gather | None:
    """The list of what the copies of a step stand for, without those that are skipped; None if one is pending."""
    listed = list(meanings)
    if any(each is None for each in listed):
        return None
    return Gather(gather=tuple(each for each in listed if each is not None and not isinstance(each, NotRun)))


def _flat_step(step: Step, flat_id: StepId, scope: NodeScope) -> Step:
    after = tuple(dict.fromkeys(ref.step for name in step.after for ref in step_refs(scope.bound(name))))
    inputs = {name: scope.substituted(binding, f"inputs.{name}", step.id) for name, binding in step.inputs.items()}
    return step.model_copy(update={"id": flat_id, "inputs": inputs, "after": after})


def _sinks(workflow: Workflow) -> list[Node]:
    read = {ref for node in workflow.steps for ref in node.refs}
    return [node for node in workflow.steps if node.id not in read]
