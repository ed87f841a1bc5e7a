"""Routes about the service: agents, nodes, learner, probes, metrics."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import Field, JsonValue, RootModel

from orchestrator.gateway.protocol import LearnerVersions
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.query_names import ClosedQueryRoute
from orchestrator.ingress.request_bodies import body_schema, json_body
from orchestrator.ingress.responses import problems, sent
from orchestrator.known_agents import KnownAgents
from orchestrator.metrics import HttpMetrics, joined
from orchestrator.reload import Reloaded
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import Versioned


class Health(Versioned):
    """Response of the probes."""

    status: str = Field(default="ok", description="`ok`, or `ready`")


class CatalogBody(RootModel[dict[str, JsonValue]]):
    """A catalog as people write it; what is left out is derived."""


_MAX_VERSION = 2**31 - 1


def routes(context: IngressContext, http_metrics: HttpMetrics) -> APIRouter:
    """The routes over a gateway. Probes and scrapers may add parameters of their own."""
    router, described = APIRouter(), APIRouter(route_class=ClosedQueryRoute)
    _inventory(described, context)
    _learner(described, context)
    _probes(router, context, http_metrics)
    router.include_router(described)
    return router


def _inventory(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get(
        "/v1/agents", summary="List agents", response_model=KnownAgents, responses=problems(503), tags=["service"]
    )
    async def list_agents() -> Response:
        """All agents with their schemas, prices and resources, their providers, and who does not answer now."""
        return sent(await context.agents())

    @router.post(
        "/v1/reload",
        summary="Replace the catalog",
        response_model=Reloaded,
        responses=problems(400, 413, 415, 422, 503),
        openapi_extra=body_schema(Catalog),
        tags=["service"],
    )
    async def reload_agents(catalog: Annotated[CatalogBody, Depends(json_body(CatalogBody))]) -> Response:
        """Replace the catalog, and let later attempts use the present code of their agents. No run is lost.

        The body holds what a catalog file may hold. It is checked and completed as such a file is.
        """
        return sent(await context.reload(catalog.root))

    @router.get(
        "/v1/nodes", summary="List nodes", response_model=ClusterSnapshot, responses=problems(503), tags=["service"]
    )
    async def list_nodes() -> Response:
        """The nodes as they are now, their reservations, and which agents are warm on them."""
        return sent(await gateway.nodes())


def _learner(router: APIRouter, context: IngressContext) -> None:
    gateway = context.gateway

    @router.get(
        "/v1/learner", summary="Show the learner and the gate's ledger", responses=problems(503), tags=["service"]
    )
    async def show_learner() -> dict[str, Any]:
        """The learner's status and the gate's ledger: calibration, regret, newest decisions."""
        return dict(await gateway.learner())

    @router.get(
        "/v1/learner/versions",
        summary="List versions of the models",
        response_model=LearnerVersions,
        responses=problems(409, 503),
        tags=["service"],
    )
    async def list_versions() -> Response:
        """The stored versions of the learned models, oldest first, and the one in use."""
        return sent(await gateway.learner_versions())

    @router.post(
        "/v1/learner/rollback",
        summary="Restore a version of the models",
        response_model=LearnerVersions,
        responses=problems(404, 409, 503),
        tags=["service"],
    )
    async def roll_back(
        version: Annotated[
            int | None, Query(ge=1, le=_MAX_VERSION, description="Default: the version before the one in use")
        ] = None,
    ) -> Response:
        """Switch to an earlier version of the learned models."""
        return sent(await gateway.learner_rollback(version))


def _probes(router: APIRouter, context: IngressContext, http_metrics: HttpMetrics) -> None:
    gateway = context.gateway

    @router.get("/healthz", summary="Whether the process is alive", response_model=Health, tags=["probes"])
    async def healthz() -> Response:
        """This process is alive."""
        return sent(Health())

    @router.get(
        "/readyz",
        summary="Whether tasks can be submitted",
        response_model=Health,
        responses=problems(503),
        tags=["probes"],
    )
    async def readyz() -> Response:
        """Tasks can be submitted."""
        await gateway.ready()
        return sent(Health(status="ready"))

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, tags=["probes"])
    async def metrics() -> Response:
        """Prometheus metrics of this replica and of every shard."""
        own = [] if context.shards_count_requests else [http_metrics.exposition()]
        body = joined([*own, *await gateway.metrics()])
        return Response(body, media_type=CONTENT_TYPE_LATEST)
