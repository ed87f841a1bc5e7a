"""Routes of the web page: its document, its scripts and styles, and the description of the API for people."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.exceptions import HTTPException

from orchestrator.page.assets import CONTENT_SECURITY_POLICY, Asset, assets

# Proxies and browsers ask whether a file has changed, so a new version of the service never meets old scripts.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NOT_MODIFIED = 304
_Known = Annotated[str | None, Header(alias="If-None-Match")]


def routes() -> APIRouter:
    """The routes. None of them needs an API key: the files hold no data, and the page asks for a key."""
    router = APIRouter(include_in_schema=False)
    files = assets()

    @router.get("/")
    async def page(known: _Known = None) -> Response:
        return _sent(files["index.html"], known)

    @router.get("/docs")
    async def documentation(known: _Known = None) -> Response:
        return _sent(files["docs.html"], known)

    @router.get("/favicon.ico")
    async def favicon(known: _Known = None) -> Response:
        return _sent(files["favicon.svg"], known)

    @router.get("/page/{name:path}")
    async def asset(name: str, known: _Known = None) -> Response:
        if name not in files:
            raise HTTPException(404)
        return _sent(files[name], known)

    return router


def _sent(asset: Asset, known: str | None) -> Response:
    headers = _HEADERS | {"ETag": asset.etag}
    # Proxies that compress a response weaken its tag.
    if known is not None and asset.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)
