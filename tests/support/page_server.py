"""The service's application over a gateway in memory, on a real port, for browsers. Needs no Ray."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.keyring import Keyring
from orchestrator.settings import ClusterSettings, Http, LimitSettings, Settings
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot

_GUARD_S = 120
_Answer = TypeVar("_Answer")
SETTINGS = Settings(
    cluster=ClusterSettings(refresh_s=3600),
    http=Http(max_wait_s=5, heartbeat_s=1.0),
    limits=LimitSettings(max_body_bytes=1_000_000),
)


class PageServer:
    """A running server; ``run`` runs coroutines of the gateway on its event loop."""

    def __init__(
        self, gateway: MemoryGateway, catalog: Catalog, prefix: str = "", keyring: Keyring | None = None
    ) -> None:
        self.gateway = gateway
        self.prefix = prefix
        app: ASGIApp = build(IngressContext(gateway, SETTINGS, catalog, keyring=keyring))
        self._socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            _below(prefix, app) if prefix else app, log_level="warning", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}{self.prefix}/"

    def run(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_GUARD_S)

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something beside the test, such as a run that goes on."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._server.serve([self._socket]))

    def up(self) -> None:
        self._thread.start()

    def down(self) -> None:
        self._server.should_exit = True
        self._thread.join(_GUARD_S)
        self._socket.close()


@contextmanager
def page_server(
    catalog: Catalog, cluster: ClusterSnapshot | None = None, prefix: str = "", keyring: Keyring | None = None
) -> Iterator[PageServer]:
    """A server that listens on entry."""
    server = PageServer(MemoryGateway(cluster, max_queue=20_000), catalog, prefix, keyring)
    server.up()
    try:
        yield server
    finally:
        server.down()


def _below(prefix: str, app: ASGIApp) -> ASGIApp:
    """As a proxy does it: requests below a prefix reach the application without it, others nobody."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if not scope["path"].startswith(f"{prefix}/"):
                await send({"type": "http.response.start", "status": 404, "headers": []})
                await send({"type": "http.response.body", "body": b"not below the prefix"})
                return
            path = scope["path"].removeprefix(prefix)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return proxy
