"""The HTTP application without Ray Serve, for one machine: in the process of the only shard, or in one of its own.

In the shard's process a request needs no other process, which is the cheapest way in. With several shards a process of
its own routes requests to them.
"""

import asyncio
import errno
import gc
import logging
from collections.abc import Mapping
from typing import Any

import ray

from orchestrator.errors import CannotStart
from orchestrator.gateway.actor_calls import NAMESPACE
from orchestrator.gateway.ray_gateway import RayGateway, shard_name
from orchestrator.ingress.app import GC_THRESHOLDS, build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.http_server import HttpServer
from orchestrator.ingress.keyring import Keyring
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from planners.agents import Catalog
from reconciler.runtime.actor import ReconcilerActor

INGRESS = "forerun-ingress"
_MOST_CALLS = 10
# After a crash, the port of the process that ended may be taken for a moment.
_RETRIES, _PAUSE_S = 20, 0.25
_log = logging.getLogger(__name__)


async def listen(settings: Settings, catalog: Catalog, local: Mapping[str, Any] | None = None) -> HttpServer:
    """Serve the application at the address of the settings, on this event loop.

    Args:
        settings: the address must name a port.
        catalog: the agents.
        local: actors of this process by name; they are called directly.

    Raises:
        CannotStart: the address cannot be opened.
    """
    http = settings.http
    keyring = Keyring.of_journal(settings.journal_url) if http.keys_required else None
    app = build(IngressContext(RayGateway(settings, local), settings, catalog, keyring))
    for _ in range(_RETRIES):
        server = HttpServer(http.host, http.port)
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
    """The only shard of a service, with the HTTP application in its process. ``build`` is a `BuildShard`."""

    _http: HttpServer | None = None

    async def _start(self) -> int:
        resumed = await super()._start()
        built: Any = self._build
        self._http = await listen(built.settings, built.catalog, {shard_name(self._index): self})
        return resumed

    async def close(self) -> None:
        """Stop answering, stop driving and close the journal."""
        if self._http is not None:
            await self._http.stop()
        await super().close()


class DirectIngress:
    """The HTTP application in a process of its own. When Ray restarts it after a crash it listens at once."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        ServiceLog.of(settings).install("ingress")
        gc.set_threshold(*GC_THRESHOLDS)
        self._listening = asyncio.get_running_loop().create_task(listen(settings, catalog))

    async def start(self) -> None:
        """Return once it listens.

        Raises:
            CannotStart: the address cannot be opened.
        """
        await asyncio.shield(self._listening)

    async def close(self) -> None:
        """Stop answering."""
        await (await self._listening).stop()


def create_ingress(settings: Settings, catalog: Any, scheduling_strategy: Any) -> Any:
    """Start the actor of `DirectIngress` and return its handle. ``catalog`` is a Catalog or a reference to one."""
    options = ray.remote(DirectIngress).options(
        name=INGRESS,
        namespace=NAMESPACE,
        num_cpus=0,
        max_concurrency=_MOST_CALLS,
        max_restarts=-1,
        scheduling_strategy=scheduling_strategy,
    )
    return options.remote(settings, catalog)
