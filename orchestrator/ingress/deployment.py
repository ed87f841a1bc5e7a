"""The HTTP application as a Ray Serve deployment."""

import functools
import gc
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from ray import serve

from orchestrator.imports import without_collections
from orchestrator.service_log import ServiceLog
from orchestrator.settings import Settings
from planners.agents import Catalog

# A waiting client (events, ?wait_s=) holds a request open but uses no CPU.
_MAX_OPEN_REQUESTS = 10_000


class Ingress:
    """One replica. It builds the application when it starts, on its own event loop.

    Only a replica imports what it needs: `forerun up` does not, and collections take a fifth of the imports' time.
    """

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        ServiceLog.of(settings).install("ingress")
        with without_collections():
            from orchestrator.gateway.ray_gateway import RayGateway  # noqa: PLC0415 (see above)
            from orchestrator.ingress.app import GC_THRESHOLDS, build  # noqa: PLC0415 (see above)
            from orchestrator.ingress.context import IngressContext  # noqa: PLC0415 (see above)
            from orchestrator.ingress.keyring import Keyring  # noqa: PLC0415 (see above)
        gc.set_threshold(*GC_THRESHOLDS)
        keyring = Keyring.of_journal(settings.journal_url) if settings.http.keys_required else None
        self._build = functools.partial(build, IngressContext(RayGateway(settings), settings, catalog, keyring))

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._build()


def application(settings: Settings, catalog: Catalog, resources: Mapping[str, float]) -> serve.Application:
    """The application for `serve.run`. The replica looks the shards up with the first request.

    ``resources`` are Ray resources that the replica needs; one of a single node pins it there.
    """
    deployment: Any = serve.deployment(serve.ingress()(Ingress))
    bound: serve.Application = deployment.options(
        name="ingress",
        num_replicas=1,
        max_ongoing_requests=_MAX_OPEN_REQUESTS,
        ray_actor_options={"num_cpus": 0, "resources": dict(resources)},
    ).bind(settings, catalog)
    return bound
