"""Middleware that refuses bodies over a limit, with or without a declared length."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.ingress.error_responses import reply
from orchestrator.problems import plain

_MAX_DIGITS = 20
_FIX = "send less, or raise limits.max_body_bytes"


class BodyLimit:
    """Answer 413 to a body of more than ``max_bytes``."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by the declared length, or as soon as more than the limit has arrived."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > _MAX_DIGITS or int(declared) > self._max_bytes):
            await reply(plain(413, self._why(), request.url.path, _FIX))(scope, receive, send)
            return
        seen = 0

        async def counting() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise HTTPException(413, self._why())
            return message

        await self._app(scope, counting, send)

    def _why(self) -> str:
        return f"the body is larger than {self._max_bytes} bytes"
