"""Routes of the web page: its document, its scripts and styles, and the description of the API for people."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.exceptions import HTTPException

from orchestrator.page.assets import CONTENT_SECURITY_POLICY, Asset, page_files

_ASK_AGAIN, _KEEP = "no-cache", "public, max-age=31536000, immutable"
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_NOT_MODIFIED = 304
_Known = Annotated[str | None, Header(alias="If-None-Match")]


def routes() -> APIRouter:
    """The routes. None of them needs an API key: the files hold no data, and the page asks for a key."""
    router = APIRouter(include_in_schema=False)
    page, version = page_files().by_name, page_files().version

    @router.get("/")
    async def index(known: _Known = None) -> Response:
        return _sent(page["index.html"], known)

    @router.get("/docs")
    async def documentation(known: _Known = None) -> Response:
        return _sent(page["docs.html"], known)

    @router.get("/favicon.ico")
    async def favicon(known: _Known = None) -> Response:
        return _sent(page["favicon.svg"], known)

    @router.get("/page/{of_version}/{name:path}")
    async def file(of_version: str, name: str, known: _Known = None) -> Response:
        if name not in page:
            raise HTTPException(404)
        return _sent(page[name], known, _KEEP if of_version == version else _ASK_AGAIN)

    return router


def _sent(asset: Asset, known: str | None, keep: str = _ASK_AGAIN) -> Response:
    headers = _HEADERS | {"ETag": asset.etag, "Cache-Control": keep}
    # Proxies that compress a response weaken its tag.
    if known is not None and asset.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.media_type)
