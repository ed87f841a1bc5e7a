"""What can be known of a value before anything has run: the value itself, its JSON schemas, or nothing.

A question that cannot be answered for certain is answered with `Anything`; ``None`` says that there surely is no such
part.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Anything:
    """Nothing is known."""


@dataclass(frozen=True)
class Known:
    """The value itself."""

    value: Any


@dataclass(frozen=True)
class Typed:
    """What agents declare: any of these schemas may hold, each with the document its ``$ref`` point into."""

    schemas: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True)
class Many:
    """A list of unknown length, of elements alike."""

    of: "Shape"


@dataclass(frozen=True)
class Parts:
    """A list of just these."""

    parts: tuple["Shape", ...]


@dataclass(frozen=True)
class Each:
    """Every one of these in turn: a part must be in all of them."""

    shapes: tuple["Shape", ...]


Shape = Anything | Known | Typed | Many | Parts | Each
ANYTHING = Anything()


def of_schemas(schemas: Iterable[Mapping[str, Any] | None]) -> Shape:
    """The shape of what one of several agents gives; one that declares nothing may give anything."""
    declared = list(schemas)
    if not declared or any(schema is None for schema in declared):
        return ANYTHING
    return Typed(tuple((schema, schema) for schema in declared))


def part(shape: Shape, key: str | int) -> Shape | None:
    """What is at ``key``; None: there surely is nothing."""
    match shape:
        case Known(value=value):
            try:
                return Known(value[key])
            except (LookupError, TypeError):
                return None
        case Typed(schemas=schemas):
            return _any_of(found for schema, root in schemas for found in _schema_part(schema, root, key))
        case Many(of=element):
            return element if isinstance(key, int) else None
        case Parts(parts=parts):
            return parts[key] if isinstance(key, int) and 0 <= key < len(parts) else None
        case Each(shapes=shapes):
            return _all_of(part(each, key) for each in shapes)
    return ANYTHING


def elements(shape: Shape) -> Shape | None:
    """What the elements of a list are like; None: it surely is no list."""
    match shape:
        case Known(value=value):
            return Each(tuple(map(Known, value))) if isinstance(value, list) else None
        case Typed(schemas=schemas):
            return _any_of(found for schema, root in schemas for found in _schema_elements(schema, root))
        case Many(of=element):
            return element
        case Parts(parts=parts):
            return Each(parts)
        case Each(shapes=shapes):
            return _all_of(elements(each) for each in shapes)
    return ANYTHING


def least_length(shape: Shape) -> int:
    """How many elements a list has at least."""
    match shape:
        case Known(value=list() as value):
            return len(value)
        case Parts(parts=parts):
            return len(parts)
        case Each(shapes=shapes):
            return min(map(least_length, shapes), default=0)
    return 0


def _any_of(found: Iterable[Shape]) -> Shape | None:
    schemas: list[tuple[Any, Any]] = []
    for shape in found:
        if not isinstance(shape, Typed):
            return ANYTHING
        schemas += shape.schemas
    return Typed(tuple(schemas)) if schemas else None


def _all_of(found: Iterable[Shape | None]) -> Shape | None:
    shapes: list[Shape] = []
    for shape in found:
        if shape is None:
            return None
        shapes.append(shape)
    return Each(tuple(shapes))


def _variants(schema: Any, root: Any, depth: int = 0) -> Iterator[Any]:
    """The schema with references followed and alternatives spread; True stands for what is not understood."""
    if not isinstance(schema, Mapping) or depth > 32:
        yield True
    elif "$ref" in schema:
        yield from _variants(_pointed(root, schema["$ref"]), root, depth + 1)
    elif "anyOf" in schema or "oneOf" in schema:
        for option in schema.get("anyOf", schema.get("oneOf", ())):
            yield from _variants(option, root, depth + 1)
    elif isinstance(schema.get("type"), str) and "allOf" not in schema:
        yield schema
    else:
        yield True


def _pointed(root: Any, pointer: str) -> Any:
    if not pointer.startswith("#/"):
        return True
    for name in pointer[2:].split("/"):
        if not isinstance(root, Mapping) or name not in root:
            return True
        root = root[name]
    return root


def _schema_part(schema: Any, root: Any, key: str | int) -> Iterator[Shape]:
    for variant in _variants(schema, root):
        if variant is True:
            yield ANYTHING
        elif variant["type"] == "object":
            yield from _property(variant, root, key)
        elif variant["type"] == "array" and isinstance(key, int):
            yield from _item(variant, root, key)


def _property(schema: Mapping[str, Any], root: Any, key: str | int) -> Iterator[Shape]:
    properties = schema.get("properties") or {}
    more = schema.get("additionalProperties", not properties)
    if key in properties:
        yield Typed(((properties[key], root),))
    elif more is True or "patternProperties" in schema:
        yield ANYTHING
    elif isinstance(more, Mapping):
        yield Typed(((more, root),))


def _item(schema: Mapping[str, Any], root: Any, index: int) -> Iterator[Shape]:
    first = schema.get("prefixItems", ())
    if index < len(first):
        yield Typed(((first[index], root),))
    elif (rest := schema.get("items", True)) is not False:
        yield Typed(((rest, root),)) if isinstance(rest, Mapping) else ANYTHING


def _schema_elements(schema: Any, root: Any) -> Iterator[Shape]:
    for variant in _variants(schema, root):
        if variant is True or (variant["type"] == "array" and "prefixItems" in variant):
            yield ANYTHING
        elif variant["type"] == "array":
            yield from _item(variant, root, 0)
