"""The composition root: starts and connects all parts of the service, and shuts them down."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from threadpoolctl import threadpool_limits

from actors.admission.limits import AdmissionLimits
from actors.executor.central_limits import CentralLimits, create_limits
from actors.executor.host_warming import HostWarming
from actors.executor.hosted import AdmissionControl
from actors.executor.measurements import Measurements
from actors.executor.ray_cluster import RayCluster
from actors.executor.ray_executor import RayExecutor
from learner.actor import create as create_learner
from learner.models.plan_examples import plan_example, tool_texts
from orchestrator.callback_urls import callback_urls
from orchestrator.drafts import Drafts
from orchestrator.errors import CannotStart
from orchestrator.gateway.actor_calls import NAMESPACE
from orchestrator.gateway.ray_gateway import LEARNER, LIMITS, PLANNER, shard_name
from orchestrator.gateway.task_ids import shard_of
from orchestrator.metrics.journal import JournalMetrics
from orchestrator.metrics.shard import shard_metrics
from orchestrator.reload import Reloaded
from orchestrator.service.addresses import with_addresses
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.open_ingress import OpenIngress, open_ingress, shard_class
from orchestrator.service.placement import refuse_client_with_files, service_placement
from orchestrator.service.planning import RemotePlanning, create_planner
from orchestrator.service.ray_connection import connect
from orchestrator.service.reloading import read_anew, reload_actors
from orchestrator.service.results import log_limits, payload_store, result_cache
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.model import NodeId, TaskId
from planners.optimal.certified import CertifiedPlans
from planners.speculative import SpeculativePlannerPipeline
from reconciler.errors import UnknownTask
from reconciler.journal import Journal
from reconciler.journal.writer import CommitObserver
from reconciler.log_context import log_place
from reconciler.runtime.actor import create
from reconciler.runtime.ports import OutcomeSink, Ports
from reconciler.runtime.shard import Shard
from reconciler.state.outcomes import Outcome

_PLANS_RESTORED = 2_000
_OUTCOMES_RESTORED = 50_000
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

    async def __call__(self, index: int) -> Shard:
        """Build and start everything a shard needs."""
        settings = self.settings
        ServiceLog.of(settings).install(f"shard-{index}")
        planner = ray.get_actor(PLANNER, namespace=NAMESPACE)
        # Of a shard that is restarted after a crash: the catalog may have been reloaded since its first start.
        catalog = await planner.catalog.remote()
        # The speculative planner works on small matrices, for which BLAS threads are ten times slower.
        threadpool_limits(1)
        shards: list[Shard] = []
        executor = self._executor(index, catalog, lambda: cluster)
        cluster = self._cluster(executor, shards)
        await cluster.start()
        await executor.prepare([node.id for node in cluster.snapshot().nodes])
        metrics, planning_metrics, lag = shard_metrics(index, executor.outages)
        learner = ray.get_actor(LEARNER, namespace=NAMESPACE) if settings.learner.enabled else None
        journal = await asyncio.to_thread(self._journal, index, JournalMetrics(metrics.registry, index))
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
            await _restore(learner, journal)
        advice.start()
        on_close = (lag.stop, advice.stop, cluster.stop, executor.close)
        most_live = max(1, settings.limits.max_queue // settings.reconciler.shards)
        shards.append(Shard(ports, journal, metrics, most_live=most_live, on_close=on_close))
        return shards[0]

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
            measurements=Measurements(executor.held) if settings.measure else None,
        )

    def _executor(self, index: int, catalog: Catalog, cluster: Callable[[], RayCluster]) -> RayExecutor:
        """The executor; ``cluster`` gives the cluster, which is created after it."""
        hosts = self.settings.hosts
        return RayExecutor(
            catalog,
            limits=self._limits(index, catalog),
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

    def _limits(self, index: int, catalog: Catalog) -> AdmissionControl:
        """Those of agents and providers. A single shard has them to itself; several ask the actor that they share."""
        if self.settings.reconciler.shards == 1:
            return AdmissionLimits(catalog)
        return CentralLimits(catalog, ray.get_actor(LIMITS, namespace=NAMESPACE), index)

    def _journal(self, index: int, observer: CommitObserver) -> Journal:
        """The journal of this shard, which takes over the tasks that are its own now."""
        journal = Journal(self.settings.journal_url, index, observer)
        journal.claim()
        journal.redistribute(self._owner)
        return journal

    async def _speculative_planner(self, advice: LearnedAdvice, journal: Journal) -> SpeculativePlannerPipeline:
        """The planner with the latest plans of the journal in its cache."""
        planning = self.settings.planning
        planner = SpeculativePlannerPipeline(advice.costs, predictor=advice, settings=planning.speculative)
        for task, plan in await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED))):
            planner.cache.remember(task, plan)
        return planner

    def _owner(self, task_id: TaskId) -> int | None:
        try:
            return shard_of(task_id, self.settings.reconciler.shards)
        except UnknownTask:
            return None


def _drafter(settings: Settings, planning: RemotePlanning) -> Drafts | None:
    draft = settings.llm.draft
    return None if draft is None else Drafts(draft, planning.draft)


def _advice(settings: Settings, catalog: Catalog, actors: tuple[Any, Any], journal: Journal) -> LearnedAdvice:
    """What a shard learns. ``actors``: the learner, if there is one, and the planner."""
    advice = LearnedAdvice(settings, *actors, lambda restarted: _restore(restarted, journal))
    advice.reload(catalog)
    return advice


async def _restore(learner: Any, journal: Journal) -> None:
    """Send the journal's outcomes and plans to a learner that has just started."""
    plans = await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED)))
    outcomes = await asyncio.to_thread(lambda: list(journal.outcomes(_OUTCOMES_RESTORED)))
    examples = [plan_example(task.goal, plan, task.kind) for task, plan in plans if task.goal is not None]
    await learner.restore.remote(outcomes, examples)


