"""How requests reach the service: through Ray Serve (the default), or directly on one machine."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.service.placement import ServicePlacement
from orchestrator.settings import IngressMode, Settings
from planners.agents import Catalog
from reconciler.runtime.actor import ReconcilerActor

_STOP_S = 5.0
_log = logging.getLogger(__name__)


@dataclass
class OpenIngress:
    """The HTTP application of a running service.

    Attributes:
        url: where it answers.
        starting: references to wait for before it does.
        actors: its own actors.
        withdraw: stops it; called before the shards close.
        shut_down: shuts down what it runs in; called once the shards have closed.
    """

    url: str
    starting: list[Any] = field(default_factory=list)
    actors: list[Any] = field(default_factory=list)
    withdraw: Callable[[], None] = lambda: None
    shut_down: Callable[[], None] = lambda: None


def shard_class(settings: Settings) -> type[ReconcilerActor]:
    """The class of the service's shards: the only shard of a direct ingress answers requests itself."""
    if settings.http.ingress is IngressMode.DIRECT and settings.reconciler.shards == 1:
        from orchestrator.service.direct_ingress import IngressShard  # noqa: PLC0415 -- FastAPI takes long to import

        return IngressShard
    return ReconcilerActor


def open_ingress(
    settings: Settings, catalog: Catalog, reference: Any, placement: ServicePlacement, *, owns_ray: bool
) -> OpenIngress:
    """Start the HTTP application while the shards start; it looks them up with the first request.

    Args:
        settings: with a port.
        catalog: the agents.
        reference: of Ray, to the catalog.
        placement: where its actors belong.
        owns_ray: whether this service has started Ray.

    Raises:
        CannotStart: the address is taken.
    """
    if settings.http.ingress is IngressMode.SERVE:
        return _through_serve(settings, catalog, placement, owns_ray=owns_ray)
    if settings.reconciler.shards == 1:
        return OpenIngress(settings.http.url)
    from orchestrator.service.direct_ingress import create_ingress  # noqa: PLC0415 -- FastAPI takes long to import

    actor = create_ingress(settings, reference, placement.scheduling_strategy)

    def withdraw() -> None:
        with suppress(RayError, TimeoutError):
            ray.get(actor.close.remote(), timeout=_STOP_S)

    return OpenIngress(settings.http.url, [actor.start.remote()], [actor], withdraw)


def _through_serve(settings: Settings, catalog: Catalog, placement: ServicePlacement, *, owns_ray: bool) -> OpenIngress:
    # Imported here: Serve takes a second to import, and a direct ingress does not need it.
    from ray import serve  # noqa: PLC0415 (see above)

    from orchestrator.ingress.deployment import application  # noqa: PLC0415 (see above)
    from orchestrator.service.serve_instance import APP, owns_serve, serve_on  # noqa: PLC0415 (see above)

    is_ours = owns_ray or owns_serve()
    url = serve_on(settings.http, application(settings, catalog, placement.replica_resources), owned=is_ours)
    if is_ours:
        return OpenIngress(url, shut_down=serve.shutdown)
    return OpenIngress(url, withdraw=lambda: serve.delete(APP, _blocking=True))
