"""Checks of outputs: conditions in CEL over ``$output``, such as ``$output.score > 0.8 && size($output.text) < 99``."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from planners.bindings import StepRef
from planners.expressions.evaluation import evaluate, type_flaw
from planners.expressions.references import OUTPUT, parsed, written

_ONLY = StepRef(step=OUTPUT)


def _well_formed(text: str) -> str:
    expression = parsed(text)
    if other := next((root for root in expression.roots if root != _ONLY), None):
        raise ValueError(f"a check reads $output alone, not {written(other)}")
    if _ONLY not in expression.roots:
        raise ValueError("a check must read $output")
    if (flaw := type_flaw(expression, {})) is not None:
        raise ValueError(flaw)
    return text


Check = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_well_formed)]


def passes(check: str, output: Any) -> bool:
    """Whether an output passes.

    Raises:
        ExpressionFailed: the check has no value for it, or needs too much time or memory.
    """
    return evaluate(parsed(check), [output]) is True
