"""What the routes share, made once per replica."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from orchestrator.errors import InvalidRequest, Unavailable
from orchestrator.gateway.protocol import Gateway
from orchestrator.gateway.task_ids import new_task_id
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.tasks import AdmittedTask, Task
from planners.validation import flaws

_log = logging.getLogger(__name__)


@dataclass
class IngressContext:
    """The gateway, the settings, the catalog, and the cluster as it was seen a moment ago.

    The cluster is kept from an earlier look, refreshed in the background: only the first submission waits for it.
    """

    gateway: Gateway
    settings: Settings
    catalog: Catalog
    _cluster: ClusterSnapshot | None = None
    _seen_at_s: float = field(default=float("-inf"))
    _looking: asyncio.Task[None] | None = None

    async def admit(self, task: Task, idempotency_key: str | None) -> AdmittedTask:
        """The task with its id, if it can be run.

        Raises:
            InvalidRequest: it cannot; all that is wrong is named.
        """
        await self.refuse_flaws(task)
        now_s = time.time()
        return AdmittedTask(
            id=new_task_id(now_s, idempotency_key), task=task, submitted_at_s=now_s, idempotency_key=idempotency_key
        )

    async def refuse_flaws(self, task: Task) -> None:
        """Let a task pass that can be run.

        Raises:
            InvalidRequest: it cannot; all that is wrong is named.
        """
        await self._look_at_cluster()
        if found := list(flaws(task, self.catalog, self._cluster)):
            raise InvalidRequest(found)

    async def _look_at_cluster(self) -> None:
        stale = time.monotonic() - self._seen_at_s > self.settings.cluster.refresh_s
        if stale and (self._looking is None or self._looking.done()):
            self._looking = asyncio.get_running_loop().create_task(self._see_cluster())
        if self._cluster is None and self._looking is not None:
            await asyncio.shield(self._looking)

    async def _see_cluster(self) -> None:
        """Look at the cluster now. Where that fails resources go unchecked, and the planner has the last word."""
        try:
            self._cluster = await self.gateway.nodes()
        except Unavailable as error:
            _log.warning("the cluster cannot be seen: %s", error)
        self._seen_at_s = time.monotonic()
