"""Expressions: whether they read what exists, apply operators to the right types, and what they make."""

from collections.abc import Callable, Mapping
from typing import Any

from planners.bindings import Computed, Path
from planners.expressions.errors import UnknownField, fix_of_type
from planners.expressions.evaluation import type_flaw, type_of
from planners.expressions.reads import read_of
from planners.expressions.references import Reference, parsed
from planners.expressions.value_types import RecordType, ValueType
from planners.validation.expression_types import type_of_shape
from planners.validation.shapes import ANYTHING, Known, Typed, ValueShape
from planners.validation.suggestions import nearest, shown

_SCALARS = {
    "bool": "boolean",
    "int": "integer",
    "uint": "integer",
    "double": "number",
    "string": "string",
    "null": "null",
}
# What a reference stands for: the shape of its root, then the fields that follow and must exist.
ShapeOf = Callable[[Reference], ValueShape]
# Follows the fields behind a read: its shape, the fields, and its name for messages.
Walk = Callable[[ValueShape, Path, str], ValueShape]


def condition_flaw(text: str, shape_of: ShapeOf) -> tuple[str, str] | None:
    """What is wrong with a condition, and how to mend it; None if nothing is, as far as types are known."""
    flaw = type_flaw(parsed(text), _types(text, shape_of)) or _no_condition(text, shape_of)
    if flaw is None:
        return None
    what = "cannot be evaluated" if isinstance(flaw, UnknownField) else "is not a condition"
    return f"'{shown(text)}' {what}: {flaw}", fix_of(flaw)


def _no_condition(text: str, shape_of: ShapeOf) -> ValueError | None:
    """Whether a condition is a number and nothing else. CEL is not told which values are numbers."""
    (only, *others) = [part for part in parsed(text).parts if not isinstance(part, str) or part.strip()]
    if others or isinstance(only, str) or only.guarded or shape_of(only).json_type not in ("number", "integer"):
        return None
    return ValueError("its value is a number, neither true nor false")


def fix_of(flaw: ValueError) -> str:
    """How to mend an expression."""
    cause = flaw.__cause__ if isinstance(flaw.__cause__, UnknownField) else flaw
    if isinstance(cause, UnknownField):
        return nearest(cause.name, cause.known)
    return fix_of_type(str(flaw))


def fix_of_part(shape: ValueShape, key: str) -> str:
    """What to do about a part that a value certainly does not have."""
    if shape.is_list:
        return "it is a list: choose an element by its index, or run a for_each over it"
    if isinstance(shape, Known) and isinstance(shape.value, dict):
        return nearest(key, shape.value)
    known = type_of_shape(shape)
    return (
        nearest(key, known.names) if isinstance(known, RecordType) else "refer to a field of the agents' output_schema"
    )


def made_by(computed: Computed, read: Mapping[str, ValueShape], walk: Walk) -> ValueShape:
    """What an expression makes.

    Args:
        computed: the expression.
        read: what its reads stand for.
        walk: follows the fields behind a read.

    Raises:
        ValueError: it is not well-formed, or applies an operator to wrong types, or makes what JSON does not have.
    """

    def shape_of(reference: Reference) -> ValueShape:
        name, fields = read_of(reference, read)
        return walk(read[name], fields[:-1] if reference.guarded else fields, name)

    try:
        kind = type_of(parsed(computed.cel), _types(computed.cel, shape_of))
        schema = _schema(kind)
    except ValueError as error:
        raise ValueError(f"'{shown(computed.cel)}' makes no value: {error}") from error
    shape: ValueShape | None = ANYTHING if schema is True else Typed(((schema, schema),))
    for part in computed.path:
        shape = None if shape is None else shape.part(part)
    return ANYTHING if shape is None else shape


def _types(text: str, shape_of: ShapeOf) -> dict[Reference, ValueType]:
    return {one: type_of_shape(shape_of(one)) for one in parsed(text).references}


def _schema(kind: str) -> Any:
    """The JSON schema of a type of CEL; True stands for any value."""
    if kind == "dyn":
        return True
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if kind.startswith("list<"):
        return {"type": "array", "items": _schema(kind[5:-1])}
    if kind.startswith("map<"):
        key, _, value = kind[4:-1].partition(", ")
        if key not in {"string", "dyn"}:
            raise ValueError(f"the keys of its object are {key}, not string")
        return {"type": "object", "additionalProperties": _schema(value)}
    raise ValueError(f"its value is a {kind}, which JSON does not have; write string(...)")
