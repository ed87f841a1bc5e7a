"""Interfaces: the inputs and outputs of a capability, merged over all agents that offer it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from planners.agents import AgentSpec, Catalog

Schema = Mapping[str, Any]
_JSON_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


@dataclass(frozen=True)
class Interface:
    """Inputs by name with their JSON schemas, which of them must be bound, and the fields of the output.

    ``open``: some agent does not declare its inputs, so any input is accepted. ``output`` is the schema of the output,
    ``outputs`` those of its fields: empty if it is unknown or not an object.
    """

    capability: str
    description: str = ""
    inputs: Mapping[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    output: Schema = field(default_factory=dict)
    outputs: Mapping[str, Schema] = field(default_factory=dict)
    open: bool = False


def interfaces(catalog: Catalog) -> dict[str, Interface]:
    """Capability -> interface: every input that any agent takes; an input is required if all agents require it."""
    return {capability: _merged(capability, agents) for capability, agents in catalog.by_capability.items()}


def _merged(capability: str, agents: tuple[AgentSpec, ...]) -> Interface:
    declared = [agent.input_schema for agent in agents if agent.input_schema is not None]
    output: Schema = next((agent.output_schema for agent in agents if agent.output_schema is not None), {})
    return Interface(
        capability=capability,
        description=next((agent.description for agent in agents if agent.description), ""),
        inputs={
            name: resolved(prop, schema)
            for schema in reversed(declared)
            for name, prop in schema.get("properties", {}).items()
        },
        required=frozenset.intersection(*(frozenset(schema.get("required", ())) for schema in declared))
        if declared
        else frozenset(),
        output=resolved(output, output),
        outputs={name: resolved(prop, output) for name, prop in resolved(output, output).get("properties", {}).items()},
        open=len(declared) < len(agents) or any(schema.get("additionalProperties") for schema in declared),
    )


def resolved(schema: Any, root: Schema) -> Schema:
    """The schema behind a ``$ref`` into the same document, one level deep; other schemas are returned as they are."""
    if not isinstance(schema, Mapping):
        return {}
    ref = schema.get("$ref")
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return schema
    found: Any = root
    for part in ref[2:].split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def types(schema: Schema) -> frozenset[str]:
    """The JSON types that a schema allows; empty if it allows any or does not say."""
    said = schema.get("type")
    if isinstance(said, str):
        return frozenset({said})
    if isinstance(said, list):
        return frozenset(said)
    if "enum" in schema or "const" in schema:
        return frozenset(json_type(value) for value in (schema.get("enum") or [schema.get("const")]))
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    found = [types(option) for option in options if isinstance(option, Mapping)]
    return frozenset().union(*found) if found and all(found) else frozenset()


def json_type(value: Any) -> str:
    """The JSON type of a value."""
    return _JSON_TYPES.get(type(value), "null")


def compatible(made: Schema, wanted: Schema) -> bool:
    """Whether a value of one schema may be used for another: the types overlap, or one of them is unknown."""
    made_types, wanted_types = types(made), types(wanted)
    if not made_types or not wanted_types:
        return True
    if "number" in wanted_types:
        wanted_types |= {"integer"}
    return bool((made_types - {"null"}) & wanted_types)
