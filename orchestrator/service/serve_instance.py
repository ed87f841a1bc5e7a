"""The ingress on Ray Serve: one of our own, or one that others run on a cluster that was joined."""

import socket

import httpx
from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.exceptions import RayServeException
from ray.util import list_named_actors

from orchestrator.errors import CannotStart
from orchestrator.settings import Http

APP = "forerun"
# As Ray Serve names its controller (ray.serve._private.constants).
_CONTROLLER = "SERVE_CONTROLLER_ACTOR"
_PATIENCE_S = 10.0


def have_serve() -> bool:
    """On a cluster that was joined: whether Serve is ours to end. One that serves others must outlive us.

    One that serves only what a Forerun has left behind that had no time to say goodbye is ended here: it may listen
    elsewhere, and how it listens cannot be changed.
    """
    if not any(actor["name"] == _CONTROLLER for actor in list_named_actors(all_namespaces=True)):
        return True
    if set(serve.status().applications) != {APP}:
        return False
    serve.shutdown()  # type: ignore[no-untyped-call] # Serve leaves it untyped
    return True


def serve_on(http: Http, application: Application, *, owns_serve: bool) -> str:
    """Serve it; its URL.

    Raises:
        CannotStart: the port is taken where Ray's head runs, or others have Serve listen elsewhere.
    """
    port = http.port or _free_port(http.host)
    url = f"http://{http.host}:{port}"
    try:
        serve.start(proxy_location="HeadOnly", http_options={"host": http.host, "port": port})
    except (RayError, RayServeException, TimeoutError) as error:
        raise CannotStart(
            f"cannot serve at {url}: {error}", "http.port", "give a --port that is free on Ray's head"
        ) from error
    serve.run(application, name=APP, route_prefix="/")
    if not owns_serve and not _answers(url):
        serve.delete(APP)
        fix = "give the --host and --port that it listens on"
        raise CannotStart(f"Ray Serve runs on this cluster already, and not at {url}", "http", fix)
    return url


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=_PATIENCE_S, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
