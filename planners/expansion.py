"""Expansion: unroll a declared workflow into flat steps. A ``for_each`` becomes one copy of its steps per element.

Always starts from the declared workflow and the outputs known so far, so equal input gives an equal flat workflow.
A block whose list is the output of an unfinished step stays pending, together with the nodes that read it; the other
nodes and the other elements do not wait for it. When the step finishes, the workflow is unrolled again for a new plan.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from planners.bindings import (
    Binding,
    Gather,
    InputRef,
    ItemRef,
    Leaf,
    Path,
    StepRef,
    Value,
    follow,
    kind_of,
    map_binding,
    shorthand,
    step_refs,
)
from planners.errors import InvalidTask
from planners.model import StepId
from planners.workflow import FlatWorkflow, ForEach, Goal, Node, Pending, Step, Workflow

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
        known: outputs of finished steps by flat id, where a ``for_each`` runs over them.
        most: stop after this many steps.

    Raises:
        InvalidTask: a ``for_each`` runs over a value that is not a list, or the result exceeds MAX_STEPS.
    """
    unroller = _Unroller(inputs, known or {}, most)
    scope = unroller.unroll(in_order(workflow.steps), _Scope(), item=None, suffix="")
    outputs = dict(workflow.outputs) or {node.id: StepRef(step=node.id) for node in _sinks(workflow)}
    return FlatWorkflow(
        steps=tuple(unroller.steps),
        pending=tuple(unroller.pending),
        outputs={
            name: _substituted(binding, scope, None, f"outputs.{name}")
            for name, binding in outputs.items()
            if all(scope[ref.step] is not None for ref in step_refs(binding))
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


class _Scope(dict[StepId, Binding | None]):
    """What each visible id stands for once unrolled; None: not unrolled yet."""

    def __init__(self, outer: "_Scope | None" = None) -> None:
        super().__init__()
        self._outer = outer

    def __missing__(self, name: StepId) -> Binding | None:
        return None if self._outer is None else self._outer[name]


class _Unroller:
    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], most: int) -> None:
        self._most = most
        self._inputs = inputs
        self._known = known
        self._inner: dict[StepId, list[Node]] = {}
        self.steps: list[Step] = []
        self.pending: list[Pending] = []

    @property
    def _full(self) -> bool:
        return len(self.steps) >= self._most

    def unroll(self, nodes: Iterable[Node], outer: _Scope, item: Binding | None, suffix: str) -> _Scope:
        """Append the flat steps of one level, given in topological order; returns the level's scope."""
        scope = _Scope(outer)
        for node in nodes:
            self._unroll_node(node, scope, item, suffix)
        return scope

    def _unroll_node(self, node: Node, scope: _Scope, item: Binding | None, suffix: str) -> None:
        flat_id = StepId(node.id + suffix)
        if self._full:
            scope[node.id] = None
        elif isinstance(node, Goal) or any(scope[ref] is None for ref in node.refs):
            self.pending.append(Pending(id=flat_id))
            scope[node.id] = None
        elif isinstance(node, Step):
            self.steps.append(_flat_step(node, flat_id, scope, item))
            scope[node.id] = StepRef(step=flat_id)
        else:
            scope[node.id] = self._unroll_block(node, flat_id, scope, item, suffix)
        if len(self.steps) + len(self.pending) > MAX_STEPS:
            raise InvalidTask(f"it unrolls to more than {MAX_STEPS} steps", "workflow", "split the task")

    def _unroll_block(
        self, block: ForEach, flat_id: StepId, outer: _Scope, item: Binding | None, suffix: str
    ) -> Binding | None:
        over = _substituted(block.for_each, outer, item, "for_each", block.id)
        if isinstance(over, StepRef) and over.step not in self._known:
            self.pending.append(Pending(id=flat_id, waits_for=over.step))
            return None
        if block.id not in self._inner:
            self._inner[block.id] = in_order(block.steps)
        gathered: list[Binding] = []
        complete = True
        for index in range(self._length(over, block.id)):
            if self._full:
                return None
            inner = self.unroll(self._inner[block.id], outer, part_of(over, (index,)), f"{suffix}[{index}]")
            output = inner[block.output_step]
            if output is None:
                complete = False
            else:
                gathered.append(output)
        if complete:
            return Gather(gather=tuple(gathered))
        self.pending.append(Pending(id=flat_id))
        return None

    def _length(self, over: Binding, block: StepId) -> int:
        if isinstance(over, Gather):
            return len(over.gather)
        value = self._value(over, block)
        if isinstance(value, list):
            return len(value)
        raise InvalidTask(
            f"for_each of '{block}' needs a list, and {_told(over)} is {kind_of(value)}",
            f"workflow.steps.{block}.for_each",
            "bind it to a list",
        )

    def _value(self, over: Binding, block: StepId) -> Any:
        try:
            match over:
                case InputRef(input=name, path=path):
                    return follow(self._inputs[name], path)
                case StepRef(step=step, path=path):
                    return follow(self._known[step], path)
                case Value(value=value):
                    return value
                case _:
                    raise AssertionError("$item is substituted before")
        except LookupError as error:
            raise InvalidTask(
                f"for_each of '{block}' runs over {_told(over)}, which has {error.args[0]}",
                f"workflow.steps.{block}.for_each",
                "bind it to a list that exists",
            ) from None


