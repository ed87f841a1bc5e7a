"""Checks of outputs: conditions in CEL over ``$output`` and ``$confidence``, such as ``$output.score > 0.8``."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from planners.expressions.errors import fix_of_type
from planners.expressions.evaluation import evaluate, type_flaw
from planners.expressions.references import CONFIDENCE, OUTPUT, parsed, written
from planners.expressions.value_types import ValueKind
from planners.leaves import InputRef, StepRef

_OUTPUT, _CONFIDENCE = StepRef(step=OUTPUT), StepRef(step=CONFIDENCE)


def condition_on(
    text: str, roots: Sequence[StepRef], what: str, kind: ValueKind = ValueKind.ANY, *, with_inputs: bool = False
) -> str:
    """A condition that reads some of these roots, of such a type, and nothing else but perhaps inputs.

    Raises:
        ValueError: it is not well-formed, reads nothing or something else, or is no condition.
    """
    own = [written(root) for root in roots]
    names = " or ".join(own)
    try:
        expression = parsed(text)
    except ValueError as error:  # its fix names references that have no meaning here
        message, _, _ = str(error).partition("; ")
        raise ValueError(f"{message}; write {names}{' or $inputs.NAME' if with_inputs else ''}") from None
    others = [root for root in expression.roots if root not in roots]
    if other := next((root for root in others if not (with_inputs and isinstance(root, InputRef))), None):
        *first, last = [*own, "$inputs.NAME"] if with_inputs else own
        raise ValueError(f"{what} reads {', '.join(first)} and {last} alone, not {written(other)}; leave it out")
    if len(others) == len(expression.roots):
        raise ValueError(f"{what} must read {names}; write a condition on {own[0]}")
    kinds = {reference: kind for reference in expression.references if reference.root in roots and not reference.fields}
    if (flaw := type_flaw(expression, kinds)) is not None:
        raise ValueError(f"{flaw}; {fix_of_type(str(flaw))}")
    return text


def _well_formed(text: str) -> str:
    return condition_on(text, (_OUTPUT, _CONFIDENCE), "a check")


Check = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_well_formed)]


def passes(check: str, output: Any, confidence: float = 1.0) -> bool:
    """Whether an output passes. ``confidence`` is what its agent says of it.

    Raises:
        ExpressionFailed: the check has no value for it, or needs too much time or memory.
    """
    expression = parsed(check)
    return evaluate(expression, [confidence if root == _CONFIDENCE else output for root in expression.roots]) is True
