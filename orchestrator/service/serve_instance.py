"""Ray Serve: start it for the HTTP application, or use the one that runs on a cluster that was joined."""

import httpx
from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.exceptions import RayServeException
from ray.util import list_named_actors

from orchestrator.errors import CannotStart
from orchestrator.settings import Http

APP = "forerun"
# The name of Ray Serve's controller (ray.serve._private.constants).
_CONTROLLER = "SERVE_CONTROLLER_ACTOR"
_HEALTH_TIMEOUT_S = 10.0


def owns_serve() -> bool:
    """On a cluster that was joined: whether this service must shut Serve down. One with other applications must stay.

    A Serve instance that holds nothing but the application of a Forerun that was killed is shut down here: it may
    listen at another address, and that cannot be changed.
    """
    if not any(actor["name"] == _CONTROLLER for actor in list_named_actors(all_namespaces=True)):
        return True
    if set(serve.status().applications) != {APP}:
        return False
    serve.shutdown()  # type: ignore[no-untyped-call] # Serve leaves it untyped
    return True


def serve_on(http: Http, application: Application, *, owned: bool) -> None:
    """Deploy the application at an address with a port.

    Raises:
        CannotStart: the port is taken on Ray's head, or Serve already listens at another address.
    """
    url = http.url
    try:
        serve.start(proxy_location="HeadOnly", http_options={"host": http.host, "port": http.port})
    except (RayError, RayServeException, TimeoutError) as error:
        raise CannotStart(
            f"cannot serve at {url}: {error}", "http.port", "give a --port that is free on Ray's head"
        ) from error
    serve.run(application, name=APP, route_prefix="/")
    if not owned and not _answers(url):
        fix = "give the --host and --port at which it listens"
        raise CannotStart(f"Ray Serve already runs on this cluster, but not at {url}", "http", fix)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=_HEALTH_TIMEOUT_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False
