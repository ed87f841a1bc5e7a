"""Shapes: what is known of a value before anything runs. The value itself, its JSON schemas, or nothing.

A question without a certain answer is answered with `Anything`; ``None`` means that there certainly is no such part.
Shapes remember their answers, so many references to one value cost little more than one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from planners.bindings import follow
from planners.validation.variants import variants

_JSON_TYPES = {str: "string", bool: "boolean", list: "array", dict: "object", int: "number", float: "number"}


@dataclass(frozen=True, eq=False)
class ValueShape:
    """What is known of a value."""

    @cached_property
    def _parts(self) -> "dict[str | int, ValueShape | None]":
        return {}

    def part(self, key: str | int) -> "ValueShape | None":
        """What is at ``key``; None: certainly nothing."""
        if key not in self._parts:
            self._parts[key] = self._part(key)
        return self._parts[key]

    @cached_property
    def elements(self) -> "ValueShape | None":
        """What all elements of a list have in common; None: it certainly is not a list."""
        return ANYTHING

    @property
    def least_length(self) -> int:
        """How many elements a list has at least."""
        return 0

    @property
    def is_list(self) -> bool:
        """Whether it certainly is a list."""
        return self.json_type == "array"

    @property
    def json_type(self) -> str | None:
        """Its type as JSON schema names it; None where that is not certain."""
        return None

    def _part(self, _key: str | int) -> "ValueShape | None":
        return ANYTHING


@dataclass(frozen=True, eq=False)
class Anything(ValueShape):
    """Nothing is known."""


ANYTHING = Anything()


@dataclass(frozen=True, eq=False)
class Known(ValueShape):
    """The value itself."""

    value: Any

    @cached_property
    def elements(self) -> ValueShape | None:
        """All elements of the list."""
        return Values(self.value) if isinstance(self.value, list) else None

    @property
    def least_length(self) -> int:
        """The length of the list."""
        return len(self.value) if isinstance(self.value, list) else 0

    @property
    def json_type(self) -> str | None:
        """The type of the value; numbers are of one type."""
        return _JSON_TYPES.get(type(self.value))

    def _part(self, key: str | int) -> ValueShape | None:
        try:
            return Known(follow(self.value, (key,)))
        except LookupError:
            return None


@dataclass(frozen=True, eq=False)
class Values(ValueShape):
    """One of these values at a time: a part must be in all of them. Holds no shape per value: there may be many."""

    values: Sequence[Any]

    @cached_property
    def elements(self) -> ValueShape | None:
        """The elements of all of the lists."""
        if not all(isinstance(value, list) for value in self.values):
            return None
        return Values(list(chain.from_iterable(self.values)))

    @cached_property
    def least_length(self) -> int:
        """The length of the shortest list."""
        return min((len(value) if isinstance(value, list) else 0 for value in self.values), default=0)

    def _part(self, key: str | int) -> ValueShape | None:
        try:
            return Values([follow(value, (key,)) for value in self.values])
        except LookupError:
            return None


@dataclass(frozen=True, eq=False)
class Typed(ValueShape):
    """What agents declare: any of these schemas may hold, each with the document its ``$ref`` points into."""

    schemas: tuple[tuple[Any, Any], ...]

    @property
    def json_type(self) -> str | None:
        """The type that all of the schemas name."""
        found = {
            variant["type"] if variant is not True else None
            for schema, root in self.schemas
            for variant in variants(schema, root)
        }
        return found.pop() if len(found) == 1 else None

    @cached_property
    def elements(self) -> ValueShape | None:
        """What the schemas say of the elements."""
        return _any_of(found for schema, root in self.schemas for found in _schema_elements(schema, root))

    def _part(self, key: str | int) -> ValueShape | None:
        return _any_of(found for schema, root in self.schemas for found in _schema_part(schema, root, key))


@dataclass(frozen=True, eq=False)
class Many(ValueShape):
    """A list of unknown length whose elements all have one shape."""

    of: ValueShape

    @cached_property
    def elements(self) -> ValueShape | None:
        """The shape of every element."""
        return self.of

    @property
    def json_type(self) -> str | None:
        """Always a list."""
        return "array"

    def _part(self, key: str | int) -> ValueShape | None:
        return self.of if isinstance(key, int) else None


@dataclass(frozen=True, eq=False)
class Block(Many):
    """The outputs of a ``for_each``: a list, and by name the list of each step directly inside."""

    lists: Mapping[str, ValueShape]

    def _part(self, key: str | int) -> ValueShape | None:
        return Many(self.lists[key]) if isinstance(key, str) and key in self.lists else super()._part(key)


@dataclass(frozen=True, eq=False)
class Parts(ValueShape):
    """A list of exactly these elements."""

    parts: tuple[ValueShape, ...]

    @cached_property
    def elements(self) -> ValueShape | None:
        """All of the parts."""
        return Each(self.parts)

    @property
    def least_length(self) -> int:
        """The number of parts."""
        return len(self.parts)

    @property
    def json_type(self) -> str | None:
        """Always a list."""
        return "array"

    def _part(self, key: str | int) -> ValueShape | None:
        return self.parts[key] if isinstance(key, int) and 0 <= key < len(self.parts) else None


@dataclass(frozen=True, eq=False)
class Members(ValueShape):
    """An object of exactly these fields."""

    fields: Mapping[str, ValueShape]

    @cached_property
    def elements(self) -> ValueShape | None:
        """It is no list."""
        return None

    @property
    def json_type(self) -> str | None:
        """Always an object."""
        return "object"

    def _part(self, key: str | int) -> ValueShape | None:
        return self.fields.get(str(key))


@dataclass(frozen=True, eq=False)
class Each(ValueShape):
    """One of these at a time: a part must be in all of them."""

    shapes: tuple[ValueShape, ...]

    @property
    def json_type(self) -> str | None:
        """The type of all of them."""
        found = {shape.json_type for shape in self.shapes}
        return found.pop() if len(found) == 1 else None

    @cached_property
    def elements(self) -> ValueShape | None:
        """What the elements of all of them have in common."""
        return _all_of(each.elements for each in self.shapes)

    @cached_property
    def least_length(self) -> int:
        """The length of the shortest."""
        return min((each.least_length for each in self.shapes), default=0)

    def _part(self, key: str | int) -> ValueShape | None:
        return _all_of(each.part(key) for each in self.shapes)


@dataclass(frozen=True, eq=False)
class OneOf(Each):
    """What one of several branches gives, of which only one is taken."""


@dataclass(frozen=True, eq=False)
class OrNull(ValueShape):
    """A value, or null in its place, of which all parts are null: what is read of a node that is joined."""

    of: ValueShape

    @cached_property
    def elements(self) -> ValueShape | None:
        """Those of the value."""
        return self.of.elements

    def _part(self, key: str | int) -> ValueShape | None:
        found = self.of.part(key)
        return None if found is None else or_null(found)


def or_null(shape: ValueShape) -> ValueShape:
    """The shape of a value that may be missing."""
    return shape if shape is ANYTHING else OrNull(shape)


def of_schemas(schemas: Iterable[Mapping[str, Any] | None]) -> ValueShape:
    """The shape of the output of one of several agents; an agent without a schema may return anything."""
    declared = list(schemas)
    if not declared or any(schema is None for schema in declared):
        return ANYTHING
    return Typed(tuple((schema, schema) for schema in declared))


def _any_of(found: Iterable[ValueShape]) -> ValueShape | None:
    schemas: list[tuple[Any, Any]] = []
    for shape in found:
        if not isinstance(shape, Typed):
            return ANYTHING
        schemas += shape.schemas
    return Typed(tuple(schemas)) if schemas else None


def _all_of(found: Iterable[ValueShape | None]) -> ValueShape | None:
    shapes: list[ValueShape] = []
    for shape in found:
        if shape is None:
            return None
        shapes.append(shape)
    return Each(tuple(shapes))


def _schema_part(schema: Any, root: Any, key: str | int) -> Iterator[ValueShape]:
    for variant in variants(schema, root):
        if variant is True:
            yield ANYTHING
        elif variant["type"] == "object":
            # A path element that reads as a number is an index of a list or a key of an object.
            yield from _property(variant, root, str(key))
        elif variant["type"] == "array" and isinstance(key, int):
            yield from _item(variant, root, key)


def _property(schema: Mapping[str, Any], root: Any, key: str) -> Iterator[ValueShape]:
    properties = schema.get("properties") or {}
    more = schema.get("additionalProperties", not properties)
    if key in properties:
        yield Typed(((properties[key], root),))
    elif more is True or "patternProperties" in schema:
        yield ANYTHING
    elif isinstance(more, Mapping):
        yield Typed(((more, root),))


def _item(schema: Mapping[str, Any], root: Any, index: int) -> Iterator[ValueShape]:
    first = schema.get("prefixItems", ())
    if index < len(first):
        yield Typed(((first[index], root),))
    elif (rest := schema.get("items", True)) is not False:
        yield Typed(((rest, root),)) if isinstance(rest, Mapping) else ANYTHING


def _schema_elements(schema: Any, root: Any) -> Iterator[ValueShape]:
    for variant in variants(schema, root):
        if variant is True or (variant["type"] == "array" and "prefixItems" in variant):
            yield ANYTHING
        elif variant["type"] == "array":
            yield from _item(variant, root, 0)
