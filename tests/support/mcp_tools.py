"""A real MCP server, made with the protocol's SDK. Run as a script, it speaks over stdin and stdout."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel


class Weather(BaseModel):
    city: str
    degrees: float


def served() -> tuple[MCPServer, dict[str, threading.Event]]:
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
    server, events = served()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(server.streamable_http_app(), log_level="critical", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", events
        finally:
            running.should_exit = True
            thread.join()


if __name__ == "__main__":
    served()[0].run("stdio")
