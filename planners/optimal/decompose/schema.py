"""The JSON schema of a decomposer's answer: one variant per capability, with its inputs.

A server that constrains its output to the schema cannot name a capability or an input that does not exist. Wherever the
capabilities declare their inputs, the schema fits the strict mode of the OpenAI protocol (every property required, no
free-form object).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from planners.interfaces import Interface, Schema, types

# Limits of the strict mode of the OpenAI protocol: beyond them a strict schema is refused, but accepted as a hint.
_MOST_PROPERTIES, _MOST_ENUM_VALUES, _MOST_CHARACTERS = 5000, 1000, 120_000
_STEP = ("id", "capability", "inputs", "after")
_IDS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_SCALARS: tuple[dict[str, Any], ...] = ({"type": "string"}, {"type": "number"}, {"type": "boolean"})


def answer_schema(offered: Iterable[Interface]) -> tuple[dict[str, Any], bool]:
    """The schema, and whether it fits strict mode."""
    listed = list(offered)
    schema = _object({"steps": {"type": "array", "items": {"anyOf": [_step(interface) for interface in listed]}}})
    closed = all(not interface.open and not _takes_objects(interface) for interface in listed)
    return schema, closed and _within_limits(listed)


def _within_limits(listed: Sequence[Interface]) -> bool:
    names = [name for interface in listed for name in (*_STEP, *interface.inputs)]
    characters = sum(map(len, names)) + sum(len(interface.capability) for interface in listed)
    return len(names) < _MOST_PROPERTIES and len(listed) <= _MOST_ENUM_VALUES and characters < _MOST_CHARACTERS


def _step(interface: Interface) -> dict[str, Any]:
    inputs = _object(
        {name: _binding(prop, required=name in interface.required) for name, prop in interface.inputs.items()}
    )
    if interface.open:
        inputs["additionalProperties"] = True
        inputs["required"] = sorted(interface.required)
    fields = ({"type": "string"}, {"type": "string", "enum": [interface.capability]}, inputs, _IDS)
    return _object(dict(zip(_STEP, fields, strict=True)))


def _binding(schema: Schema, *, required: bool) -> dict[str, Any]:
    """A reference (a string that begins with $), a list of them, or a literal of the input's type."""
    wanted = types(schema)
    options: list[dict[str, Any]] = [{"type": "string"}]
    options += [{"type": name} for name in ("integer", "number", "boolean") if name in wanted or not wanted]
    if "array" in wanted or not wanted:
        options.append({"type": "array", "items": {"anyOf": list(_SCALARS)}})
    if "object" in wanted:
        options.append({"type": "object"})
    if not required:
        options.append({"type": "null"})
    return {"anyOf": options} if len(options) > 1 else options[0]


def _takes_objects(interface: Interface) -> bool:
    return any("object" in types(schema) for schema in interface.inputs.values())


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
