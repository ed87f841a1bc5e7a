"""Conditions on the results of a fan-out: in CEL over ``$results`` and ``$confidences``, two lists in equal order.

Such as ``$results.filter(r, r.score > 0.8).size() >= $inputs.enough``.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from planners.expressions.checks import condition_on
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import evaluate
from planners.expressions.references import CONFIDENCES, RESULTS, parsed
from planners.expressions.value_types import ValueKind
from planners.leaves import InputRef, Root, StepRef

_RESULTS, _CONFIDENCES = StepRef(step=RESULTS), StepRef(step=CONFIDENCES)
# Up to so many results the condition is evaluated after each one, and then whenever they have grown by a twentieth.
_EACH, _GROWTH = 100, 20


def _well_formed(text: str) -> str:
    return condition_on(text, (_RESULTS, _CONFIDENCES), "complete_when", ValueKind.LIST, with_inputs=True)


CompleteWhen = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_well_formed)]


def next_evaluation(after: int) -> int:
    """How many results there must be for the next evaluation, given those of the last one.

    An evaluation takes time in proportion to the results. So all evaluations together read about twenty times as much
    as the last one, and not its square.
    """
    return after + (1 if after < _EACH else after // _GROWTH)


def inputs_read(condition: str) -> list[str]:
    """The inputs that a condition reads, by name, once each."""
    return [root.input for root in parsed(condition).roots if isinstance(root, InputRef)]


def is_reached(
    condition: str, results: Sequence[Any], confidences: Sequence[float], inputs: Mapping[str, Any] | None = None
) -> bool:
    """Whether the condition holds of these results.

    Args:
        condition: as it is declared.
        results: the outputs of the elements that have succeeded, in the order in which they did.
        confidences: what their agents say of them.
        inputs: those that it reads, by name.

    Raises:
        ExpressionFailed: it has no value for them, or needs too much time or memory.
    """
    expression = parsed(condition)
    own: dict[Root, Sequence[Any]] = {_RESULTS: results, _CONFIDENCES: list(confidences)}
    values = [(inputs or {})[root.input] if isinstance(root, InputRef) else own[root] for root in expression.roots]
    held = evaluate(expression, values)
    if not isinstance(held, bool):
        raise ExpressionFailed("its value is neither true nor false")
    return held
