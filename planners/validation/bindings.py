"""Bindings: whether each one leads to something. Task inputs, fields of outputs, elements of lists."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from planners.bindings import (
    Binding,
    Compound,
    Computed,
    ContextRef,
    InputRef,
    ItemRef,
    Leaf,
    Path,
    StateRef,
    StepRef,
    Value,
    fold_binding,
    follow,
)
from planners.compensation import undo_step
from planners.context_keys import paths_of_output
from planners.errors import InvalidTask
from planners.expressions.references import HANDOFF, OUTPUT, RESULTS, Reference, written
from planners.model import StepId
from planners.node_order import in_order
from planners.policies import CompletionPolicy
from planners.steps import Approval, Wait
from planners.validation.candidates import CandidateAgents, mismatch_of_all, mismatch_of_used
from planners.validation.expressions import condition_flaw, fix_of, fix_of_part, made_by
from planners.validation.offers import Requirements
from planners.validation.pauses import ANSWER, pause_flaw
from planners.validation.shapes import ANYTHING, Block, Known, Many, Members, OneOf, Parts, ValueShape, or_null
from planners.validation.structure import ROOT
from planners.validation.suggestions import nearest, shown
from planners.validation.type_match import Mismatch, mismatch
from planners.workflow import FanOutNode, ForEach, Loop, Node, Parallel, Route, Step, Try, Use, Workflow

# What the ids that a node may refer to stand for.
_Scope = ChainMap[StepId, ValueShape]
# How a step ended, as conditions read it.
_HANDOFF = Known({"status": "succeeded", "confidence": 1.0})
# A dotted path in parts, the first possibly in parts itself: joined for errors only.
_Where = tuple[Any, ...]


@dataclass(frozen=True)
class Reading:
    """The outcome: errors, and the least length of the list of each ``for_each``."""

    flaws: list[InvalidTask] = field(default_factory=list)
    lengths: dict[StepId, int] = field(default_factory=dict)


class _EnoughFlaws(Exception):
    """The most errors that are reported have been found."""


def read(
    workflow: Workflow,
    inputs: Mapping[str, Any],
    requirements: Requirements,
    most: int,
    given: Mapping[str, ValueShape] | None = None,
) -> Reading:
    """Follow every binding of a workflow of sound structure; stop after ``most`` errors.

    ``given``: inputs of which no value is known.
    """
    reader = _Reader(inputs, requirements, most, given or {})
    try:
        scope = reader.level(workflow.steps, (ROOT,), ChainMap(), None)
        for name, binding in workflow.outputs.items():
            reader.shape(binding, ("workflow.outputs", name), scope, None)
    except _EnoughFlaws:
        pass
    return reader.reading


class _Reader:
    def __init__(
        self, inputs: Mapping[str, Any], requirements: Requirements, most: int, given: Mapping[str, ValueShape]
    ) -> None:
        self._inputs = inputs
        self._requirements = requirements
        self._most = most
        self._known: dict[tuple[str, Path], Known] = {}
        self._candidates: dict[int, CandidateAgents] = {}
        self._mismatches: dict[tuple[int, str, ValueShape, bool], Mismatch | None] = {}
        self._inside_routes = 0
        self._states: list[frozenset[str]] = []
        self._given = given
        self._of_used: dict[str, ValueShape] = dict(given)
        self.reading = Reading()

    def level(self, nodes: Sequence[Node], where: _Where, outer: _Scope, item: ValueShape | None) -> _Scope:
        """Read one level; returns its scope."""
        scope = outer.new_child()
        for node in in_order(nodes):
            scope[node.id] = self._node(node, (where, node.id), scope, item)
        return scope

    def _node(self, node: Node, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        if node.join is not None:
            joined = {one: scope[one] for one in node.join.steps}
            self._complete_when(node.join, list(joined.values()), (where, "join"), scope)
            scope = scope.new_child({one: or_null(shape) for one, shape in joined.items()})
        found = self._kind(node, where, scope, item)
        # What stands in for a skipped output may be anything.
        return found if node.default is None else ANYTHING

    def _kind(self, node: Node, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        if isinstance(node, Step):
            return self._step(node, where, scope, item)
        for name, condition in () if isinstance(node, Loop) else node.conditions:
            self._condition(condition, (where, name), scope, item)
        if isinstance(node, ForEach):
            return self._block(node, where, scope, item)
        for name, binding in node.bindings:
            shape = self.shape(binding, (where, name), scope, item)
            if isinstance(node, Use):
                self._check_used(node, name.removeprefix("inputs."), shape, (where, name))
            elif isinstance(node, Wait) and (flaw := pause_flaw(shape)) is not None:
                self._flaw(flaw, (where, name), "write a number of seconds such as 30, or a reference to one")
        match node:
            case Parallel():
                scope = self.level(node.parallel, (where, "parallel"), scope, item)
                self._enough(node, len(node.parallel), where)
                outputs = tuple(scope[child.id] for child in node.parallel)
                self._complete_when(node, outputs, where, scope)
                return Many(OneOf(outputs)) if node.completion.may_drop else Parts(outputs)
            case Loop():
                return self._loop(node, where, scope, item)
            case Use(steps=steps) if steps is not None:
                ((name, branch),) = node.branches
                return self.level(steps, (where, name), scope, None)[branch.output_step]
            case Route() | Try():
                self._inside_routes += 1
                branches = [
                    self.level(branch.steps, (where, name), scope, item)[branch.output_step]
                    for name, branch in node.branches
                ]
                self._inside_routes -= 1
                return OneOf(tuple(branches))
            case Approval():
                return ANSWER
            case _:
                return ANYTHING

    def _condition(self, text: str, where: _Where, scope: _Scope, item: ValueShape | None) -> None:
        """Whether a condition reads what exists and compares like with like."""

        def shape_of(reference: Reference) -> ValueShape:
            of_handoff = isinstance(reference.root, StepRef) and reference.root.path == HANDOFF
            root = _HANDOFF if of_handoff else self.shape(reference.root, where, scope, item)
            return self._walk(root, reference.certain, where, written(reference.root))

        before = len(self.reading.flaws)
        flaw = condition_flaw(text, shape_of)
        if len(self.reading.flaws) == before and flaw is not None:
            self._flaw(flaw[0], where, flaw[1])

    def _complete_when(
        self, policy: CompletionPolicy, results: Sequence[ValueShape], where: _Where, scope: _Scope
    ) -> None:
        """Whether a condition on results reads what there is in one of them."""
        if policy.complete_when is not None:
            own = scope.new_child({RESULTS: Many(OneOf(tuple(results)))})
            self._condition(policy.complete_when, (where, "complete_when"), own, None)

    def _step(self, step: Step, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        """Read a step. Nearly all nodes are steps."""
        may = self._may_do(step)
        for name, binding in step.inputs.items():
            if name not in may.typed and isinstance(binding, Value):  # a literal that may be anything
                continue
            at = (where, "inputs", name)
            self._check_type(may, name, self.shape(binding, at, scope, item), at)
        for key, path in paths_of_output(step.writes).items() if step.writes else ():
            self._walk(may.output, path, (where, "writes", key), f"the output of '{step.id}'")
        if step.check is not None:
            self._condition(step.check, (where, "check"), scope.new_child({OUTPUT: may.output}), item)
        if step.compensate is not None:
            self._compensation(step, where, scope.new_child({step.id: may.output}), item)
        return may.output

    def _check_type(self, may: "CandidateAgents", name: str, shape: ValueShape, where: _Where) -> None:
        """Refuse an input that is of the wrong type for every agent that may do the step."""
        if shape is ANYTHING or name not in may.typed:
            return
        agents, some = may.agents, self._inside_routes > 0
        key = id(may), name, shape, some
        if key not in self._mismatches:
            self._mismatches[key] = mismatch_of_all(agents, name, shape, some=some)
        if (found := self._mismatches[key]) is not None:
            part = f" at '{found.where}'" if found.path else ""
            takes = f"agent '{agents[0].name}' takes {found.wanted} as input '{shown(name)}'{part}"
            message = f"{takes}, and this is {found.found}"
            self._flaw(message, where, f"give {found.wanted}, or correct the types of the agents")

    def _compensation(self, step: Step, where: _Where, scope: _Scope, item: ValueShape | None) -> None:
        """What undoes a step may read the step's own output too."""
        undo = undo_step(step)
        may = self._may_do(undo)
        for name, binding in undo.inputs.items():
            at = (where, "compensate", "inputs", name)
            self._check_type(may, name, self.shape(binding, at, scope, item), at)

    def _may_do(self, step: Step) -> "CandidateAgents":
        agents = self._requirements.candidates(step)  # the same list for like steps
        known = self._candidates.get(id(agents))
        if known is None:
            known = self._candidates[id(agents)] = CandidateAgents.of(agents)
        return known

    def _block(self, block: ForEach, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        over = self.shape(block.for_each, (where, "for_each"), scope, item)
        self.reading.lengths[block.id] = over.least_length
        element = over.elements
        if element is None:
            found = mismatch(over, {"type": "array"}, {})
            self._flaw(
                f"for_each needs a list, and this is {found.found if found else 'something else'}",
                (where, "for_each"),
                "bind it to a list",
            )
        if isinstance(over, Known) and over.is_list:
            self._enough(block, over.least_length, where)
        inner = self.level(block.steps, (where, "steps"), scope, element or ANYTHING)
        self._complete_when(block, [inner[block.output_step]], where, scope)
        return Block(inner[block.output_step], {child.id: inner[child.id] for child in block.steps})

    def _loop(self, loop: Loop, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        """What a turn reads. Of the state only the names are known: each turn may give it another type."""
        self._states.append(frozenset({*loop.state, "turn"}))
        for name, condition in loop.conditions:
            self._condition(condition, (where, name), scope, item)
        ((name, branch),) = loop.branches
        self._inside_routes += 1
        inner = self.level(branch.steps, (where, name), scope, item)
        for field_, binding in loop.inner_bindings:
            self.shape(binding, (where, field_), inner, item)
        for field_, condition in loop.inner_conditions:
            self._condition(condition, (where, field_), inner, item)
        self._inside_routes -= 1
        self._states.pop()
        return inner[branch.output_step]

    def _state(self, path: Path, where: _Where) -> ValueShape:
        if not self._states:
            self._flaw("$state has no meaning outside a loop", where, "put the step into a loop")
        elif not path or str(path[0]) not in self._states[-1]:
            name = str(path[0]) if path else ""
            self._flaw(f"the loop has no state '{shown(name)}'", where, nearest(name, self._states[-1]))
        return ANYTHING

    def _enough(self, node: FanOutNode, elements: int, where: _Where) -> None:
        """Whether a fan-out can be complete."""
        least = node.completion.least_successful(elements)
        if least is not None and least > elements:
            message = f"it needs {least} successful elements, and there are {elements}"
            self._flaw(message, (where, "min_successful"), f"ask for {elements} at most")

    def shape(self, binding: Binding, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        """What a binding stands for; errors are added to the reading."""
        if not isinstance(binding, Compound):
            return self._leaf(binding, where, scope, item)
        return fold_binding(
            binding,
            lambda leaf: self._leaf(leaf, where, scope, item),
            lambda parts: Parts(tuple(parts)),
            Members,
            lambda computed, read: self._made(computed, read, where),
        )

    def _made(self, computed: Computed, read: Mapping[str, ValueShape], where: _Where) -> ValueShape:
        before = len(self.reading.flaws)
        try:
            return made_by(computed, read, lambda shape, fields, name: self._walk(shape, fields, where, name))
        except ValueError as error:
            if len(self.reading.flaws) == before:
                self._flaw(str(error), where, fix_of(error))
            return ANYTHING

    def _leaf(self, leaf: Leaf, where: _Where, scope: _Scope, item: ValueShape | None) -> ValueShape:
        match leaf:
            case Value(value=value):
                return Known(value)
            case InputRef():
                return self._input(leaf, where)
            case ContextRef() | StepRef(path=("$handoff", *_)):
                return ANYTHING
            case StepRef(step=step, path=path):
                found = scope.get(step, ANYTHING)
                return self._walk(found, path, where, f"the output of '{step}'") if path else found
            case ItemRef(item=path) if item is not None:
                return self._walk(item, path, where, "an element of the list")
            case ItemRef():
                self._flaw("$item has no meaning outside a for_each", where, "put the step into a for_each")
                return ANYTHING
            case StateRef(loop_state=path):
                return self._state(path, where)

    def _check_used(self, node: Use, name: str, shape: ValueShape, where: _Where) -> None:
        """Refuse an input of a used workflow that is of the wrong type; its steps read what is given."""
        found = mismatch_of_used(node, name, shape, self._requirements.catalog, some=self._inside_routes > 0)
        if found is not None:
            message = f"workflow '{node.use}' takes {found.wanted} as input '{name}', and this is {found.found}"
            self._flaw(message, where, f"give {found.wanted}")
        self._of_used[f"{node.id}/{name}"] = shape if found is None else ANYTHING

    def _input(self, ref: InputRef, where: _Where) -> ValueShape:
        if ref.input in self._of_used:
            return self._walk(self._of_used[ref.input], ref.path, where, f"the input '{ref.input.rpartition('/')[2]}'")
        if ref.input not in self._inputs:
            whose = "the workflow" if self._given else "the task"
            fix = f"add it to inputs ({nearest(ref.input, [*self._inputs, *self._given])})"
            self._flaw(f"{whose} has no input '{shown(ref.input)}'", where, fix)
            return ANYTHING
        key = (ref.input, ref.path)
        try:
            if key not in self._known:
                self._known[key] = Known(follow(self._inputs[ref.input], ref.path))
        except LookupError as error:
            message = f"the input '{shown(ref.input)}' has {error.args[0]}"
            self._flaw(message, where, "correct the path or the input")
            return ANYTHING
        return self._known[key]

    def _walk(self, shape: ValueShape, path: Path, where: _Where, whose: str) -> ValueShape:
        for depth, key in enumerate(path):
            found = shape.part(key)
            if found is None:
                at = ".".join(map(str, path[:depth])) or "the top"
                self._flaw(f"{whose} has no '{key}' at {at}", where, fix_of_part(shape, str(key)))
                return ANYTHING
            shape = found
        return shape

    def _flaw(self, message: str, where: _Where, fix: str) -> None:
        self.reading.flaws.append(InvalidTask(message, _dotted(where), fix))
        if len(self.reading.flaws) >= self._most:
            raise _EnoughFlaws


def _dotted(where: _Where) -> str:
    return ".".join(_dotted(part) if isinstance(part, tuple) else part for part in where)
