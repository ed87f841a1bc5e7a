"""What the routes share: gateway, settings, catalog, and a recent snapshot of the cluster."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from orchestrator.declared_catalog import declared_catalog
from orchestrator.errors import InvalidRequest, Unavailable
from orchestrator.gateway.protocol import Gateway
from orchestrator.gateway.task_ids import ALL, Share, new_task_id
from orchestrator.ingress.keyring import Keyring
from orchestrator.known_agents import KnownAgents
from orchestrator.llm import goals_without_llm
from orchestrator.reload import Reloaded, reloaded
from orchestrator.settings import Settings
from orchestrator.task_defaults import with_defaults
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.errors import InvalidTask
from planners.linking import linked
from planners.tasks import AdmittedTask, Task
from planners.validation import flaws

_log = logging.getLogger(__name__)
# The first submission waits this long for a snapshot, at most: while a shard is away it is to be refused soon.
_SNAPSHOT_S = 0.8
# Tasks of more nodes than this are checked in a thread.
_INLINE_NODES = 100


@dataclass
class IngressContext:
    """One per replica.

    The snapshot is refreshed in the background, so that only the first submission waits for it.
    """

    gateway: Gateway
    settings: Settings
    catalog: Catalog
    keyring: Keyring | None = None  # None: requests need no key
    share: Share = ALL  # new tasks fall to it: the shard of this process, where there is one
    declares: Callable[[Mapping[str, Any]], Catalog] = declared_catalog
    _cluster: ClusterSnapshot | None = None
    _refreshed_at_s: float = field(default=float("-inf"))
    _refreshing: asyncio.Task[None] | None = None

    @property
    def shards_count_requests(self) -> bool:
        """Whether every shard has an HTTP application, whose metrics come with those of the shard."""
        return self.share.shards > 1

    async def admit(self, task: Task, idempotency_key: str | None) -> AdmittedTask:
        """Check a task and give it an id.

        Raises:
            InvalidRequest: the task cannot be run; names all errors.
        """
        checked = await self.checked(task)
        now_s = time.time()
        return AdmittedTask(
            id=new_task_id(now_s, idempotency_key, self.share),
            task=checked,
            submitted_at_s=now_s,
            idempotency_key=idempotency_key,
        )

    async def checked(self, task: Task) -> Task:
        """Check a task against catalog and cluster, and fill in the service's defaults.

        Raises:
            InvalidRequest: the task cannot be run; names all errors.
        """
        await self._recent_cluster()
        try:
            task = linked(task, self.catalog)
        except InvalidTask as error:
            raise InvalidRequest([error]) from None
        if _is_small(task):
            found = self._flaws(task)
        else:
            found = await asyncio.to_thread(self._flaws, task)
        if found:
            raise InvalidRequest(found)
        return with_defaults(task, self.settings)

    def _flaws(self, task: Task) -> list[InvalidTask]:
        return [*flaws(task, self.catalog, self._cluster), *goals_without_llm(task, self.settings)]

    async def recent_catalog(self) -> Catalog:
        """The catalog; another replica, or SIGHUP, may have reloaded it a moment ago."""
        await self._recent_cluster()
        return self.catalog

    async def agents(self) -> KnownAgents:
        """The agents and providers of the catalog, and who does not answer."""
        await self._recent_cluster()
        outages = () if self._cluster is None else self._cluster.outages
        return KnownAgents(agents=self.catalog.agents, providers=self.catalog.providers, outages=outages)

    async def reload(self, raw: Mapping[str, Any]) -> Reloaded:
        """Give the service a new catalog, as it would stand in a file.

        Raises:
            InvalidReload: it is not valid, or changes what must not change; nothing has changed.
            Unavailable: a shard does not answer; reload again.
        """
        catalog = await asyncio.to_thread(self.declares, raw)
        changes = reloaded(await self.gateway.catalog("") or self.catalog, catalog)
        await self.gateway.reload(catalog)
        self.catalog = catalog
        return changes

    async def _recent_cluster(self) -> None:
        stale = time.monotonic() - self._refreshed_at_s > self.settings.cluster.refresh_s
        if stale and (self._refreshing is None or self._refreshing.done()):
            # In a context of its own: Ray cancels what a cancelled request has called, and others wait for this, too.
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh(), context=Context())
        if self._cluster is None and self._refreshing is not None:
            await asyncio.shield(self._refreshing)

    async def _refresh(self) -> None:
        """Take a snapshot. If that fails, resources are not checked here; the planner checks them again."""
        try:
            async with asyncio.timeout(_SNAPSHOT_S):
                self._cluster = await self.gateway.nodes()
                self.catalog = await self.gateway.catalog(self.catalog.identity) or self.catalog
        except (Unavailable, TimeoutError) as error:
            _log.warning("no snapshot of the cluster: %s", error or "the shard does not answer")
        self._refreshed_at_s = time.monotonic()


def _is_small(task: Task) -> bool:
    nodes = task.workflow.walk() if task.workflow is not None else ()
    return all(count < _INLINE_NODES for count, _ in enumerate(nodes))
