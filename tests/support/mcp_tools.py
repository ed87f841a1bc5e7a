"""A real MCP server, made with the protocol's SDK. Run as a script, it speaks over stdin and stdout."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel
from served import served


class Weather(BaseModel):
    city: str
    degrees: float


def tools() -> tuple[MCPServer, dict[str, threading.Event]]:
    """The server, and events: a call of ``waits`` has begun, or has been cancelled."""
    server = MCPServer("tools")
    events = {"waits": threading.Event(), "cancelled": threading.Event()}

    @server.tool(annotations={"readOnlyHint": True})
    def weather(city: str, degrees: float = 20) -> Weather:
        """The weather of a city."""
        return Weather(city=city, degrees=degrees)

    @server.tool(structured_output=False)
    def text() -> str:
        """Only a text."""
        return "some text"

    @server.tool()
    def variable(name: str) -> str:
        """A variable of the server's environment."""
        return os.environ.get(name, "(none)")

    @server.tool()
    def refuses() -> str:
        """Always fails."""
        raise ToolError("not on Sundays")

    @server.tool(structured_output=False)
    def large() -> str:
        """A long text."""
        return 40_000 * "x"

    @server.tool()
    async def counts(context: Context) -> str:
        """Tells how far it is."""
        await context.report_progress(1, 4, "one of four")
        await context.report_progress(2, 4)
        return "counted"

    @server.tool()
    async def waits() -> str:
        """Never returns."""
        events["waits"].set()
        try:
            await anyio.sleep_forever()
        except BaseException:
            events["cancelled"].set()
            raise
        return ""

    return server, events


@contextmanager
def over_http() -> Iterator[tuple[str, dict[str, threading.Event]]]:
    """The server on a free port: its address and events."""
    server, events = tools()
    with served(server.streamable_http_app()) as port:
        yield f"http://127.0.0.1:{port}/mcp", events


if __name__ == "__main__":
    tools()[0].run("stdio")
