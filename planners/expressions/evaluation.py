"""Type checks and evaluation of expressions within bounds of time and memory.

The sizes of the inputs are looked at first. What may take long runs in a process of its own that can be killed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from planners.expressions import engine, isolation
from planners.expressions.errors import ExpressionFailed, UnknownField
from planners.expressions.macros import nesting
from planners.expressions.reads import used_reads
from planners.expressions.references import Expression, Reference, told
from planners.expressions.value_types import ValueKind, ValueType, kind_of_type
from planners.leaves import Path, follow

# What one evaluation may read, in values and characters together, and what it may make.
MOST_INPUT = 10_000_000
MOST_MADE = 10_000_000
# What a value may have that a plan copies: the list of a `for_each`, the state of a loop.
MOST_COPIED = 1_000_000
# Up to these an evaluation takes some milliseconds, and runs where it is asked for.
_QUICK_INPUT = 200_000
_QUICK_COPIES, _QUICK_COMPARISONS = 200_000, 50_000_000


def type_flaw(
    expression: Expression, types: Mapping[Reference, ValueType], wanted: ValueKind = ValueKind.BOOLEAN
) -> ValueError | None:
    """What is wrong with an expression whatever its inputs hold; None if nothing is.

    Args:
        expression: parsed.
        types: of its references, with the fields that follow them, where they are known.
        wanted: the type of its value.
    """
    try:
        found = type_of(expression, types)
    except ValueError as error:
        return error
    if wanted is ValueKind.ANY or found in (wanted.value, "dyn"):
        return None
    return ValueError(f"its value is {found}, not {wanted.value}")


def type_of(expression: Expression, types: Mapping[Reference, ValueType]) -> str:
    """The name of the type of an expression: ``bool``, ``list``, ``dyn``, ...

    Raises:
        UnknownField: it reads a field that an object does not have.
        ValueError: it is not well-formed, names something unknown, or applies an operator to wrong types.
    """
    variables: dict[str, ValueType] = {}
    names = {root: f"ref_{number}" for number, root in enumerate(expression.roots)}

    def variable(reference: Reference) -> str:
        known = ValueKind.ANY if reference.guarded else types.get(reference, ValueKind.ANY)
        if known is ValueKind.ANY:
            variables[names[reference.root]] = ValueKind.ANY
            return ".".join([names[reference.root], *reference.fields])
        name = f"typed_{len(variables)}"
        variables[name] = known
        return name

    text = expression.rendered(variable)
    kinds = {name: kind_of_type(known) for name, known in variables.items()}
    try:
        found = engine.type_of(text, kinds)
        # A field of a record is looked up only where everything else is right.
        return found if kinds == variables else engine.checked_type(text, variables) or found
    except UnknownField:
        raise
    except ValueError as error:
        raise ValueError(expression.told(str(error))) from None


def evaluate(expression: Expression, values: Iterable[Any]) -> Any:
    """The value of an expression.

    Args:
        expression: parsed and checked.
        values: what its roots stand for, in their order; JSON values.

    Raises:
        ExpressionFailed: it has no value for these inputs, or needs too much time or memory.
    """
    bound = {f"ref_{number}": value for number, value in enumerate(values)}
    text = expression.cel
    try:
        return engine.evaluated(text, bound) if _is_quick(text, bound) else isolation.evaluated(text, bound)
    except ExpressionFailed as error:
        raise ExpressionFailed(expression.told(error.message)) from None


def value_of(text: str, reads: Mapping[str, Any], path: Path = (), most: int = MOST_MADE) -> Any:
    """The value that an expression makes, or a part of it.

    Args:
        text: the expression; see `planners.expressions.reads`.
        reads: what it reads, by name; JSON values.
        path: of the part.
        most: values and characters that it may have.

    Raises:
        ExpressionFailed: it has no value for these inputs, needs too much time or memory, or makes too large a value.
    """
    cel, names, bound = _bound(text, reads)
    try:
        value = engine.made(cel, bound, most) if _is_quick(cel, bound) else isolation.made(cel, bound, most)
        return follow(value, path)
    except ExpressionFailed as error:
        raise ExpressionFailed(told(error.message, names)) from None
    except LookupError as error:
        raise ExpressionFailed(f"its value has {error.args[0]}") from None


def is_quick(text: str, reads: Mapping[str, Any]) -> bool:
    """Whether the value of an expression surely takes little time and memory.

    Raises:
        ExpressionFailed: its inputs are too large.
    """
    cel, _, bound = _bound(text, reads)
    return _is_quick(cel, bound)


def _bound(text: str, reads: Mapping[str, Any]) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    cel, names = used_reads(text, tuple(reads))
    return cel, names, {f"ref_{number}": reads[name] for number, name in enumerate(names)}


def _is_quick(text: str, bound: Mapping[str, Any]) -> bool:
    """Whether an evaluation surely takes little time and memory.

    Each macro may run over the longest list, inside each other one, and copies what it has made so far each time.
    Inside it, all inputs may be compared or put together.
    """
    size, longest = _measured(bound.values())
    if size > MOST_INPUT:
        raise ExpressionFailed(f"its inputs have more than {MOST_INPUT} values and characters")
    if size * max(1, len(text) // 100) > _QUICK_INPUT:
        return False
    macros, depth = nesting(text)
    length = (longest + text.count(",")) * (1 + text.count("+"))
    copied, compared = macros * length ** (depth + 1), size * max(1, len(text) // 100) * length**depth
    return not macros or (copied <= _QUICK_COPIES and compared <= _QUICK_COMPARISONS)


def _measured(values: Iterable[Any]) -> tuple[int, int]:
    """How many values and characters there are, and how many elements the longest list or object has."""
    size = longest = depth = 0
    level = list(values)
    while level and size <= MOST_INPUT:
        below: list[Any] = []
        for value in level:
            size += 1
            if isinstance(value, str):
                size += len(value)
            elif isinstance(value, list | tuple):
                longest = max(longest, len(value))
                below.extend(value)
            elif isinstance(value, dict):
                longest = max(longest, len(value))
                size += sum(map(len, value))
                below.extend(value.values())
        level, depth = below, depth + 1
        if depth > engine.MOST_DEPTH:
            raise ExpressionFailed(f"its inputs are nested more than {engine.MOST_DEPTH} levels deep")
    return size, longest
