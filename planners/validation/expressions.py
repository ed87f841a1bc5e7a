"""Expressions: whether they read what exists, apply operators to the right types, and what they make."""

from collections.abc import Callable, Mapping
from typing import Any

from planners.bindings import Computed, Path
from planners.expressions.engine import ValueKind
from planners.expressions.evaluation import type_flaw, type_of
from planners.expressions.reads import read_of
from planners.expressions.references import Reference, parsed
from planners.validation.shapes import ANYTHING, Typed, ValueShape
from planners.validation.suggestions import shown

# Numbers are left out: JSON does not tell 1 from 1.0, and CEL does.
_KINDS = {"string": ValueKind.TEXT, "boolean": ValueKind.BOOLEAN, "array": ValueKind.LIST, "object": ValueKind.OBJECT}
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


def condition_flaw(text: str, shape_of: ShapeOf) -> str | None:
    """What is wrong with a condition; None if nothing is, as far as types are known."""
    flaw = type_flaw(parsed(text), _kinds(text, shape_of))
    return None if flaw is None else f"'{shown(text)}' is not a condition: {flaw}"


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
        kind = type_of(parsed(computed.cel), _kinds(computed.cel, shape_of))
        schema = _schema(kind)
    except ValueError as error:
        raise ValueError(f"'{shown(computed.cel)}' makes no value: {error}") from None
    shape: ValueShape | None = ANYTHING if schema is True else Typed(((schema, schema),))
    for part in computed.path:
        shape = None if shape is None else shape.part(part)
    return ANYTHING if shape is None else shape


def _kinds(text: str, shape_of: ShapeOf) -> dict[Reference, ValueKind]:
    return {one: _KINDS.get(shape_of(one).json_type or "", ValueKind.ANY) for one in parsed(text).references}


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
