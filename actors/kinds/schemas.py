"""JSON schemas of a catalog: whether they are any, and checks of values for kinds without types of their own."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import referencing
import referencing.exceptions
from referencing.jsonschema import DRAFT202012

from actors.errors import ActorsError, InvalidCatalog
from planners.validation.suggestions import nearest, shown

_Schema = jsonschema.Draft202012Validator
_META = _Schema(_Schema.META_SCHEMA, format_checker=_Schema.FORMAT_CHECKER)
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_LONGEST = 200
# What these hold is no schema.
_VALUES = frozenset({"const", "enum", "default", "examples"})


def check_schema(value: Any, schema: dict[str, Any] | None, error: type[ActorsError], root: str) -> None:
    """Refuse a value that does not match. ``root`` names the value in messages, such as "inputs".

    Raises:
        ActorsError: of the given type; names the path.
    """
    if schema is None:
        return
    problem = jsonschema.exceptions.best_match(_Schema(schema).iter_errors(value))
    if problem is not None:
        raise error(problem.message, ".".join([root, *map(str, problem.absolute_path)]), "see the agent's schema")


def check_declared(schema: Any, location: str) -> None:
    """Refuse what is not a JSON Schema (draft 2020-12), and references to parts that it does not have.

    Raises:
        InvalidCatalog: names the part; ``location`` is the place of the schema in the catalog.
    """
    try:
        problem = jsonschema.exceptions.best_match(_META.iter_errors(schema))
        if problem is not None:
            raise _refusal(problem, location)
        registry = referencing.Registry().with_resource("", DRAFT202012.create_resource(schema))
        for reference in _references(schema):
            if reference.startswith("#"):
                _check_reference(reference, registry.resolver(), f"{location}.$ref")
    except RecursionError:
        raise InvalidCatalog("the schema is nested too deeply", location, "use fewer levels") from None


def _refusal(problem: jsonschema.ValidationError, location: str) -> InvalidCatalog:
    path, found = list(map(str, problem.absolute_path)), problem.instance
    place = ".".join([location, *path])
    if "type" in path[-2:] and isinstance(found, str):
        return InvalidCatalog(f"'{shown(found)}' is no type of JSON Schema", place, nearest(found, _TYPES))
    fix = "see json-schema.org, draft 2020-12"
    if isinstance(found, str) and found in _TYPES:
        fix = f"write {{type: {found}}}"
    elif path[-1:] == ["items"] and isinstance(found, list):
        fix = "write one schema for all elements, or prefixItems with a list of them"
    return InvalidCatalog(f"this is not a JSON Schema: {problem.message[:_LONGEST]}", place, fix)


def _references(schema: Any) -> Iterator[str]:
    match schema:
        case dict():
            if isinstance(reference := schema.get("$ref"), str):
                yield reference
            for name, part in schema.items():
                # References of a part with an id of its own begin there, and are left to whoever writes one.
                if name not in _VALUES and not (isinstance(part, dict) and "$id" in part):
                    yield from _references(part)
        case list():
            for part in schema:
                yield from _references(part)


def _check_reference(reference: str, resolver: Any, place: str) -> None:
    try:
        resolver.lookup(reference)
    except referencing.exceptions.Unresolvable:
        fix = "point to a part of this schema, such as #/$defs/NAME"
        raise InvalidCatalog(f"'{shown(reference)}' leads nowhere", place, fix) from None
