"""Creates the actors of the service. It imports all that they do, which `start` does while Ray starts."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from actors.executor.central_limits import create_limits
from learner.actor import create as create_learner_actor
from learner.models.plan_examples import tool_texts
from orchestrator.gateway.ray_gateway import LEARNER, LIMITS, PLANNER, shard_name
from orchestrator.service.planner_process import PlannerActorProcess
from orchestrator.service.planning import create_planner
from orchestrator.service.shard_builder import BuildShard
from orchestrator.service_log import ServiceLog
from orchestrator.settings import IngressMode, Settings
from planners.agents import Catalog
from reconciler.runtime.actor import ReconcilerActor, create


class ServiceActors:
    """Creates shards, planner and what they share, all pinned in the same way.

    Attributes:
        references: what the actors are created with, for as long as the service runs: Ray can restart an actor only
            while the references of its arguments are held (ray #53727).
        learner_is_late: the learner may start once tasks can be submitted, because it has nothing to restore.
    """

    def __init__(self, settings: Settings, catalog: Catalog, scheduling_strategy: Any) -> None:
        self._settings = settings
        self._strategy = scheduling_strategy
        self.learner_is_late = settings.learner.enabled and is_new(settings)
        built = BuildShard(settings, catalog, learner_is_late=self.learner_is_late)
        self.references = [ray.put(catalog), ray.put(tool_texts(catalog)), ray.put(built)]

    def shards(self) -> list[Any]:
        """Create the shards."""
        indices, actor_class = range(self._settings.reconciler.shards), _shard_class(self._settings)
        return [create(self.references[2], index, shard_name(index), self._strategy, actor_class) for index in indices]

    def others(self) -> list[Any]:
        """Create the planner, then what the shards need besides it from the beginning."""
        settings, strategy = self._settings, self._strategy
        actors = [create_planner(settings, self.references[0], PLANNER, strategy, PlannerActorProcess)]
        if settings.learner.enabled and not self.learner_is_late:
            actors.append(self._learner())
        if settings.reconciler.shards > 1:
            actors.append(create_limits(self.references[0], LIMITS, strategy, seats=settings.reconciler.shards))
        return actors

    def late(self) -> Sequence[Any]:
        """Create what can start once tasks can be submitted: on two cores, it would take those that shards start on."""
        return [self._learner()] if self.learner_is_late else []

    def _learner(self) -> Any:
        return create_learner_actor(
            LEARNER,
            folder=self._settings.models_folder,
            tools=self.references[1],
            scheduling_strategy=self._strategy,
            prepare=functools.partial(ServiceLog.of(self._settings).install, "learner"),
        )


def is_new(settings: Settings) -> bool:
    """Whether a service has no journal yet and no models. A database on the network may hold anything."""
    try:
        journal = make_url(settings.journal_url)
    except ArgumentError:
        return False  # the journal reports it when it is opened
    if journal.get_backend_name() != "sqlite" or journal.database is None:
        return False
    return not Path(journal.database).exists() and not _holds_anything(settings.models_folder)


def _holds_anything(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the learner reports it


def _shard_class(settings: Settings) -> type[ReconcilerActor]:
    """The class of the service's shards: those of a direct ingress answer requests themselves."""
    if settings.http.ingress is IngressMode.DIRECT:
        from orchestrator.service.ingress_shard_process import IngressShardProcess  # noqa: PLC0415 -- FastAPI takes long to import

        return IngressShardProcess
    from orchestrator.service.shard_process import ReconcilerActorProcess  # noqa: PLC0415 (see above)

    return ReconcilerActorProcess
