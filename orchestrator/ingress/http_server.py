"""The HTTP application served by uvicorn on the event loop of the process that it belongs to."""

import asyncio
import socket

import uvicorn
from starlette.types import ASGIApp

from orchestrator.errors import CannotStart

# Connections that wait to be accepted.
_BACKLOG = 2048
_STOP_S = 3
# Longer than clients and load balancers keep an idle connection (5 to 75 seconds), so that they close it and not the
# server: a request that meets the server's close is lost. The proxies of Ray Serve keep theirs as long.
_KEEP_ALIVE_S = 90


class HttpServer:
    """One listening socket and the asyncio task that serves it."""

    def __init__(self, host: str, port: int, *, shares: bool = False) -> None:
        """Set up; opens nothing. ``shares``: other processes of this service listen there too (Linux only)."""
        self._host = host
        self._port = port
        self._shares = shares
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self, app: ASGIApp) -> None:
        """Listen. Requests are answered from here on.

        Raises:
            CannotStart: the address cannot be opened.
        """
        listening = self._bound()
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="auto", backlog=_BACKLOG)
        config.timeout_graceful_shutdown = _STOP_S
        config.timeout_keep_alive = _KEEP_ALIVE_S
        server = self._server = uvicorn.Server(config)
        self._serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listening]))
        while not server.started and not self._serving.done():  # noqa: ASYNC110 -- uvicorn offers nothing to wait for
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Close the socket, and the connections that are still open after a few seconds."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait([self._serving])

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        opened = socket.socket(family)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._shares:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            opened.bind((self._host, self._port))
        except OSError as error:
            opened.close()
            fix = "give another --port, or 0 for a free one"
            where = f"{self._host}:{self._port}"
            raise CannotStart(f"cannot listen on {where}: {error.strerror}", "http.port", fix) from error
        return opened
