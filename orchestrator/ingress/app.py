"""The FastAPI application: routes, middleware, error handlers and OpenAPI document."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.gateway.protocol import LimitsChange, Resolution, StepAnswer
from orchestrator.ingress import (
    callback_routes,
    error_responses,
    log_routes,
    page_routes,
    service_routes,
    task_routes,
    view_routes,
)
from orchestrator.ingress.access import declare_security, key_check
from orchestrator.ingress.batches import TaskBatch
from orchestrator.ingress.body_limit import BodyLimit
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.protocols import add_protocols
from orchestrator.ingress.request_bodies import add_body_models
from orchestrator.ingress.responses import problems
from orchestrator.ingress.same_origin import SameOrigin
from orchestrator.metrics import HttpMetrics
from orchestrator.metrics.loop_lag import LoopLag
from orchestrator.problems import ProblemDetails
from planners.agents import Catalog
from planners.tasks import Task

# By default the garbage collector looks at the parts of a large task while it is parsed, for half of that time.
GC_THRESHOLDS = (50_000, 20, 20)
# A query that asks for a late answer.
_WAITS = re.compile(rb"(?:^|&)wait_s=(?!0*(?:\.0*)?(?:&|$))")
_DESCRIPTION = """Runs multi-agent workflows, and starts agents before the plan is ready.

Every error response is an RFC 9457 problem document (`application/problem+json`) with `field` and `fix`."""


def build(context: IngressContext) -> FastAPI:
    """Build the application over a gateway."""
    http_metrics = HttpMetrics()
    keyring = context.keyring
    lag = LoopLag(http_metrics.registry, "ingress")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        lag.start()
        yield
        lag.stop()

    app = FastAPI(
        lifespan=lifespan,
        title="Forerun",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=problems(422),
        redirect_slashes=False,
        dependencies=[] if keyring is None else [Depends(key_check(keyring))],
    )
    app.include_router(task_routes.routes(context))
    app.include_router(callback_routes.routes(context))
    app.include_router(log_routes.routes(context))
    app.include_router(view_routes.routes(context))
    app.include_router(service_routes.routes(context, http_metrics))
    app.include_router(page_routes.routes())
    add_protocols(app, context)
    app.add_middleware(SameOrigin)
    app.add_middleware(BodyLimit, max_bytes=context.settings.limits.max_body_bytes)
    app.add_middleware(_Counted, metrics=http_metrics)
    error_responses.install(app)
    _declare_problem(app)
    app.state.http_metrics = http_metrics
    return app


def _declare_problem(app: FastAPI) -> None:
    """Add request bodies and the problem document to OpenAPI's components, and remove FastAPI's own error schemas."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas[ProblemDetails.__name__] = ProblemDetails.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schemas.update(schemas[ProblemDetails.__name__].pop("$defs", {}))
            add_body_models(schemas, Catalog, Task, LimitsChange, Resolution, StepAnswer, TaskBatch)
            schemas[TaskBatch.__name__]["properties"]["tasks"]["items"] = {"$ref": "#/components/schemas/Task"}
            declare_security(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend OpenAPI


class _Counted:
    """Count requests by route template, so that ids do not become label values."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, answered = time.perf_counter(), False

        def count(status: int) -> None:
            nonlocal answered
            answered = True
            route = getattr(scope.get("route"), "path", "unknown")
            waits = _WAITS.search(scope["query_string"]) is not None
            self._metrics.answered(scope["method"], route, status, time.perf_counter() - began_s, waits=waits)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counting)
        except Exception:
            # Starlette turns it into a 500 outside of all middleware.
            if not answered:
                count(500)
            raise
