"""Types: whether a value can be what an input takes. Refuses only what certainly fails.

Types are compared by their JSON schemas. Whatever is not understood, and whatever some value of the type may fulfil (a
union, an optional value, a number where an integer is wanted), is accepted. Lists are compared by their elements, and
objects by the fields that both sides declare.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from planners.agents import CONVERTS
from planners.validation.shapes import Each, Known, Many, Members, OneOf, OrNull, Parts, Typed, Values, ValueShape
from planners.validation.variants import variants

# Deeper parts, and the rest of longer lists, are left to the agent.
_DEEPEST, _MOST_VALUES, _MOST_SHOWN = 8, 1_000, 5
_NAMES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
# pydantic takes seconds for moments and durations.
_TIMES = frozenset({"date-time", "date", "time", "duration"})
_ALSO = {"integer": {"number"}, "number": {"integer"}, "boolean": {"integer", "number"}}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What was found, and what is wanted there. ``path`` leads from the input to the part that differs."""

    found: str
    wanted: str
    path: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The dotted path, for messages; empty at the top."""
        return ".".join(self.path)

    def inside(self, key: str) -> "Mismatch":
        """The same, seen from one level above."""
        return Mismatch(self.found, self.wanted, (key, *self.path))


def mismatch(shape: ValueShape, wanted: Any, root: Any, *, some: bool = False, depth: int = 0) -> Mismatch | None:
    """Why a value of this shape certainly is not what a schema wants; None if it may be.

    Args:
        shape: what is known of the value.
        wanted: the JSON schema of the input.
        root: the document that a ``$ref`` in ``wanted`` points into.
        some: of several values one that fits is enough, because a condition may sort out the others.
        depth: how many levels are above.
    """
    if depth > _DEEPEST:
        return None
    match shape:
        case Known(value=value):
            return _of_value(value, wanted, root, depth)
        case Values(values=values):
            found = (_of_value(value, wanted, root, depth) for value in islice(values, _MOST_VALUES))
            return _of_all(list(found)) if some else _first(found)
        case Typed(schemas=schemas):
            return _of_all([_of_schema(schema, its_root, wanted, root, depth) for schema, its_root in schemas])
        case OrNull(of=of):  # whether it will be there is not known
            return mismatch(of, wanted, root, some=some, depth=depth)
        case Many(of=of):
            return _of_list([("0", of)], wanted, root, depth)
        case Parts(parts=parts):
            return _of_list(
                [(str(index), part) for index, part in enumerate(parts[:_MOST_VALUES])], wanted, root, depth
            )
        case Members(fields=fields):
            return _of_object(fields, wanted, root, depth)
        case Each(shapes=shapes):
            each = (mismatch(one, wanted, root, some=some, depth=depth) for one in shapes[:_MOST_VALUES])
            return _of_all(list(each)) if some or isinstance(shape, OneOf) else _first(each)
    return None


def _of_all(found: list[Mismatch | None]) -> Mismatch | None:
    """The first mismatch if there is no match."""
    return None if None in found else _first(found)


def _first(found: Iterable[Mismatch | None]) -> Mismatch | None:
    return next((each for each in found if each is not None), None)


def _alternatives(schema: Any, root: Any) -> list[Mapping[str, Any]] | None:
    """The types that a schema allows, one schema each; None if it may allow anything."""
    if isinstance(schema, Mapping) and schema.get(CONVERTS):
        return None
    found = list(variants(schema, root))
    return None if not found or True in found or any(each.get(CONVERTS) for each in found) else found


def _of_list(parts: list[tuple[str, ValueShape]], wanted: Any, root: Any, depth: int) -> Mismatch | None:
    """A list of which some elements are known."""

    def matched(option: Mapping[str, Any]) -> Mismatch | None:
        inner = ((index, mismatch(part, _element(option, int(index)), root, depth=depth + 1)) for index, part in parts)
        return _first(found.inside(index) for index, found in inner if found is not None)

    return _among("array", wanted, root, matched)


def _of_object(fields: Mapping[str, ValueShape], wanted: Any, root: Any, depth: int) -> Mismatch | None:
    """An object of which the fields are known."""

    def matched(option: Mapping[str, Any]) -> Mismatch | None:
        inner = ((name, mismatch(part, _field(option, name), root, depth=depth + 1)) for name, part in fields.items())
        return _first(found.inside(name) for name, found in inner if found is not None)

    return _among("object", wanted, root, matched)


def _among(kind: str, wanted: Any, root: Any, matched: Any) -> Mismatch | None:
    """The mismatch of a value of one type; ``matched`` compares it with an alternative of the same type."""
    options = _alternatives(wanted, root)
    if options is None:
        return None
    closest: Mismatch | None = None
    for option in options:
        if not _may_be(kind, option):
            continue
        found = matched(option) if option["type"] == kind else None
        if found is None:
            return None
        closest = closest or found
    return closest or Mismatch(_NAMES.get(kind, kind), _listed(options))


def _may_be(kind: str, option: Mapping[str, Any]) -> bool:
    """Whether a value of one type is taken for another one."""
    taken = option["type"]
    if kind == taken or taken in _ALSO.get(kind, ()) or taken not in _NAMES:
        return True
    return (taken == "string" and kind in {"integer", "number"} and option.get("format") in _TIMES) or (
        taken == "array" and kind == "object" and "prefixItems" in option  # a named tuple, by its fields
    )


def _of_value(value: Any, wanted: Any, root: Any, depth: int) -> Mismatch | None:
    kind = _kind(value)

    def matched(option: Mapping[str, Any]) -> Mismatch | None:
        if kind == "array":
            inner = (
                (str(index), _deeper(each, _element(option, index), root, depth))
                for index, each in enumerate(value[:_MOST_VALUES])
            )
            return _first(found.inside(index) for index, found in inner if found is not None)
        if kind == "object":
            fields = ((name, _deeper(part, _field(option, name), root, depth)) for name, part in value.items())
            return _first(found.inside(name) for name, found in fields if found is not None)
        return _unlisted(value, option)

    found = _among(kind, wanted, root, matched)
    if found is None and kind == "number" and value % 1 != 0 and _only(wanted, root, "integer"):
        return Mismatch(f"the number {value:g}", "an integer")  # 3.0 is one
    return found


def _deeper(value: Any, wanted: Any, root: Any, depth: int) -> Mismatch | None:
    return mismatch(Known(value), wanted, root, depth=depth + 1)


def _only(wanted: Any, root: Any, kind: str) -> bool:
    options = _alternatives(wanted, root)
    return options is not None and all(option["type"] in {kind, "null"} for option in options)


def _unlisted(value: Any, option: Mapping[str, Any]) -> Mismatch | None:
    """A scalar that is none of the values that an enumeration lists."""
    listed = [option["const"]] if "const" in option else option.get("enum")
    if not isinstance(listed, list | tuple) or value in listed:
        return None
    shown = ", ".join(map(repr, listed[:_MOST_SHOWN])) + (", ..." if len(listed) > _MOST_SHOWN else "")
    return Mismatch(repr(value)[:60], f"one of {shown}" if len(listed) > 1 else shown)


def _of_schema(schema: Any, its_root: Any, wanted: Any, root: Any, depth: int) -> Mismatch | None:
    """A value of which the schema is known: it mismatches if each of its types does."""
    types = None if isinstance(its_root, Mapping) and its_root.get(CONVERTS) else _alternatives(schema, its_root)
    if types is None:
        return None
    return _of_all([_of_type(each, its_root, wanted, root, depth) for each in types])


def _of_type(each: Mapping[str, Any], its_root: Any, wanted: Any, root: Any, depth: int) -> Mismatch | None:
    def matched(option: Mapping[str, Any]) -> Mismatch | None:
        return _first(
            found.inside(key)
            for key, part, inner in _common(each, option)
            if (found := mismatch(Typed(((part, its_root),)), inner, root, depth=depth + 1)) is not None
        )

    return _among(each["type"], wanted, root, matched)


def _common(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The parts that two schemas of one type both declare: (key, made, wanted)."""
    if made["type"] == "array" and "prefixItems" not in made and "prefixItems" not in wanted:
        yield "0", made.get("items", True), wanted.get("items", True)
    elif made["type"] == "object":
        there = wanted.get("properties") or {}
        for name, part in (made.get("properties") or {}).items():
            if name in there:
                yield name, part, there[name]


def _element(option: Mapping[str, Any], index: int) -> Any:
    first = option.get("prefixItems", ())
    return first[index] if index < len(first) else option.get("items", True)


def _field(option: Mapping[str, Any], name: str) -> Any:
    properties = option.get("properties") or {}
    return properties[name] if name in properties else option.get("additionalProperties", True)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case _:
            return "object"


def _listed(options: list[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(_NAMES[option["type"]] for option in options))
    return " or ".join(names)
