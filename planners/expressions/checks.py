"""Checks of outputs: conditions in CEL over ``$output`` and ``$confidence``, such as ``$output.score > 0.8``."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from planners.expressions.evaluation import evaluate, type_flaw
from planners.expressions.references import CONFIDENCE, OUTPUT, parsed, written
from planners.leaves import StepRef

_OUTPUT, _CONFIDENCE = StepRef(step=OUTPUT), StepRef(step=CONFIDENCE)


def _well_formed(text: str) -> str:
    expression = parsed(text)
    if other := next((root for root in expression.roots if root not in (_OUTPUT, _CONFIDENCE)), None):
        raise ValueError(f"a check reads $output and $confidence alone, not {written(other)}")
    if not expression.roots:
        raise ValueError("a check must read $output or $confidence")
    if (flaw := type_flaw(expression, {})) is not None:
        raise ValueError(flaw)
    return text


Check = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_well_formed)]


def passes(check: str, output: Any, confidence: float = 1.0) -> bool:
    """Whether an output passes. ``confidence`` is what its agent says of it.

    Raises:
        ExpressionFailed: the check has no value for it, or needs too much time or memory.
    """
    expression = parsed(check)
    return evaluate(expression, [confidence if root == _CONFIDENCE else output for root in expression.roots]) is True
