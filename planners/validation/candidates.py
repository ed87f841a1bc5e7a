"""The agents that may do a step, and whether a value fits the types that they, or used workflows, declare."""

from collections.abc import Sequence
from dataclasses import dataclass

from planners.agents import AgentSpec, Catalog
from planners.validation.shapes import ANYTHING, ValueShape, of_schemas
from planners.validation.type_match import Mismatch, mismatch
from planners.workflow import Use


@dataclass(frozen=True)
class CandidateAgents:
    """The agents that may do a step: what they return, and the inputs of which all of them declare a type."""

    agents: Sequence[AgentSpec]
    output: ValueShape
    typed: frozenset[str]

    @classmethod
    def of(cls, agents: Sequence[AgentSpec]) -> "CandidateAgents":
        """What is known of some agents."""
        declared = [frozenset((agent.input_schema or {}).get("properties") or ()) for agent in agents]
        typed = frozenset.intersection(*declared) if declared else frozenset[str]()
        return cls(agents, of_schemas(agent.output_schema for agent in agents), typed)


def mismatch_of_all(agents: Sequence[AgentSpec], name: str, shape: ValueShape, *, some: bool) -> Mismatch | None:
    """Why the value is of the wrong type for the first agent; None if some agent may take it."""
    first: Mismatch | None = None
    for agent in agents:
        properties = (agent.input_schema or {}).get("properties") or {}
        found = mismatch(shape, properties[name], agent.input_schema, some=some) if name in properties else None
        if found is None:
            return None
        first = first or found
    return first


def mismatch_of_used(node: Use, name: str, shape: ValueShape, catalog: Catalog, *, some: bool) -> Mismatch | None:
    """Why the value is of the wrong type for an input of a used workflow; None if it may take it."""
    if shape is ANYTHING:
        return None
    versions = catalog.workflows_by_name.get(node.use, ())
    schema = next((each.inputs[name] for each in versions if each.version == node.version and name in each.inputs), {})
    return mismatch(shape, schema, schema, some=some)
