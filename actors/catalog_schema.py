"""The JSON Schema of catalog files, which may hold more than a `Catalog`, and less where the rest is derived."""

from typing import Any

from pydantic import Field

from actors.discovery.a2a import RemoteEntry
from actors.discovery.mcp import ServerEntry
from planners.agents import AgentSpec, Catalog


class CatalogFile(Catalog):
    """A catalog as people write it: agents, and servers whose tools and skills become agents."""

    mcp_servers: tuple[ServerEntry, ...] = Field(default=(), description="MCP servers; each of their tools is an agent")
    a2a_agents: tuple[RemoteEntry, ...] = Field(
        default=(), description="Remote agents that speak A2A; each of their skills is an agent"
    )


def catalog_schema() -> dict[str, Any]:
    """The JSON Schema of a catalog file."""
    schema = CatalogFile.model_json_schema()
    # The decorator of a callable declares the rest.
    schema["$defs"][AgentSpec.__name__]["required"] = ["target"]
    return schema
