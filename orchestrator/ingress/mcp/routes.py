"""The route of MCP: streamable HTTP, without sessions, so that any replica answers any request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Message, Receive, Scope, Send

from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.mcp.envelope import body_flaw
from orchestrator.ingress.mcp.server import mcp_server

PATH = "/mcp"
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def add_mcp(app: FastAPI, context: IngressContext) -> None:
    """Serve MCP on an application. Its route needs the same keys as all others."""
    manager = StreamableHTTPSessionManager(
        mcp_server(context),
        stateless=True,
        security_settings=_local_names() if context.settings.http.trusts_this_machine else None,
        max_request_body_size=context.settings.limits.max_body_bytes,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with manager.run():
            yield

    router = APIRouter(include_in_schema=False, lifespan=lifespan)

    @router.api_route(PATH, methods=["GET", "POST", "DELETE"], response_model=None)
    async def answer(request: Request) -> Response:
        body = await request.body()
        if body and (flaw := body_flaw(body)) is not None:
            return Response(flaw.as_json, flaw.status, media_type="application/json")
        return _Answer(manager, body)

    app.include_router(router)


def _local_names() -> TransportSecuritySettings:
    """Refuses requests that a page of another site sends to a name that it has bound to this machine."""
    hosts = [f"{host}{port}" for host in _LOCAL for port in ("", ":*")]
    return TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])


class _Answer(Response):
    """Whatever the SDK answers to a body, which has been received."""

    def __init__(self, manager: StreamableHTTPSessionManager, received: bytes) -> None:
        super().__init__()
        self._manager = manager
        self._received = received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The SDK gets the body, then what else comes: that the client has gone."""
        pending: list[Message] = [{"type": "http.request", "body": self._received, "more_body": False}]

        async def replayed() -> Message:
            return pending.pop() if pending else await receive()

        await self._manager.handle_request(scope, replayed, send)
