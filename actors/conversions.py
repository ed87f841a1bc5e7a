"""Finds types whose values are converted by functions of their own, so that JSON schemas do not tell what they take."""

from collections.abc import Iterator, Mapping
from typing import Any

_BEFORE = frozenset({"function-before", "function-wrap", "function-plain"})


def converting_fields(core_schema: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a typed dict with a validator that may take values of other types than the schema says."""
    definitions, schema = _unwrapped(core_schema)
    for name, field in schema.get("fields", {}).items():
        if any(_takes_others(part) for part in _parts(field, definitions)):
            yield name


def is_serialized_by_function(core_schema: Mapping[str, Any]) -> bool:
    """Whether a part of a value is serialized by a function that does not declare what it returns."""
    definitions, schema = _unwrapped(core_schema)
    return any(_dumps_others(part) for part in _parts(schema, definitions))


def _takes_others(part: Mapping[str, Any]) -> bool:
    config = part.get("config") or {}
    return part.get("type") in _BEFORE or bool(part.get("custom_init")) or "coerce_numbers_to_str" in config


def _dumps_others(part: Mapping[str, Any]) -> bool:
    serialization = part.get("serialization")
    if not isinstance(serialization, Mapping):
        return False
    return str(serialization.get("type")).startswith("function-") and "return_schema" not in serialization


def _unwrapped(core_schema: Mapping[str, Any]) -> tuple[dict[str, Mapping[str, Any]], Mapping[str, Any]]:
    """The definitions by reference, and the schema itself."""
    if core_schema.get("type") != "definitions":
        return {}, core_schema
    return {each["ref"]: each for each in core_schema["definitions"]}, core_schema["schema"]


def _parts(schema: Any, definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every mapping inside a core schema, with its references followed once."""
    pending, seen = [schema], set[str]()
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            yield part
            ref = part.get("schema_ref")
            if isinstance(ref, str) and ref in definitions and ref not in seen:
                seen.add(ref)
                pending.append(definitions[ref])
            pending.extend(value for name, value in part.items() if name != "metadata")
        elif isinstance(part, list | tuple):
            pending.extend(part)
