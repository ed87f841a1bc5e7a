"""Builds a shard with all that its runs need, inside its actor."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from threadpoolctl import threadpool_limits

from actors.admission.limits import AdmissionLimits
from actors.executor.central_limits import CentralLimits
from actors.executor.host_warming import HostWarming
from actors.executor.hosted import AdmissionControl
from actors.executor.measurements import Measurements
from actors.executor.ray_cluster import RayCluster
from actors.executor.ray_executor import RayExecutor
from learner.models.plan_examples import plan_example
from learner.predictor import PlanExample
from orchestrator.callback_urls import callback_urls
from orchestrator.drafts import Drafts
from orchestrator.errors import Unavailable
from orchestrator.gateway.actor_calls import NAMESPACE
from orchestrator.gateway.ray_gateway import LEARNER, LIMITS, PLANNER
from orchestrator.gateway.task_ids import shard_of
from orchestrator.metrics.journal import JournalMetrics
from orchestrator.metrics.shard import shard_metrics
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.compiled_kernel import allow_compiled_kernel
from orchestrator.service.named_actor import NamedActor
from orchestrator.service.planning import RemotePlanning
from orchestrator.service.results import log_limits, payload_store, result_cache
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.model import NodeId, TaskId
from planners.optimal.certified import CertifiedPlans
from planners.resources import CONTAINERS
from planners.speculative import SpeculativePlannerPipeline
from reconciler.errors import UnknownTask
from reconciler.journal import Journal
from reconciler.runtime.ports import OutcomeSink, Ports
from reconciler.runtime.shard import Shard
from reconciler.state.outcomes import Outcome

_PLANS_RESTORED = 2_000
_OUTCOMES_RESTORED = 50_000
# By then a service has started, with the cores to itself.
_MEASURED_AFTER_S = 5.0
_LOOKUPS, _LOOKUP_PAUSE_S = 100, 0.05
_log = logging.getLogger(__name__)


class WallClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return time.monotonic()


class OutcomeFanOut:
    """Passes outcomes to several sinks."""

    def __init__(self, *sinks: OutcomeSink) -> None:
        self._sinks = sinks

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes in each sink."""
        listed = list(outcomes)
        for sink in self._sinks:
            sink.record(listed)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count the outcomes in each sink."""
        listed = list(outcomes)
        for sink in self._sinks:
            sink.count(listed)


@dataclass
class BuildShard:
    """Builds one shard inside its actor; the argument of `reconciler.runtime.actor.create`."""

    settings: Settings
    catalog: Catalog
    learner_is_late: bool = False

    async def __call__(self, index: int) -> Shard:
        """Build and start everything a shard needs. If that fails, nothing of it is left: it is tried again soon."""
        async with AsyncExitStack() as started:
            shard = await self._built(index, started)
            started.pop_all()
        return shard

    async def _built(self, index: int, started: AsyncExitStack) -> Shard:
        """Build a shard. ``started`` ends what has been started."""
        settings = self.settings
        ServiceLog.of(settings).install(f"shard-{index}")
        planner = await _named(PLANNER)
        # Of a shard that is restarted after a crash: the catalog may have been reloaded since its first start.
        catalog = await planner.catalog.remote()
        # The speculative planner works on small matrices, for which BLAS threads are ten times slower.
        threadpool_limits(1)
        shards: list[Shard] = []
        limits = AdmissionLimits(catalog) if settings.reconciler.shards == 1 else await _shared_limits(index, catalog)
        executor = self._executor(catalog, limits, lambda: cluster)
        started.callback(executor.close)
        cluster = self._cluster(executor, shards)
        started.push_async_callback(cluster.stop)
        await cluster.start()
        if any(CONTAINERS in agent.resources.custom for agent in catalog.agents):
            await cluster.measured()  # else its first tasks would be refused
        # Hosts take as long to start as all that follows.
        hosts = asyncio.ensure_future(executor.prepare([node.id for node in cluster.snapshot().nodes]))
        started.callback(hosts.cancel)
        metrics, planning_metrics, lag = shard_metrics(index, executor.outages)
        started.callback(lag.stop)
        learner = await self._learner()
        journal = await asyncio.to_thread(Journal, settings.journal_url, index, JournalMetrics(metrics.registry, index))
        started.push_async_callback(asyncio.to_thread, journal.close)
        await asyncio.to_thread(self._take_over, journal)
        advice = _advice(settings, catalog, (learner, planner), journal)
        speculative = await self._speculative_planner(advice, journal)
        planning = RemotePlanning(speculative, planner, advice, planning_metrics)
        ports = Ports(
            catalog=catalog,
            executor=executor,
            planning=planning,
            cluster=cluster,
            clock=WallClock(),
            outcomes=OutcomeFanOut(metrics, advice),
            advice=advice,
            certifier=CertifiedPlans(advice.costs, most_steps=settings.planning.certified_steps),
            drafter=_drafter(settings, planning),
            warming=HostWarming(executor.prepare, lambda: executor.catalog),
        )
        if learner is not None:
            await _restored(learner, journal)
        await hosts
        advice.start()
        on_close = (lag.stop, advice.stop, cluster.stop, executor.close)
        most_live = max(1, settings.limits.max_queue // settings.reconciler.shards)
        shards.append(Shard(ports, journal, metrics, most_live=most_live, on_close=on_close))
        return shards[0]

    async def _learner(self) -> Any | None:
        """The learner; None if there is none. One that is late is looked up with each exchange until it is there."""
        if not self.settings.learner.enabled:
            return None
        return NamedActor(LEARNER, "the learner") if self.learner_is_late else await _named(LEARNER)

    def _cluster(self, executor: RayExecutor, shards: Iterable[Shard]) -> RayCluster:
        """The cluster, which tells executor and shards of lost nodes."""

        def on_lost(node: NodeId) -> None:
            executor.forget_node(node)
            for shard in shards:
                shard.node_lost(node)

        settings = self.settings.cluster
        return RayCluster(
            warm=executor.warm,
            outages=executor.outages,
            on_lost=on_lost,
            on_healed=executor.stop_leftovers,
            refresh_s=settings.refresh_s,
            node_timeout_s=settings.node_timeout_s,
            measurements=Measurements(executor.held, lone_s=_MEASURED_AFTER_S) if settings.measure else None,
        )

    def _executor(self, catalog: Catalog, limits: AdmissionControl, cluster: Callable[[], RayCluster]) -> RayExecutor:
        """The executor; ``cluster`` gives the cluster, which is created after it."""
        hosts = self.settings.hosts
        return RayExecutor(
            catalog,
            limits=limits,
            heartbeat_timeout_s=hosts.heartbeat_timeout_s,
            processes_per_node=hosts.processes_per_node,
            verify_timeout_s=hosts.verify_timeout_s,
            # Ray lists a dead node as alive for about 13 s; the executor notices it earlier.
            on_node_lost=lambda node: cluster().lose(node),
            room=lambda node: cluster().room(node),
            logs=log_limits(self.settings.logs),
            results=result_cache(self.settings),
            callbacks=callback_urls(self.settings),
            payloads=payload_store(self.settings),
        )

    def _take_over(self, journal: Journal) -> None:
        """Take over the tasks that are the shard's own now."""
        journal.claim(self.settings.reconciler.shards)
        journal.redistribute(self._owner)

    async def _speculative_planner(self, advice: LearnedAdvice, journal: Journal) -> SpeculativePlannerPipeline:
        """The planner with the latest plans of the journal in its cache."""
        planning = self.settings.planning
        allow_compiled_kernel(self.settings)
        planner = SpeculativePlannerPipeline(advice.costs, predictor=advice, settings=planning.speculative)
        for task, plan in await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED))):
            planner.cache.remember(task, plan)
        planner.cache.prepare()
        return planner

    def _owner(self, task_id: TaskId) -> int | None:
        try:
            return shard_of(task_id, self.settings.reconciler.shards)
        except UnknownTask:
            return None


