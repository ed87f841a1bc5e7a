"""How requests reach the service: through Ray Serve (the default), or directly on one machine."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.service.placement import ServicePlacement
from orchestrator.settings import IngressMode, Settings
from planners.agents import Catalog


@dataclass
class OpenIngress:
    """The HTTP application of a running service.

    Attributes:
        url: where it answers.
        withdraw: stops it; called before the shards close.
        shut_down: shuts down what it runs in; called once the shards have closed.
    """

    url: str
    withdraw: Callable[[], None] = lambda: None
    shut_down: Callable[[], None] = lambda: None


def modules_of(mode: IngressMode) -> tuple[str, ...]:
    """What this process imports for an ingress, and for the class of its shards: Serve or FastAPI, which take long."""
    if mode is IngressMode.SERVE:
        return "ray.serve", "orchestrator.ingress.deployment", "orchestrator.service.serve_instance"
    return ("orchestrator.service.ingress_shard_process",)


def open_ingress(settings: Settings, catalog: Catalog, placement: ServicePlacement, *, owns_ray: bool) -> OpenIngress:
    """Start the HTTP application while the shards start; it looks them up with the first request.

    Args:
        settings: with a port.
        catalog: the agents.
        placement: where its actors belong.
        owns_ray: whether this service has started Ray.

    Raises:
        CannotStart: the address is taken.
    """
    if settings.http.ingress is IngressMode.SERVE:
        return _through_serve(settings, catalog, placement, owns_ray=owns_ray)
    return OpenIngress(settings.http.url)


def close_after_failure(ingress: OpenIngress, *, owns_ray: bool) -> None:
    """Take an ingress off a cluster that was joined, where it would stay. Our own Ray ends with this process.

    Whatever fails here only follows from what is being raised.
    """
    for step in () if owns_ray else (ingress.withdraw, ingress.shut_down):
        with suppress(Exception):
            step()


def _through_serve(settings: Settings, catalog: Catalog, placement: ServicePlacement, *, owns_ray: bool) -> OpenIngress:
    # Imported here: see `modules_of`.
    from ray import serve  # noqa: PLC0415 (see above)

    from orchestrator.ingress.deployment import application  # noqa: PLC0415 (see above)
    from orchestrator.service.serve_instance import APP, owns_serve, serve_on  # noqa: PLC0415 (see above)

    is_ours = owns_ray or owns_serve()
    opened = OpenIngress(settings.http.url)
    if is_ours:
        opened.shut_down = serve.shutdown
    else:
        opened.withdraw = lambda: serve.delete(APP, _blocking=True)
    try:
        serve_on(settings.http, application(settings, catalog, placement.replica_resources), owned=is_ours)
    except BaseException:  # also of a signal
        close_after_failure(opened, owns_ray=owns_ray)
        raise
    return opened
