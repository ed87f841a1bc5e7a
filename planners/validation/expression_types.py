"""What the type checker of expressions is told of a shape: the fields that objects certainly have, and no others."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from weakref import WeakKeyDictionary

from planners.expressions.value_types import ListType, RecordType, ValueKind, ValueType, merged
from planners.validation.shapes import Each, Known, Many, Members, OrNull, Parts, Typed, Values, ValueShape
from planners.validation.variants import variants

# Numbers are left out: JSON does not tell 1 from 1.0, and CEL does.
_KINDS = {"string": ValueKind.TEXT, "boolean": ValueKind.BOOLEAN, "array": ValueKind.LIST, "object": ValueKind.OBJECT}
# What lies deeper, and what is beyond so many fields, may be anything: schemas may contain themselves.
_MOST_DEPTH, _MOST_FIELDS = 8, 500
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_found: WeakKeyDictionary[ValueShape, ValueType] = WeakKeyDictionary()


def type_of_shape(shape: ValueShape) -> ValueType:
    """The type of all values of this shape, as far as it is certain."""
    if shape not in _found:
        _found[shape] = _Types().of(shape)
    return _found[shape]


class _Types:
    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def of(self, shape: ValueShape, depth: int = 0) -> ValueType:
        if depth > _MOST_DEPTH or self._left <= 0:
            return ValueKind.ANY
        match shape:
            case Known() | Values():  # its own values tell what is there; no schema promises it
                return _kind(shape)
            case Many(of=of):
                return ListType(self.of(of, depth + 1))
            case Parts(parts=parts):
                return ListType(self._merged(parts, depth + 1)) if parts else ValueKind.LIST
            case Members(fields=fields):
                return self._record(fields.items(), depth)
            case Each(shapes=shapes):
                return self._merged(shapes, depth) if shapes else ValueKind.ANY
            case OrNull(of=of):
                known = self.of(of, depth)
                return replace(known, nullable=True) if isinstance(known, RecordType) else ValueKind.ANY
            case Typed():
                return self._declared(shape, depth)
            case _:
                return _kind(shape)

    def _declared(self, shape: Typed, depth: int) -> ValueType:
        found = [variant for schema, root in shape.schemas for variant in variants(schema, root)]
        if any(variant is True for variant in found):
            return ValueKind.ANY
        kinds = {variant["type"] for variant in found}
        if kinds == {"array"} and shape.elements is not None:
            return ListType(self.of(shape.elements, depth + 1))
        objects = [variant for variant in found if variant["type"] == "object"]
        if objects and kinds <= {"object", "null"} and all(map(_is_closed, objects)):
            names = dict.fromkeys(name for variant in objects for name in variant["properties"])
            parts = ((name, shape.part(name)) for name in names)
            fields = [(name, part) for name, part in parts if part is not None]
            return self._record(fields, depth, nullable="null" in kinds)
        return _kind(shape)

    def _record(self, parts: Iterable[tuple[str, ValueShape]], depth: int, *, nullable: bool = False) -> ValueType:
        named = [(name, part) for name, part in parts if _NAME.fullmatch(name)]  # others are not read as fields
        if len(named) > self._left:
            return ValueKind.ANY
        self._left -= len(named)
        return RecordType(tuple((name, self.of(part, depth + 1)) for name, part in named), nullable)

    def _merged(self, shapes: Iterable[ValueShape], depth: int) -> ValueType:
        return reduce(merged, (self.of(shape, depth) for shape in shapes))


def _kind(shape: ValueShape) -> ValueKind:
    return _KINDS.get(shape.json_type or "", ValueKind.ANY)


def _is_closed(schema: dict[str, object]) -> bool:
    """Whether an object certainly has no other fields than those that its schema names."""
    named, more = schema.get("properties"), schema.get("additionalProperties", False)
    return bool(named) and more is False and "patternProperties" not in schema