async def _named(name: str) -> Any:
    """The service's actor of this name, which may be created a moment after the shard.

    Raises:
        ValueError: there is none.
    """
    for _ in range(_LOOKUPS):
        with suppress(ValueError):
            return ray.get_actor(name, namespace=NAMESPACE)
        await asyncio.sleep(_LOOKUP_PAUSE_S)
    return ray.get_actor(name, namespace=NAMESPACE)


async def _shared_limits(index: int, catalog: Catalog) -> AdmissionControl:
    """Limits of agents and providers: a single shard has them to itself, several ask the actor that they share."""
    central = CentralLimits(catalog, await _named(LIMITS), index)
    central.join()
    return central


def _drafter(settings: Settings, planning: RemotePlanning) -> Drafts | None:
    draft = settings.llm.draft
    return None if draft is None else Drafts(draft, planning.draft)


def _advice(settings: Settings, catalog: Catalog, actors: tuple[Any, Any], journal: Journal) -> LearnedAdvice:
    """What a shard learns. ``actors``: the learner, if there is one, and the planner."""
    advice = LearnedAdvice(settings, *actors, lambda restarted: _restore(restarted, journal))
    advice.reload(catalog)
    return advice


async def _restored(learner: Any, journal: Journal) -> None:
    """As `_restore`, if the journal holds anything: a new service does not wait for its learner.

    A learner that does not answer now gets everything with a later exchange.
    """
    kept = await _kept(journal)
    if not any(kept):
        return
    try:
        await learner.restore.remote(*kept)
    except (RayError, Unavailable) as error:
        _log.warning("the learner is away and learns later what the journal holds: %s", type(error).__name__)


async def _restore(learner: Any, journal: Journal) -> None:
    """Send the journal's outcomes and plans to a learner that has just started."""
    await learner.restore.remote(*await _kept(journal))


async def _kept(journal: Journal) -> tuple[list[Outcome], list[PlanExample]]:
    """The journal's outcomes, and its plans of goals."""
    plans = await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED)))
    outcomes = await asyncio.to_thread(lambda: list(journal.outcomes(_OUTCOMES_RESTORED)))
    return outcomes, [plan_example(task.goal, plan, task.kind) for task, plan in plans if task.goal is not None]
