"""Resolve bindings to sources: values known to the run, or outputs of attempts."""

from collections.abc import Callable, Mapping
from typing import Any

from planners.bindings import SPOKEN, Binding, Computed, InputRef, Leaf, Path, StepRef, Value, fold_binding, follow
from planners.model import AttemptId, StepId, unchecked
from reconciler.state.commands import ComputedOf, Given, ListOf, ObjectOf, OutputOf, Source

# Which attempt serves a step; raises LookupError where none does.
AttemptOf = Callable[[StepId], AttemptId]
# What the handoff of a finished attempt says besides its output; raises LookupError where there is none.
SpokenBy = Callable[[AttemptId], Mapping[str, Any]]
_GIVEN, _OUTPUT = frozenset({"value"}), frozenset({"attempt", "path"})


def _object(parts: dict[str, Source]) -> Source:
    return ObjectOf(fields=parts)


def _computed(computed: Computed, reads: dict[str, Source]) -> Source:
    return ComputedOf(cel=computed.cel, reads=reads, path=computed.path)


def source(binding: Binding, inputs: Mapping[str, Any], attempt_of: AttemptOf, spoken_by: SpokenBy) -> Source:
    """Where the value of a binding lies.

    Raises:
        LookupError: the task's inputs have no such part, or a step has not written what is read.
    """

    def of_leaf(leaf: Leaf) -> Source:
        match leaf:
            case Value(value=value):
                return Given(value=value)
            case InputRef(input=name, path=path):
                return unchecked(Given, {"value": follow(inputs[name], path)}, _GIVEN)
            case StepRef(step=step, path=path) if path[:1] in SPOKEN:
                return Given(value=_said(spoken_by(attempt_of(step)), path, step))
            case StepRef(step=step, path=path):
                return unchecked(OutputOf, {"attempt": attempt_of(step), "path": path}, _OUTPUT)
            case _:
                raise LookupError("$item outside a for_each")

    return fold_binding(binding, of_leaf, lambda parts: ListOf(items=tuple(parts)), _object, _computed)


def _said(spoken: Mapping[str, Any], path: Path, step: StepId) -> Any:
    try:
        return follow(spoken, path)
    except LookupError as error:
        raise LookupError(f"{error.args[0]}, in what the handoff of '{step}' says") from None
