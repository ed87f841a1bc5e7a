"""The composition root: starts and connects all parts of the service, and shuts them down."""

import logging
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray

from orchestrator.errors import CannotStart
from orchestrator.gateway.actor_calls import NAMESPACE
from orchestrator.gateway.ray_gateway import PLANNER
from orchestrator.imports import imported_meanwhile
from orchestrator.reload import Reloaded
from orchestrator.service.addresses import refuse_taken, with_addresses
from orchestrator.service.data_folder import make_folder
from orchestrator.service.open_ingress import OpenIngress, close_after_failure, modules_of, open_ingress
from orchestrator.service.placement import refuse_client_with_files, service_placement
from orchestrator.service.ray_connection import connect
from orchestrator.service.reloading import read_anew, reload_actors
from orchestrator.settings import IngressMode, Settings
from planners.agents import Catalog
from reconciler.log_context import log_place

_log = logging.getLogger(__name__)


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
        for actor in (*self.shards, *self.actors):
            ray.kill(actor, no_restart=True)
        if self.owns_ray:
            ray.shutdown()


def _refuse_second_service() -> None:
    with suppress(ValueError):
        ray.get_actor(PLANNER, namespace=NAMESPACE)
        fix = "use that one, or stop it first"
        raise CannotStart("a Forerun service already runs on this cluster", "cluster.address", fix)


def start(
    settings: Settings, catalog: Catalog, connecting: AbstractContextManager[None] | None = None
) -> RunningService:
    """Start Ray (or join it), planner, learner, shards and ingress. Returns once tasks can be submitted.

    Args:
        settings: of the service.
        catalog: the agents.
        connecting: entered while this process becomes a driver of Ray.

    Raises:
        CannotStart: says what failed.
    """
    make_folder(settings.data_dir)
    refuse_client_with_files(settings)
    settings = with_addresses(settings)
    # Ray mostly waits for its own processes while it starts.
    imports = imported_meanwhile("orchestrator.service.service_actors", *modules_of(settings.http.ingress))
    with imports, connecting or nullcontext():
        owns_ray = connect(settings.cluster)
    if not owns_ray:
        _refuse_second_service()
    if settings.http.ingress is IngressMode.DIRECT and settings.reconciler.shards > 1:
        refuse_taken(settings.http)
    placement = service_placement(settings)
    from orchestrator.service.service_actors import ServiceActors  # noqa: PLC0415 (see above)

    service = ServiceActors(settings, catalog, placement.scheduling_strategy)
    # The first actors get the processes that Ray has started already, and a service waits longest for its shards.
    shards = service.shards()
    actors = service.others()
    starting = [shard.start.remote() for shard in shards]
    ingress = open_ingress(settings, catalog, placement, owns_ray=owns_ray)
    try:
        resumed = _under_way(starting, actors[0])
        actors.extend(service.late())
    except BaseException:  # also of a signal
        close_after_failure(ingress, owns_ray=owns_ray)
        raise
    if resumed:
        _log.info("resuming %d unfinished tasks", resumed)
    return RunningService(
        ingress=ingress,
        shards=shards,
        owns_ray=owns_ray,
        planner=actors[0],
        actors=actors,
        references=service.references,
    )


def _under_way(starting: list[Any], planner: Any) -> int:
    """Wait for the shards and the planner, without which submissions are refused; the number of resumed tasks."""
    try:
        resumed: int = sum(ray.get(starting))
        ray.get(planner.under_way.remote())
    except ray.exceptions.RayError as error:
        raise _cannot_start_a_shard(error) from error
    return resumed


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
