"""Middleware that refuses requests from pages of other sites.

A browser sends some cross-site POST requests without asking the server first. Without authentication every page that a
user of this machine visits could submit tasks or roll the learner back. Programs send neither of the headers.
"""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.ingress.error_responses import reply
from orchestrator.problems import plain

_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOrigin:
    """Answer 403 to a request of another site that would change something."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes from a program or from a page of this service."""
        if scope["type"] == "http" and scope["method"] not in _READ_ONLY and _is_cross_site(Request(scope)):
            fix = "call the API from a server or a program, not from a page of another site"
            problem = plain(403, "the request comes from a page of another site", scope["path"], fix)
            await reply(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_cross_site(request: Request) -> bool:
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site not in {"same-origin", "none"}
    # Browsers that do not send Sec-Fetch-Site send Origin.
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
