"""Kind ``mcp``: a tool of a server that speaks the Model Context Protocol; ``target`` is the tool's name.

Catalogs usually name the server under ``mcp_servers``, and the entries are derived from what it lists; see
`actors.discovery.mcp`. Each attempt has a session of its own; cancelling the attempt ends it.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from actors.context import Context
from actors.errors import ActorsError, BadInput, BadOutput, InvalidCatalog, UnknownTarget
from actors.invocation import Invocation
from actors.kinds.declared import declared
from actors.kinds.kind import Answer, Kind
from actors.kinds.mcp_server import McpServer, ServerAway
from actors.kinds.schemas import check_schema
from actors.payloads.json_values import encoded
from actors.raised import unwrapped
from planners.agents import AgentSpec, Effect
from planners.resources import Resources

if TYPE_CHECKING:
    from mcp import Client
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult

TIMEOUT_S = 60.0


class ToolFailed(ActorsError):
    """The tool reported an error."""


class McpKind:
    """Calls tools from the event loop of the host that all agents without resources share."""

    runs_on_loop = True
    checks_schemas = True

    def declare(self, entry: Mapping[str, Any], location: str) -> AgentSpec | Mapping[str, Any]:
        """Check the server; the effect is irreversible unless the entry says otherwise."""
        check_installed(f"{location}.kind")
        if not isinstance(entry.get("target"), str) or not entry["target"]:
            raise InvalidCatalog("the target is the name of a tool", f"{location}.target", "write target: TOOL")
        if entry.get("effect") == Effect.STAGEABLE:
            fix = "declare it idempotent or irreversible, or wrap it in a callable with promote="
            raise InvalidCatalog("a tool cannot stage its effects", f"{location}.effect", fix)
        declared(McpServer, entry.get("settings") or {}, f"{location}.settings")
        derived = {"resources": Resources(), "timeout_s": TIMEOUT_S, "effect": Effect.IRREVERSIBLE}
        return {**derived, **entry}

    async def health(self, agent: AgentSpec) -> str:
        """Open a session and look for the tool."""
        server = McpServer.model_validate(agent.settings)
        async with server.session(agent.env, Context.of_catalog(agent.name, agent.env)) as session:
            names = [tool.name for tool in (await session.list_tools()).tools]
        if agent.target not in names:
            fix = f"it offers: {', '.join(names) or 'none'}"
            raise UnknownTarget(f"'{server.place}' has no tool '{agent.target}'", "target", fix)
        return f"'{server.place}' offers {agent.target}"

    async def run(self, call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
        """Call the tool.

        Raises:
            BadInput, BadOutput: a schema does not match.
            ServerAway: the server cannot be started or reached, or the session broke.
            ToolFailed: the tool reported an error.
        """
        check_schema(inputs, call.input_schema, BadInput, "inputs")
        server = McpServer.model_validate(call.settings)
        try:
            async with server.session(call.env, context) as session:
                return await answer_of(session, call, inputs, context)
        except ExceptionGroup as group:  # what is raised in a session arrives in groups
            error = unwrapped(group)
            if isinstance(error, ActorsError):
                raise error from None
            raise ServerAway(f"{_named(call, server)}: {error}", "settings", "see the server's log") from None


async def answer_of(session: "Client", call: Invocation, inputs: dict[str, Any], context: Context) -> Answer:
    """Call the tool in a session that is open.

    Raises:
        BadOutput: the output does not match its schema.
        ToolFailed: the tool reported an error.
    """
    from mcp import MCPError  # noqa: PLC0415 (see `McpServer.session`)

    assert isinstance(call.target, str)
    named = _named(call, McpServer.model_validate(call.settings))
    try:
        result = await session.call_tool(call.target, inputs, progress_callback=_telling(context))
    except MCPError as error:
        raise ToolFailed(f"{named}: {error}", "target", "see the server's log") from None
    output = _output(result)
    if result.is_error:
        raise ToolFailed(f"{named}: {output}", "target", "correct what it complains of")
    check_schema(output, call.output_schema, BadOutput, "output")
    return Answer(encoded(output, "output"))


def _named(call: Invocation, server: McpServer) -> str:
    return f"'{call.target}' of '{server.place}'"


def _telling(context: Context) -> "ProgressFnT":
    """Takes the progress notifications of the server."""

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        counted = "" if total is not None else f"{progress:g}"
        context.progress(message or counted, progress / total if total else None)

    return tell


def check_installed(field: str) -> None:
    """Refuse what needs the SDK if it is missing.

    Raises:
        InvalidCatalog: with the command that installs it.
    """
    if find_spec("mcp") is None:
        raise InvalidCatalog("tools of MCP servers need the extra mcp", field, "pip install 'forerun[mcp]'")


def _output(result: "CallToolResult") -> Any:
    """The structured output, else the text, else all blocks as the protocol has them."""
    if result.structured_content is not None:
        return result.structured_content
    blocks = [block.model_dump(mode="json", exclude_none=True, by_alias=True) for block in result.content]
    if blocks and all(block.get("type") == "text" for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    return blocks


KIND: Kind = McpKind()
