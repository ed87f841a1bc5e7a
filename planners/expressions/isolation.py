"""Evaluation in a process of its own, with limits of time and memory. The process exists for one evaluation."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from planners.expressions.errors import ExpressionFailed

MOST_SECONDS = 5
MOST_BYTES = 1 << 30


def evaluated(text: str, values: Mapping[str, Any], seconds: float = MOST_SECONDS) -> Any:
    """The value of a CEL text.

    Raises:
        ExpressionFailed: it has no value for these inputs, or exceeds a limit.
    """
    return json.loads(_answer(json.dumps([text, dict(values), None]), seconds))


def made(text: str, values: Mapping[str, Any], most: int) -> Any:
    """The same as a JSON value, of at most so many values and characters."""
    return json.loads(_answer(json.dumps([text, dict(values), most]), MOST_SECONDS))


# Both planners ask, and each new plan asks again.
@lru_cache(maxsize=64)
def _answer(question: str, seconds: float) -> str:
    command = [sys.executable, "-m", "planners.expressions.worker", str(MOST_BYTES)]
    try:
        done = subprocess.run(  # noqa: S603 -- the interpreter and this package, nothing of the question
            command, input=question, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise ExpressionFailed(f"it takes more than {seconds:g} s") from None
    if done.returncode:
        raise ExpressionFailed(f"it needs more than {MOST_BYTES >> 20} MiB of memory, or crashed the evaluation")
    value, _, failure = done.stdout.partition("\n")
    if failure:
        raise ExpressionFailed(str(json.loads(failure)))
    return value
