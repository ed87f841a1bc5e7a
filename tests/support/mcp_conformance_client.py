"""What the conformance suite of MCP runs as the client: Forerun discovers the server's tools and calls them.

The suite gives the address as the last argument and names the scenario in the environment.
"""

import sys
from typing import Any

from invocations import invocation_of

from actors.catalog import parse_catalog
from actors.executor.execution import run_in_process
from planners.agents import AgentSpec


def called(agent: AgentSpec, **inputs: Any) -> Any:
    """What a tool returns."""
    ended = run_in_process(invocation_of(agent, inputs), ()).ended
    if ended.handoff is None:
        raise SystemExit(f"{agent.name} failed: {ended.failure}")
    return ended.handoff.output


def main(url: str) -> None:
    """Call every tool that takes numbers or nothing."""
    found = parse_catalog({"mcp_servers": [{"name": "suite", "url": url}]})
    for agent in found.agents:
        schema = agent.input_schema or {}
        called(agent, **dict.fromkeys(schema.get("required", ()), 3))


if __name__ == "__main__":
    main(sys.argv[-1])
