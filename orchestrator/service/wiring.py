"""The composition root: joins the parts into a running service, and takes them apart again."""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import serve
from threadpoolctl import threadpool_limits

from actors.executor.ray_cluster import RayCluster
from actors.executor.ray_executor import RayExecutor
from learner.actor import create as create_learner
from learner.models.plans import plan_example, tool_texts
from orchestrator.errors import CannotStart
from orchestrator.gateway.ray_gateway import LEARNER, NAMESPACE, shard_name
from orchestrator.gateway.task_ids import shard_of
from orchestrator.ingress.deployment import application
from orchestrator.metrics import RunMetrics
from orchestrator.service.advice import LearnedAdvice
from orchestrator.service.planning import RemotePlanning, create_planner
from orchestrator.service.ray_connection import have_ray
from orchestrator.service.serve_instance import APP, have_serve, serve_on
from orchestrator.settings import Settings
from planners.agents import Catalog
from planners.model import NodeId, TaskId
from planners.speculative.planner import SpeculativePlannerPipeline, SpeculativeSettings
from reconciler.errors import UnknownTask
from reconciler.journal import Journal
from reconciler.runtime.actor import create
from reconciler.runtime.ports import OutcomeSink, Ports
from reconciler.runtime.shard import Shard
from reconciler.state.outcomes import Outcome

PLANNER = "forerun-planner"
_PLANS_RESTORED = 2_000
_OUTCOMES_RESTORED = 50_000
_log = logging.getLogger(__name__)


class WallClock:
    """Seconds since the epoch, as the machine says."""

    def now_s(self) -> float:
        """Now."""
        return time.time()


class Tee:
    """Outcomes to more than one sink."""

    def __init__(self, *sinks: OutcomeSink) -> None:
        self._sinks = sinks

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """To each of them."""
        listed = list(outcomes)
        for sink in self._sinks:
            sink.record(listed)


@dataclass
class BuildShard:
    """Builds one shard inside its actor: what `reconciler.runtime.actor.create` is given."""

    settings: Settings
    catalog: Catalog

    async def __call__(self, index: int) -> Shard:
        """Everything a shard needs, started."""
        settings, catalog = self.settings, self.catalog
        threadpool_limits(1)  # a guess is small: threads of BLAS that wait for a core cost it ten times its time
        shards: list[Shard] = []
        # Ray lists a dead node as alive for some 13 s; an executor that finds it dead says so at once.
        executor = RayExecutor(
            catalog,
            share=1 / settings.reconciler.shards,
            on_node_lost=lambda node: cluster.lose(node),  # noqa: PLW0108 -- there is no cluster yet
        )

        def lost(node: NodeId) -> None:
            executor.forget_node(node)
            for shard in shards:
                shard.lose(node)

        cluster = RayCluster(warm=executor.warm, on_lost=lost, refresh_s=settings.cluster.refresh_s)
        await cluster.start()
        await executor.prepare([node.id for node in cluster.snapshot().nodes])
        metrics = RunMetrics(index)
        planner = ray.get_actor(PLANNER, namespace=NAMESPACE)
        learner = ray.get_actor(LEARNER, namespace=NAMESPACE) if settings.learner.enabled else None
        journal = await asyncio.to_thread(Journal, settings.journal_url, index)
        await asyncio.to_thread(journal.redistribute, self._owner)
        advice = LearnedAdvice(settings, learner, planner, lambda lost: _teach(lost, journal))
        bounds = settings.planning
        guessing = SpeculativeSettings(budget_s=bounds.speculative_budget_s, alternatives=bounds.alternatives)
        speculative = SpeculativePlannerPipeline(advice.costs, predictor=advice, settings=guessing)
        world = Ports(
            catalog=catalog,
            executor=executor,
            planning=RemotePlanning(speculative, planner, advice),
            cluster=cluster,
            clock=WallClock(),
            outcomes=Tee(metrics, advice),
            advice=advice,
        )
        for task, plan in await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED))):
            speculative.memory.remember(task, plan)
        if learner is not None:
            await _teach(learner, journal)
        advice.start()
        room = max(1, settings.limits.max_queue // settings.reconciler.shards)
        closing = (advice.stop, cluster.stop, executor.close)
        shards.append(Shard(world, journal, metrics, most_live=room, on_close=closing))
        return shards[0]

    def _owner(self, task_id: TaskId) -> int | None:
        try:
            return shard_of(task_id, self.settings.reconciler.shards)
        except UnknownTask:
            return None


async def _teach(learner: Any, journal: Journal) -> None:
    """Tell a learner that has just started what the journal holds, as if nothing had been lost."""
    plans = await asyncio.to_thread(lambda: list(journal.plans(_PLANS_RESTORED)))
    outcomes = await asyncio.to_thread(lambda: list(journal.outcomes(_OUTCOMES_RESTORED)))
    examples = [plan_example(task.goal, plan) for task, plan in plans if task.goal is not None]
    await learner.restore.remote(outcomes, examples)


@dataclass
class RunningService:
    """A service that is up. `stop` ends what `start` began and nothing else."""

    url: str
    shards: list[Any]
    owns_ray: bool
    owns_serve: bool = True
    planner: Any = None
    others: list[Any] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)

    def stop(self) -> None:
        """End the ingress, the shards (what has not ended goes on after a restart), and Ray where it is ours."""
        if not self.owns_serve:
            serve.delete(APP, _blocking=True)
        for shard in self.shards:
            try:
                ray.get(shard.close.remote(), timeout=10)
            except (ray.exceptions.RayError, TimeoutError):
                _log.warning("a shard did not close in time; its journal is consistent all the same")
        if self.owns_serve:
            serve.shutdown()  # type: ignore[no-untyped-call] # Serve leaves it untyped
        if self.planner is not None:
            with suppress(ray.exceptions.RayError, TimeoutError):
                ray.get(self.planner.close.remote(), timeout=5)
        for actor in (*self.shards, *self.others):
            ray.kill(actor, no_restart=True)
        if self.owns_ray:
            ray.shutdown()


