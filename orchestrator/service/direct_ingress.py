"""The HTTP application without Ray Serve, for one machine: in the processes of the shards.

There, a request needs no other process, which is the cheapest way in. Several shards listen at one address, and the
kernel divides the connections among them (on Linux; on others one of them gets all). A task falls to the shard that
admits it, unless its idempotency key says otherwise. Questions about tasks of other shards are passed on.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.errors import CannotStart
from orchestrator.gateway.ray_gateway import RayGateway, shard_name
from orchestrator.gateway.task_ids import ALL, Share
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.http_server import HttpServer
from orchestrator.ingress.keyring import Keyring
from orchestrator.metrics import HttpMetrics
from orchestrator.settings import Http, Settings
from planners.agents import Catalog
from reconciler.runtime.actor import ReconcilerActor

# After a crash, the port of the process that ended may be taken for a moment.
_RETRIES, _PAUSE_S = 20, 0.25
_log = logging.getLogger(__name__)


def application(
    settings: Settings, catalog: Catalog, local: Mapping[str, Any] | None = None, share: Share = ALL
) -> FastAPI:
    """The HTTP application.

    Args:
        settings: of the service.
        catalog: the agents.
        local: actors of this process by name; they are called directly.
        share: the tasks of the shard of this process.
    """
    keyring = Keyring.of_journal(settings.journal_url) if settings.http.keys_required else None
    return build(IngressContext(RayGateway(settings, local), settings, catalog, keyring, share))


class RequestsFirst:
    """ASGI middleware: calls a function when a request arrives, so that runs give way to it from the beginning."""

    def __init__(self, app: ASGIApp, give_way: Callable[[], None]) -> None:
        self._app = app
        self._give_way = give_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            self._give_way()
        await self._app(scope, receive, send)


async def listen(app: ASGIApp, http: Http, *, shares: bool = False) -> HttpServer:
    """Serve the application at an address, which must name a port, on this event loop.

    Raises:
        CannotStart: the address cannot be opened.
    """
    for _ in range(_RETRIES):
        server = HttpServer(http.host, http.port, shares=shares)
        try:
            await server.start(app)
        except CannotStart as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
            await asyncio.sleep(_PAUSE_S)
        else:
            return server
    raise CannotStart(f"{http.host}:{http.port} is in use", "http.port", "give another --port, or 0 for a free one")


class IngressShard(ReconcilerActor):
    """A shard with the HTTP application in its process. ``build`` is a `BuildShard`."""

    _http: HttpServer | None = None
    _metrics: HttpMetrics | None = None
    _listening: asyncio.Task[None] | None = None

    async def _start(self) -> int:
        resumed = await super()._start()
        try:
            await self._listen()
        except CannotStart:
            # A service that is being started says so and ends. After a crash nobody would try again.
            self._listening = asyncio.get_running_loop().create_task(self._listen_later())
            raise
        return resumed

    async def _listen_later(self) -> None:
        """Listen as soon as the address is free: a connection of another program may have its port for a while."""
        while self._http is None:
            try:
                await self._listen()
            except CannotStart as error:
                _log.error("shard %d does not answer requests: %s; trying again", self._index, error)

    async def _listen(self) -> None:
        built: Any = self._build
        settings: Settings = built.settings
        share = Share(self._index, settings.reconciler.shards)
        app = application(settings, built.catalog, {shard_name(self._index): self}, share)
        shard = await self._shard()
        self._http = await listen(RequestsFirst(app, shard.give_way), settings.http, shares=share.shards > 1)
        self._metrics = app.state.http_metrics if share.shards > 1 else None

    async def metrics(self) -> str:
        """See `ReconcilerActor.metrics`; where several shards answer requests, with those of HTTP."""
        own = await super().metrics()
        return own if self._metrics is None else own + self._metrics.exposition()

    async def close(self) -> None:
        """Stop answering, stop driving and close the journal."""
        if self._listening is not None:
            self._listening.cancel()
        if self._http is not None:
            await self._http.stop()
        await super().close()
