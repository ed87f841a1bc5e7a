"""Whether every binding leads somewhere: task inputs and their parts, outputs and their fields, elements of lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planners.bindings import Binding, Gather, InputRef, ItemRef, Path, StepRef, Value, follow
from planners.errors import InvalidTask
from planners.expansion import in_order
from planners.model import StepId
from planners.validation.offers import Requirements
from planners.validation.shapes import ANYTHING, Known, Many, Parts, Shape, elements, least_length, of_schemas, part
from planners.validation.structure import ROOT
from planners.validation.words import nearest
from planners.workflow import ForEach, Goal, Node, Step, Workflow


@dataclass(frozen=True)
class Reading:
    """What reading all bindings has shown: flaws, and how long each for_each's list is at least."""

    flaws: list[InvalidTask] = field(default_factory=list)
    lengths: dict[StepId, int] = field(default_factory=dict)


def read(workflow: Workflow, inputs: Mapping[str, Any], wishes: Requirements) -> Reading:
    """Follow every binding of a workflow of sound structure."""
    reader = _Reader(inputs, wishes)
    scope = reader.level(workflow.steps, ROOT, {}, None)
    for name, binding in workflow.outputs.items():
        reader.shape(binding, f"workflow.outputs.{name}", scope, None)
    return reader.reading


class _Reader:
    def __init__(self, inputs: Mapping[str, Any], wishes: Requirements) -> None:
        self._inputs = inputs
        self._wishes = wishes
        self.reading = Reading()

    def level(
        self, nodes: Sequence[Node], where: str, scope: Mapping[StepId, Shape], item: Shape | None
    ) -> dict[StepId, Shape]:
        """Read one level; returns the scope with what this level's nodes give."""
        inner = dict(scope)
        for node in in_order(nodes):
            inner[node.id] = self._node(node, f"{where}.{node.id}", inner, item)
        return inner

    def _node(self, node: Node, where: str, scope: Mapping[StepId, Shape], item: Shape | None) -> Shape:
        if isinstance(node, ForEach):
            return self._block(node, where, scope, item)
        for name, binding in node.inputs.items():
            self.shape(binding, f"{where}.inputs.{name}", scope, item)
        if isinstance(node, Goal):
            return ANYTHING
        return self._output(node)

    def _output(self, step: Step) -> Shape:
        return of_schemas(agent.output_schema for agent in self._wishes.candidates(step))

    def _block(self, block: ForEach, where: str, scope: Mapping[StepId, Shape], item: Shape | None) -> Shape:
        over = self.shape(block.for_each, f"{where}.for_each", scope, item)
        self.reading.lengths[block.id] = least_length(over)
        element = elements(over)
        if element is None:
            what = f"this is {type(over.value).__name__}" if isinstance(over, Known) else "this is none"
            self._flaw(f"for_each runs over a list, and {what}", f"{where}.for_each", "bind it to a list")
        inner = self.level(block.steps, f"{where}.steps", scope, element or ANYTHING)
        return Many(inner[block.output_step])

    def shape(self, binding: Binding, where: str, scope: Mapping[StepId, Shape], item: Shape | None) -> Shape:
        """What a binding stands for; what is wrong with it goes to the flaws."""
        match binding:
            case Value(value=value):
                return Known(value)
            case InputRef():
                return self._input(binding, where)
            case StepRef(step=step, path=path):
                return self._walk(scope.get(step, ANYTHING), path, where, f"what '{step}' gives")
            case ItemRef(item=path):
                if item is None:
                    self._flaw("$item means something only inside a for_each", where, "put the step into a for_each")
                    return ANYTHING
                return self._walk(item, path, where, "the elements of the list")
            case Gather(gather=parts):
                return Parts(tuple(self.shape(part, where, scope, item) for part in parts))

    def _input(self, ref: InputRef, where: str) -> Shape:
        if ref.input not in self._inputs:
            fix = f"add it to inputs ({nearest(ref.input, self._inputs)})"
            self._flaw(f"the task has no input '{ref.input}'", where, fix)
            return ANYTHING
        try:
            return Known(follow(self._inputs[ref.input], ref.path))
        except LookupError as error:
            self._flaw(f"the input '{ref.input}' has {error.args[0]}", where, "mend the path or the input")
            return ANYTHING

    def _walk(self, shape: Shape, path: Path, where: str, whose: str) -> Shape:
        for depth, key in enumerate(path):
            found = part(shape, key)
            if found is None:
                at = ".".join(map(str, path[:depth])) or "the top"
                self._flaw(f"{whose} has no '{key}' at {at}", where, _mend(shape))
                return ANYTHING
            shape = found
        return shape

    def _flaw(self, message: str, where: str, fix: str) -> None:
        self.reading.flaws.append(InvalidTask(message, where, fix))


def _mend(shape: Shape) -> str:
    if isinstance(shape, Many | Parts):
        return "it is a list: take an element by its number, or run a for_each over it"
    return "refer to a field that the agents' output_schema has"
