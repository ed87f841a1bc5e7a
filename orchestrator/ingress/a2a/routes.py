"""The routes of A2A: the card, JSON-RPC and HTTP+JSON."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache

from a2a.server.request_handlers.response_helpers import agent_card_to_dict, build_error_response
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.types import AgentCard
from a2a.utils.constants import AGENT_CARD_WELL_KNOWN_PATH
from a2a.utils.errors import ContentTypeNotSupportedError
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import Route

from orchestrator.errors import Forbidden, Unauthenticated, UnsupportedMediaType
from orchestrator.ingress.a2a.card import PATH, PROTOCOL, agent_card
from orchestrator.ingress.a2a.handler import ForerunRequestHandler
from orchestrator.ingress.a2a.refusals import explained
from orchestrator.ingress.access import allow
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.skills import skills
from orchestrator.keys import Scope

_KEEP = "private, max-age=60"
_NOT_MODIFIED = 304
# What the SDK says for HTTP+JSON; the specification wants application/json.
_SDK_TYPE, _JSON = "application/a2a+json", "application/json"


def add_a2a(app: FastAPI, context: IngressContext) -> None:
    """Serve A2A on an application. Its routes need the same keys as all others; the card is open, without skills."""
    router = APIRouter(include_in_schema=False)
    _card(router, context)
    http = context.settings.http
    own = http.public_url or f"http://{http.host}:{http.port}"
    handler = ForerunRequestHandler(context, lambda: _card_of(context, own, shown=True))
    routes = [*create_jsonrpc_routes(handler, PATH), *create_rest_routes(handler, path_prefix=PATH)]
    for route in routes:
        if isinstance(route, Route):  # the rest are tenants, which this service has none of
            methods = sorted((route.methods or set()) - {"HEAD"})
            router.add_api_route(route.path, _forwarded(route.endpoint), methods=methods, response_model=None)
            if route.path == PATH:  # clients that join URLs ask for this one
                router.add_api_route(PATH + "/", _forwarded(route.endpoint), methods=methods, response_model=None)
    app.include_router(router)


def _forwarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def forward(request: Request) -> Response:
        if request.method == "POST" and _JSON not in request.headers.get("content-type", _JSON):
            return _not_json(request)
        response = await endpoint(request)
        if response.headers.get("content-type") == _SDK_TYPE:
            response.headers["content-type"] = _JSON
        return await explained(request, response, PROTOCOL)

    return forward


def _not_json(request: Request) -> Response:
    message = f"the body is {request.headers['content-type']}; send {_JSON}"
    if request.url.path.rstrip("/").endswith(PATH):
        body = build_error_response(None, ContentTypeNotSupportedError(message=message))
        return Response(json.dumps(body), media_type=_JSON)
    raise UnsupportedMediaType(message, "header.Content-Type", f"send {_JSON}")


def _card(router: APIRouter, context: IngressContext) -> None:
    @router.get(AGENT_CARD_WELL_KNOWN_PATH)
    async def card(request: Request) -> Response:
        await context.recent_catalog()
        url = context.settings.http.public_url or str(request.base_url)
        body = json.dumps(agent_card_to_dict(_card_of(context, url, shown=await _may_read(request, context))))
        tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": _KEEP, "Vary": "Authorization", "Last-Modified": _first_sent(tag)}
        known = request.headers.get("if-none-match", "")
        if tag in {each.strip().removeprefix("W/") for each in known.split(",")}:
            return Response(status_code=_NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers, media_type=_JSON)


@lru_cache(maxsize=64)
def _first_sent(_tag: str) -> str:
    """When this process first sent the card with this tag."""
    return formatdate(usegmt=True)


def _card_of(context: IngressContext, url: str, *, shown: bool) -> AgentCard:
    offered = skills(context.catalog, context.settings)
    return agent_card(url, offered, keys=context.keyring is not None, shown=shown)


async def _may_read(request: Request, context: IngressContext) -> bool:
    if context.keyring is None:
        return True
    try:
        await allow(request.headers, context.keyring, Scope.READ)
    except (Unauthenticated, Forbidden):
        return False
    return True
