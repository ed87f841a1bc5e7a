"""What a capability takes and gives, over all agents that offer it."""

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
    """Inputs by name with their JSON schemas, which of them must be bound, and what the output holds.

    ``open``: the agents do not say what they take, so any input is accepted. ``outputs`` is empty where the output is
    no object or unknown; ``output`` is its whole schema.
    """

    capability: str
    description: str = ""
    inputs: Mapping[str, Schema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    output: Schema = field(default_factory=dict)
    outputs: Mapping[str, Schema] = field(default_factory=dict)
    open: bool = False


def interfaces(catalog: Catalog) -> dict[str, Interface]:
    """Capability -> interface. Agents of one capability are merged: all inputs any takes, required where all do."""
    return {capability: _merged(capability, agents) for capability, agents in catalog.by_capability.items()}


def _merged(capability: str, agents: tuple[AgentSpec, ...]) -> Interface:
    declared = [agent.input_schema for agent in agents if agent.input_schema is not None]
    makes: Schema = next((agent.output_schema for agent in agents if agent.output_schema is not None), {})
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
        output=resolved(makes, makes),
        outputs={name: resolved(prop, makes) for name, prop in resolved(makes, makes).get("properties", {}).items()},
        open=len(declared) < len(agents) or any(schema.get("additionalProperties") for schema in declared),
    )


def resolved(schema: Any, root: Schema) -> Schema:
    """A schema with its own ``$ref`` into ``$defs`` followed, one level: enough to know its type and properties."""
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
    """The JSON types a schema allows; empty: any, or not said."""
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
    """Whether a value of one schema may serve as another: types overlap (an integer is a number), unknown fits all."""
    gives, takes = types(made), types(wanted)
    if not gives or not takes:
        return True
    if "number" in takes:
        takes |= {"integer"}
    return bool((gives - {"null"}) & takes)
