"""Tools of MCP servers as catalog entries.

What a server says about its tools is not trusted with decisions: names, descriptions and schemas are taken over, the
annotations are not. A tool is irreversible, and one call at a time, unless the catalog says otherwise.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from actors.context import Context
from actors.discovery.listing import LISTING_S, asked
from actors.errors import InvalidCatalog
from actors.kinds.declared import declared
from actors.kinds.mcp_agent import check_installed
from actors.kinds.mcp_server import McpServer, ServerAway
from planners.agents import Provider
from planners.model import Model

if TYPE_CHECKING:
    from mcp.types import Tool

_MOST_PAGES = 100
_PLACE = ("url", "command", "headers")


class ServerEntry(Model):
    """A server in a catalog."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Begins the names of its agents, ``NAME.TOOL``, and names their provider",
    )
    url: str | None = Field(
        default=None, description="Address of the server (streamable HTTP); either this or `command`"
    )
    command: tuple[str, ...] | None = Field(
        default=None, description="Program that speaks over stdin and stdout, with its arguments; either this or `url`"
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="Headers of every request; templates such as `Bearer {{ secret('NAME') }}`"
    )
    env: tuple[str, ...] = Field(default=(), description="The variables that its headers or its process read")
    concurrency: int = Field(default=1, ge=1, description="Calls at a time")
    tools: dict[str, dict[str, JsonValue] | None] | None = Field(
        default=None, description="Which tools to add, each with fields of its catalog entry; None: all of them"
    )


def discovered(raw: Any, location: str) -> tuple[list[dict[str, Any]], Provider]:
    """Connect to a server and list its tools: catalog entries, and the provider that bounds them. Blocks.

    Raises:
        InvalidCatalog: the entry is not valid, the server does not answer, or it lacks a tool that the entry names.
    """
    check_installed(location)
    entry = declared(ServerEntry, raw, location)
    place = {name: value for name, value in entry.model_dump(mode="json", include=set(_PLACE)).items() if value}
    server = declared(McpServer, place, location)
    offered = {tool.name: tool for tool in _listed(entry, server, location)}
    provider = Provider(name=f"mcp:{entry.name}", max_concurrent=entry.concurrency)
    chosen = dict.fromkeys(offered) if entry.tools is None else entry.tools
    for missing in sorted(chosen.keys() - offered.keys()):
        fix = f"the server offers: {', '.join(sorted(offered)) or 'none'}"
        raise InvalidCatalog(f"the server has no tool '{missing}'", f"{location}.tools.{missing}", fix)
    known = {"settings": place, "env": entry.env, "provider": provider.name}
    entries = [_entry(entry.name, offered[name], known, fields or {}) for name, fields in chosen.items()]
    return entries, provider


def _entry(server: str, tool: "Tool", known: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{server}.{tool.name}"
    offered = {
        "name": name,
        "capability": name,
        "description": tool.description or tool.title or "",
        "input_schema": tool.input_schema,
        "output_schema": tool.output_schema,
    }
    return {**offered, **known, **fields, "kind": "mcp", "target": tool.name}


def _listed(entry: ServerEntry, server: McpServer, location: str) -> "list[Tool]":
    try:
        return asked(_tools(entry, server))
    except (ServerAway, TimeoutError) as error:
        message = getattr(error, "message", f"'{server.place}' did not list its tools within {LISTING_S:g} s")
        raise InvalidCatalog(message, location, "start the server, or correct its url or command") from None


async def _tools(entry: ServerEntry, server: McpServer) -> "list[Tool]":
    tools: list[Tool] = []
    cursor = None
    async with server.session(entry.env, Context.of_catalog(entry.name, entry.env)) as session:
        for _ in range(_MOST_PAGES):
            page = await session.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
    return tools
