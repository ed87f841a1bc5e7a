"""No body over the limit is read, whether it says its length or not."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.ingress.error_responses import reply
from orchestrator.problems import plain

_FIX = "send less, or raise limits.max_body_bytes"


class BodyLimit:
    """ASGI middleware that answers 413 to what is too large."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by the declared length, or as soon as more than the limit has come."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
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
