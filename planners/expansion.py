"""Unrolling a declared workflow into flat steps: ``for_each`` becomes one copy of its steps per element.

Always from the declared workflow and what is known so far, so the same inputs and outputs give the same flat workflow.
A list that only a step can tell leaves its block pending; when the step has ended the workflow is unrolled anew and the
result is a new plan of authority like any other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from planners.bindings import Binding, Gather, InputRef, ItemRef, Path, StepRef, Value, follow, step_refs
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
    """Unroll what can be unrolled.

    Args:
        workflow: a workflow that `planners.validation` accepts.
        inputs: the task's inputs.
        known: outputs of finished steps by flat id, as far as a ``for_each`` runs over them.
        most: stop after so many steps; who asks for fewer than there are gets the first ones.

    Raises:
        InvalidTask: a ``for_each`` runs over something that is no list, or the result exceeds MAX_STEPS.
    """
    unroller = _Unroller(inputs, known or {}, most)
    scope = unroller.unroll(workflow.steps, scope={}, item=None, suffix="")
    outputs = dict(workflow.outputs) or {node.id: StepRef(step=node.id) for node in _sinks(workflow)}
    return FlatWorkflow(
        steps=tuple(unroller.steps),
        pending=tuple(unroller.pending),
        outputs={
            name: _substituted(binding, scope, None)
            for name, binding in outputs.items()
            if all(scope.get(ref.step) is not None for ref in step_refs(binding))
        },
    )


def node_refs(node: Node) -> list[StepId]:
    """The ids a node refers to outside itself, once each."""
    refs: list[StepId] = list(node.after)
    if isinstance(node, Step | Goal):
        refs += [ref.step for binding in node.inputs.values() for ref in step_refs(binding)]
    else:
        inner = {child.id for child in node.steps}
        refs += [ref.step for ref in step_refs(node.for_each)]
        refs += [ref for child in node.steps for ref in node_refs(child) if ref not in inner]
    return list(dict.fromkeys(refs))


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Nodes of one level in topological order, stable: declaration order wherever dependencies allow it."""
    by_id = {node.id: node for node in nodes}
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
        missing = [by_id[ref] for ref in node_refs(node) if ref in by_id and ref not in ordered]
        stack.extend((parent, False) for parent in reversed(missing))
    return list(ordered.values())


# What a declared id stands for once unrolled; None: not unrolled yet.
_Scope = dict[StepId, Binding | None]


class _Unroller:
    def __init__(self, inputs: Mapping[str, Any], known: Mapping[StepId, Any], most: int) -> None:
        self._most = most
        self._inputs = inputs
        self._known = known
        self.steps: list[Step] = []
        self.pending: list[Pending] = []

    def unroll(self, nodes: Iterable[Node], scope: _Scope, item: Binding | None, suffix: str) -> _Scope:
        """Append the flat steps of one level; returns the scope with this level's ids."""
        scope = dict(scope)
        for node in in_order(nodes):
            flat_id = StepId(node.id + suffix)
            if len(self.steps) >= self._most:
                scope[node.id] = None
            elif isinstance(node, Goal) or any(scope.get(ref) is None for ref in node_refs(node)):
                self.pending.append(Pending(id=flat_id))
                scope[node.id] = None
            elif isinstance(node, Step):
                self.steps.append(_placed(node, flat_id, scope, item))
                scope[node.id] = StepRef(step=flat_id)
            else:
                scope[node.id] = self._unroll_block(node, flat_id, scope, item, suffix)
            if len(self.steps) > MAX_STEPS:
                raise InvalidTask(f"it unrolls to more than {MAX_STEPS} steps", "workflow", "split the task")
        return scope

    def _unroll_block(
        self, block: ForEach, flat_id: StepId, scope: _Scope, item: Binding | None, suffix: str
    ) -> Binding | None:
        over = _substituted(block.for_each, scope, item)
        if isinstance(over, StepRef) and over.step not in self._known:
            self.pending.append(Pending(id=flat_id, waits_for=over.step))
            return None
        gathered: list[Binding] = []
        for index in range(self._length(over, block.id)):
            inner = self.unroll(block.steps, scope, part_of(over, (index,)), f"{suffix}[{index}]")
            output = inner[block.output_step]
            if output is None:
                self.pending.append(Pending(id=flat_id))
                return None
            gathered.append(output)
        return Gather(gather=tuple(gathered))

    def _length(self, over: Binding, block: StepId) -> int:
        match over:
            case Gather(gather=parts):
                return len(parts)
            case InputRef(input=name, path=path):
                value = _found(self._inputs[name], path, f"the input '{name}'", block)
            case StepRef(step=step, path=path):
                value = _found(self._known[step], path, f"what '{step}' gave", block)
            case Value(value=value):
                pass
            case _:
                value = None
        if not isinstance(value, list):
            raise InvalidTask(
                f"for_each runs over a list, and this is {type(value).__name__}",
                f"workflow.steps.{block}.for_each",
                "bind it to a list",
            )
        return len(value)


def _found(value: Any, path: Path, whose: str, block: StepId) -> Any:
    try:
        return follow(value, path)
    except LookupError as error:
        raise InvalidTask(
            f"{whose} has {error.args[0]}", f"workflow.steps.{block}.for_each", "bind it to a list that is there"
        ) from None


def _placed(step: Step, flat_id: StepId, scope: _Scope, item: Binding | None) -> Step:
    after = tuple(dict.fromkeys(ref.step for name in step.after for ref in step_refs(_bound(scope, name))))
    return step.model_copy(
        update={
            "id": flat_id,
            "inputs": {name: _substituted(binding, scope, item) for name, binding in step.inputs.items()},
            "after": after,
        }
    )


def _bound(scope: _Scope, name: StepId) -> Binding:
    binding = scope[name]
    assert binding is not None, "a node whose references are pending is pending itself"
    return binding


def _substituted(binding: Binding, scope: _Scope, item: Binding | None) -> Binding:
    match binding:
        case StepRef(step=step, path=path):
            return part_of(_bound(scope, step), path)
        case ItemRef(item=path):
            assert item is not None, "validation refuses $item outside a for_each"
            return part_of(item, path)
        case Gather(gather=parts):
            return Gather(gather=tuple(_substituted(part, scope, item) for part in parts))
        case _:
            return binding


def part_of(binding: Binding, path: Path) -> Binding:
    """The part of what a binding stands for; stays symbolic, nothing is copied but literals.

    Raises:
        LookupError: there surely is no such part.
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
        case Gather(gather=parts):
            index, *rest = path
            if not isinstance(index, int) or not 0 <= index < len(parts):
                raise LookupError(f"no '{index}' in a list of {len(parts)}")
            return part_of(parts[index], tuple(rest))


def _sinks(workflow: Workflow) -> list[Node]:
    read = {ref for node in workflow.steps for ref in node_refs(node)}
    return [node for node in workflow.steps if node.id not in read]