def _refuse_a_second() -> None:
    with suppress(ValueError):
        ray.get_actor(PLANNER, namespace=NAMESPACE)
        fix = "use that one, or end it first"
        raise CannotStart("a Forerun runs on this cluster already", "cluster.address", fix)


def start(settings: Settings, catalog: Catalog) -> RunningService:
    """Start the service: Ray (or join it), planner, shards, ingress. Returns when tasks can be submitted.

    Raises:
        CannotStart: with what went wrong.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{settings.data_dir} cannot be made: {error.strerror}"
        raise CannotStart(message, "data_dir", "give a --data-dir that can be written") from None
    owns_ray = have_ray(settings.cluster)
    if not owns_ray:
        _refuse_a_second()
    # Ray can restart an actor only while somebody holds the arguments it was made with (ray #53727).
    kept = [ray.put(catalog), ray.put(tool_texts(catalog)), ray.put(BuildShard(settings, catalog))]
    others = [create_planner(settings, kept[0], PLANNER)]
    if settings.learner.enabled:
        others.append(create_learner(LEARNER, folder=(settings.data_dir / "models").absolute(), tools=kept[1]))
    shards = [create(kept[2], index, shard_name(index)) for index in range(settings.reconciler.shards)]
    starting = [shard.start.remote() for shard in shards]
    # Serve comes up while the actors import what they need; replicas look the shards up when first asked.
    owns_serve = owns_ray or have_serve()
    url = serve_on(settings.http, application(settings, catalog), owns_serve=owns_serve)
    try:
        resumed = sum(ray.get(starting))
    except ray.exceptions.RayError as error:
        raise _cannot_start_a_shard(error) from error
    if resumed:
        _log.info("took up %d unfinished tasks", resumed)
    return RunningService(
        url=url, shards=shards, owns_ray=owns_ray, owns_serve=owns_serve, planner=others[0], others=others, kept=kept
    )


def _cannot_start_a_shard(error: Exception) -> CannotStart:
    cause = getattr(error, "cause", None) or error
    if type(cause).__module__.startswith("sqlalchemy"):
        why = str(cause).partition("\n")[0]
        return CannotStart(f"the journal cannot be opened: {why}", "journal.url", "give a database that can be written")
    return CannotStart(f"a shard cannot be started: {type(cause).__name__}: {cause}", "", "see Ray's logs")