def _told(over: Binding) -> str:
    return "its literal" if isinstance(over, Value) else str(shorthand(over))


def _flat_step(step: Step, flat_id: StepId, scope: _Scope, item: Binding | None) -> Step:
    after = tuple(dict.fromkeys(ref.step for name in step.after for ref in step_refs(_bound(scope, name))))
    return step.model_copy(
        update={
            "id": flat_id,
            "inputs": {
                name: _substituted(binding, scope, item, f"inputs.{name}", step.id)
                for name, binding in step.inputs.items()
            },
            "after": after,
        }
    )


def _bound(scope: _Scope, name: StepId) -> Binding:
    binding = scope[name]
    assert binding is not None, "a node whose references are pending is pending itself"
    return binding


def _substituted(
    binding: Binding, scope: _Scope, item: Binding | None, field: str, step: StepId | None = None
) -> Binding:
    """The binding with ids and ``$item`` replaced by what they stand for.

    Raises:
        InvalidTask: it certainly leads nowhere; the message names ``field`` and ``step``.
    """

    def of_leaf(leaf: Leaf) -> Binding:
        match leaf:
            case StepRef(step=step, path=path):
                return part_of(_bound(scope, step), path)
            case ItemRef(item=path):
                assert item is not None, "validation refuses $item outside a for_each"
                return part_of(item, path)
            case _:
                return leaf

    try:
        return map_binding(binding, of_leaf)
    except LookupError as error:
        whose, where = ("", "") if step is None else (f" of '{step}'", f"steps.{step}.")
        message = f"{field}{whose} reads {_told(binding)}, which has {error.args[0]}"
        raise InvalidTask(message, f"workflow.{where}{field}", "bind it to a part that exists") from None


def part_of(binding: Binding, path: Path) -> Binding:
    """The part of what a binding stands for. References get a longer path; only literals are copied.

    Raises:
        LookupError: there certainly is no such part.
    """
    if not path:
        return binding
    match binding:
        case StepRef(step=step, path=base):
            return StepRef(step=step, path=(*base, *path))
        case InputRef(input=name, path=base):
            return InputRef(input=name, path=(*base, *path))
        case ItemRef(item=base):
            return ItemRef(item=(*base, *path))
        case Value(value=value):
            return Value(value=follow(value, path))
    index, *rest = path
    if not isinstance(index, int) or not 0 <= index < len(binding.gather):
        raise LookupError(f"no '{index}' at the top, {kind_of(binding.gather)}")
    return part_of(binding.gather[index], tuple(rest))


def _sinks(workflow: Workflow) -> list[Node]:
    read = {ref for node in workflow.steps for ref in node.refs}
    return [node for node in workflow.steps if node.id not in read]