@dataclass
class RunningService:
    """A running service. `stop` shuts down what `start` started and nothing else."""

    ingress: OpenIngress
    shards: list[Any]
    owns_ray: bool
    planner: Any = None
    actors: list[Any] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.ingress.url

    def reload(self, file: Path) -> Reloaded:
        """Give the catalog in a file to planner and shards, and let later attempts use new code.

        Raises:
            InvalidReload: it is refused; nothing has changed.
        """
        return reload_actors(self.planner, self.shards, read_anew(file))

    def stop(self) -> None:
        """Shut down the ingress, the shards (unfinished tasks resume after a restart), and a Ray of our own."""
        self.ingress.withdraw()
        for shard in self.shards:
            try:
                ray.get(shard.close.remote(), timeout=10)
            except (ray.exceptions.RayError, TimeoutError):
                _log.warning("a shard did not close in time; its journal is consistent nevertheless")
        self.ingress.shut_down()
        if self.planner is not None:
            with suppress(ray.exceptions.RayError, TimeoutError):
                ray.get(self.planner.close.remote(), timeout=5)
        for actor in (*self.shards, *self.ingress.actors, *self.actors):
            ray.kill(actor, no_restart=True)
        if self.owns_ray:
            ray.shutdown()


def _refuse_second_service() -> None:
    with suppress(ValueError):
        ray.get_actor(PLANNER, namespace=NAMESPACE)
        fix = "use that one, or stop it first"
        raise CannotStart("a Forerun service already runs on this cluster", "cluster.address", fix)


def start(settings: Settings, catalog: Catalog) -> RunningService:
    """Start Ray (or join it), planner, learner, shards and ingress. Returns once tasks can be submitted.

    Raises:
        CannotStart: says what failed.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {settings.data_dir} cannot be created: {error.strerror}"
        raise CannotStart(message, "data_dir", "give a --data-dir that is writable") from None
    refuse_client_with_files(settings)
    settings = with_addresses(settings)
    owns_ray = connect(settings.cluster)
    if not owns_ray:
        _refuse_second_service()
    placement = service_placement(settings)
    strategy = placement.scheduling_strategy
    # Ray can restart an actor only while the references of its arguments are held (ray #53727).
    references = [ray.put(catalog), ray.put(tool_texts(catalog)), ray.put(BuildShard(settings, catalog))]
    actors = _service_actors(settings, references, strategy)
    actor_class, indices = shard_class(settings), range(settings.reconciler.shards)
    shards = [create(references[2], index, shard_name(index), strategy, actor_class) for index in indices]
    starting = [shard.start.remote() for shard in shards]
    ingress = open_ingress(settings, catalog, references[0], placement, owns_ray=owns_ray)
    try:
        resumed = sum(ray.get(starting))
        ray.get([*ingress.starting, actors[0].under_way.remote()])  # submissions are refused without a planner
    except ray.exceptions.RayError as error:
        raise _cannot_start_a_shard(error) from error
    if resumed:
        _log.info("resuming %d unfinished tasks", resumed)
    return RunningService(
        ingress=ingress,
        shards=shards,
        owns_ray=owns_ray,
        planner=actors[0],
        actors=actors,
        references=references,
    )


def _service_actors(settings: Settings, references: list[Any], strategy: Any) -> list[Any]:
    """The planner, then what the shards share besides it. ``references``: the catalog, then the texts of its tools."""
    actors = [create_planner(settings, references[0], PLANNER, strategy)]
    if settings.learner.enabled:
        actors.append(
            create_learner(
                LEARNER,
                folder=settings.models_folder,
                tools=references[1],
                scheduling_strategy=strategy,
                prepare=functools.partial(ServiceLog.of(settings).install, "learner"),
            )
        )
    if settings.reconciler.shards > 1:
        actors.append(create_limits(references[0], LIMITS, strategy))
    return actors


def _cannot_start_a_shard(error: Exception) -> CannotStart:
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, CannotStart):
        return cause
    if type(cause).__module__.startswith("sqlalchemy"):
        why = str(cause).partition("\n")[0]
        return CannotStart(f"the journal cannot be opened: {why}", "journal.url", "give a database that is writable")
    return CannotStart(
        f"a shard cannot be started: {type(cause).__name__}: {cause}", "", f"see {log_place()} and Ray's own logs"
    )
