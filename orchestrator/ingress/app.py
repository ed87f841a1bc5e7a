"""The FastAPI app: routes, refusals, what is counted, what OpenAPI tells."""

import time
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.ingress import error_responses as refusals
from orchestrator.ingress import service_routes as service
from orchestrator.ingress import task_routes as tasks
from orchestrator.ingress.body_limit import BodyLimit
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.responses import problems
from orchestrator.metrics import HttpMetrics
from orchestrator.problems import ProblemDetails

_DESCRIPTION = """Dispatches multi-agent workflows ahead of their plan.

Every refusal is an RFC 9457 problem document (`application/problem+json`) that names the `field` and the `fix`."""


def build(context: IngressContext) -> FastAPI:
    """The app over a gateway."""
    http_metrics = HttpMetrics()
    app = FastAPI(
        title="Forerun",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=problems(422),
        redirect_slashes=False,
    )
    app.include_router(tasks.routes(context))
    app.include_router(service.routes(context, http_metrics))
    app.add_middleware(BodyLimit, max_bytes=context.settings.limits.max_body_bytes)
    app.add_middleware(_Counted, metrics=http_metrics)
    refusals.install(app)
    _declare_problem(app)
    return app


def _declare_problem(app: FastAPI) -> None:
    """Put the problem document into OpenAPI's components, and FastAPI's own form of refusal out of it."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            schemas = document["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas[ProblemDetails.__name__] = ProblemDetails.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schemas.update(schemas[ProblemDetails.__name__].pop("$defs", {}))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend OpenAPI


class _Counted:
    """Counts requests by route template, so that ids do not become labels."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), False

        def count(status: int) -> None:
            nonlocal answered
            answered = True
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.answered(scope["method"], route, status, time.perf_counter() - began)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counting)
        except Exception:
            # Starlette makes a 500 of it further out, where no middleware sees it.
            if not answered:
                count(500)
            raise
