"""Type checks and evaluation of expressions within bounds of time and memory.

The sizes of the inputs are looked at first. What may take long runs in a process of its own that can be killed.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from planners.expressions import engine, isolation
from planners.expressions.engine import ValueKind
from planners.expressions.errors import ExpressionFailed
from planners.expressions.references import Expression, Reference

# What one evaluation may read, in values and characters together.
MOST_INPUT = 10_000_000
# Up to these an evaluation takes some milliseconds, and runs where it is asked for.
_QUICK_INPUT = 200_000
_QUICK_ITERATIONS = 100_000
_MACRO = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(")


def type_flaw(
    expression: Expression, kinds: Mapping[Reference, ValueKind], wanted: ValueKind = ValueKind.BOOLEAN
) -> str | None:
    """What is wrong with an expression whatever its inputs hold; None if nothing is.

    Args:
        expression: parsed.
        kinds: the types of its references, with the fields that follow them, where they are known.
        wanted: the type of its value.
    """
    variables: dict[str, ValueKind] = {}
    names = {root: f"ref_{number}" for number, root in enumerate(expression.roots)}

    def variable(reference: Reference) -> str:
        kind = ValueKind.ANY if reference.guarded else kinds.get(reference, ValueKind.ANY)
        if kind is ValueKind.ANY:
            variables[names[reference.root]] = ValueKind.ANY
            return ".".join([names[reference.root], *reference.fields])
        name = f"typed_{len(variables)}"
        variables[name] = kind
        return name

    try:
        found = engine.type_of(expression.rendered(variable), variables)
    except ValueError as error:
        return expression.told(str(error))
    if wanted is ValueKind.ANY or found in (wanted.value, "dyn"):
        return None
    return f"its value is {found}, not {wanted.value}"


def evaluate(expression: Expression, values: Iterable[Any]) -> Any:
    """The value of an expression.

    Args:
        expression: parsed and checked.
        values: what its roots stand for, in their order; JSON values.

    Raises:
        ExpressionFailed: it has no value for these inputs, or needs too much time or memory.
    """
    bound = {f"ref_{number}": value for number, value in enumerate(values)}
    size, items = _measured(bound.values())
    if size > MOST_INPUT:
        raise ExpressionFailed(f"its inputs have more than {MOST_INPUT} values and characters")
    text = expression.cel
    try:
        if _is_quick(text, size, items):
            return engine.evaluated(text, bound)
        return isolation.evaluated(text, bound)
    except ExpressionFailed as error:
        raise ExpressionFailed(expression.told(error.message)) from None


def _is_quick(text: str, size: int, items: int) -> bool:
    """Whether an evaluation surely takes little time and memory. Each macro may run over all elements once more."""
    macros = len(_MACRO.findall(text))
    iterations = (items + text.count(",")) ** max(2, macros) if macros else 0
    return iterations <= _QUICK_ITERATIONS and size * max(1, len(text) // 100) <= _QUICK_INPUT


def _measured(values: Iterable[Any]) -> tuple[int, int]:
    """How many values and characters there are, and how many elements the lists and objects have together."""
    size = items = 0
    pending = list(values)
    while pending and size <= MOST_INPUT:
        value = pending.pop()
        size += 1
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list | tuple):
            items += len(value)
            pending.extend(value)
        elif isinstance(value, dict):
            items += len(value)
            size += sum(map(len, value))
            pending.extend(value.values())
    return size, items
