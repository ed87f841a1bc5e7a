"""Forerun as a service on Ray, with direct ingress: tasks over HTTP, or by calls of its shard without HTTP."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.peers.forerun_tasks import WAIT_S, ForerunPeer, catalog
from benchmarks.peers.workload import OPEN
from benchmarks.serving import running
from orchestrator.gateway.ray_gateway import RayGateway
from orchestrator.gateway.task_ids import new_task_id
from orchestrator.settings import Http, IngressMode, Settings
from planners.tasks import AdmittedTask, Task


class HttpPeer(ForerunPeer):
    """One request for each task, which waits for its end."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def _outputs(self, task: dict[str, Any]) -> Any:
        reply = await self._client.post("/v1/tasks", params={"wait_s": WAIT_S}, json=task)
        return reply.json().get("outputs", reply.text)


class ShardPeer(ForerunPeer):
    """One call of the shard for each task, which waits for its end."""

    def __init__(self) -> None:
        self._gateway = RayGateway(Settings())

    async def _outputs(self, task: dict[str, Any]) -> Any:
        now_s = time.time()
        admitted = AdmittedTask(id=new_task_id(now_s), task=Task.model_validate(task), submitted_at_s=now_s)
        view = await self._gateway.submit(admitted, WAIT_S)
        return view.outputs


@asynccontextmanager
async def opened(folder: Path, variant: str) -> AsyncIterator[ForerunPeer]:  # noqa: ARG001 - peers are opened alike
    """A service with its journal in SQLite. ``variant``: ``http`` or ``ray``."""
    http = Http(port=0, ingress=IngressMode.DIRECT, max_wait_s=WAIT_S)
    with running(catalog(), http=http) as service:
        if variant == "ray":
            yield ShardPeer()
            return
        limits = httpx.Limits(max_connections=OPEN)
        client = httpx.AsyncClient(base_url=service.url, timeout=WAIT_S + 60, limits=limits, trust_env=False)
        async with client:
            yield HttpPeer(client)
