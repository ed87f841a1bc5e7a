"""A server that speaks the Model Context Protocol (extra ``mcp``): how a catalog names it, and sessions with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from actors.context import Context
from actors.environment import base_environment, declared_variables
from actors.errors import ActorsError
from actors.kinds.libraries import imported
from actors.kinds.templates import Rendering
from planners.model import Model

if TYPE_CHECKING:
    from mcp import Client

_CONNECT_S = 30.0
_SHOWN = 500


class ServerAway(ActorsError):
    """A server cannot be started or reached, or does not speak the protocol."""


class McpServer(Model):
    """Where a server is: a ``url`` (streamable HTTP), or a ``command`` that speaks over stdin and stdout.

    ``headers`` are templates: ``Bearer {{ secret('NAME') }}``. A command sees the variables that every agent sees, and
    those that the entry's ``env`` names.
    """

    url: str | None = None
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("a server has either a url or a command; give one of them")
        if self.url is not None and (urlsplit(self.url).scheme not in ("http", "https") or "{" in self.url):
            raise ValueError("url is no plain http or https address; write one such as https://tools.example/mcp")
        return self

    @property
    def place(self) -> str:
        """The address, or the program, for messages."""
        return self.url or " ".join(self.command or ())

    @asynccontextmanager
    async def session(self, env: tuple[str, ...], context: Context) -> AsyncIterator["Client"]:
        """A session of its own; its connection or process ends with it. Either revision of the protocol is spoken.

        Raises:
            ServerAway: the server cannot be started or reached.
        """
        await imported("mcp", "mcp.client.streamable_http")
        # Imported here: it takes a second, and only processes that talk to such servers need it.
        from httpx2 import HTTPError  # noqa: PLC0415 (see above)
        from mcp import Client, MCPError  # noqa: PLC0415 (see above)

        rendering = Rendering({}, context)
        headers = {name: rendering.text(text, f"headers.{name}") for name, text in self.headers.items()}
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(Client(await self._transport(stack, headers, env)))
            except (MCPError, OSError, HTTPError, ExceptionGroup) as error:
                message = rendering.masked(f"'{self.place}': {_first(error)}")[:_SHOWN]
                raise ServerAway(message, "url" if self.url else "command", "check that the server runs") from None
            yield client

    async def _transport(self, stack: AsyncExitStack, headers: Mapping[str, str], env: tuple[str, ...]) -> Any:
        if self.url is None:
            from mcp import StdioServerParameters  # noqa: PLC0415 (see `session`)

            program, *arguments = self.command or ()
            seen = {**base_environment(), **declared_variables(env)}
            return StdioServerParameters(command=program, args=arguments, env=seen)
        import httpx2  # noqa: PLC0415 (see `session`)
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 (see `session`)

        timeout = httpx2.Timeout(None, connect=_CONNECT_S)  # the attempt's timeout bounds the whole
        client = httpx2.AsyncClient(headers=dict(headers), timeout=timeout, trust_env=False)
        return streamable_http_client(self.url, http_client=await stack.enter_async_context(client))


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
