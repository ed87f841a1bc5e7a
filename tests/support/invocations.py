"""Attempts of agents as their hosts get them."""

from collections.abc import Mapping
from typing import Any

from actors.invocation import Invocation
from planners.agents import AgentSpec


def invocation_of(agent: AgentSpec, inputs: Mapping[str, Any], **fields: Any) -> Invocation:
    """The first attempt of a task. ``fields``: of the invocation, besides what the catalog says."""
    declared: dict[str, Any] = {
        "agent": agent.name,
        "kind": agent.kind,
        "target": agent.target,
        "settings": agent.settings,
        "env": agent.env,
        "timeout_s": agent.timeout_s,
        "input_schema": agent.input_schema,
        "output_schema": agent.output_schema,
    }
    return Invocation(**{"task": "t", "attempt": "t.1", "work_key": "k", "inputs": dict(inputs), **declared, **fields})
