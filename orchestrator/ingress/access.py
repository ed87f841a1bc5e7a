"""Which scope a route needs, and the check of the API key that a request sends.

A route that is not named here needs `read` to read and `submit` for everything else, so a new route is never open by
mistake.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request

from orchestrator.errors import Forbidden, Unauthenticated
from orchestrator.ingress.callback_routes import SIGNED
from orchestrator.ingress.keyring import Keyring
from orchestrator.ingress.responses import problems
from orchestrator.keys import Scope

# For clients behind a proxy that uses the header Authorization itself.
KEY_HEADER = "X-Forerun-Key"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Pages hold no data of tasks: they ask for a key and send it with their requests.
_PAGES = frozenset({"/", "/docs", "/favicon.ico", "/page/{of_version}/{name:path}"})
# The card of A2A shows skills only to those who show a key.
_OPEN = _PAGES | {"/healthz", "/readyz", "/.well-known/agent-card.json"} | set(SIGNED)
_ADMIN = frozenset({("POST", "/v1/learner/rollback"), ("POST", "/v1/reload")})
_CREATE = "create one on the service's host: forerun keys create NAME --scope {scope}"


def scope_of(method: str, path: str) -> Scope | None:
    """The scope that a route needs, by its path template; None if it is open to everybody."""
    if path in _OPEN:
        return None
    if (method, path) in _ADMIN:
        return Scope.ADMIN
    return Scope.READ if method in _READING else Scope.SUBMIT


def key_check(keyring: Keyring) -> Callable[[Request], Awaitable[None]]:
    """A FastAPI dependency for all routes: refuses requests without a key that includes the route's scope.

    The dependency raises Unauthenticated or Forbidden.
    """

    async def check(request: Request) -> None:
        needed = scope_of(request.method, request.scope["route"].path)
        if needed is not None:
            await allow(request.headers, keyring, needed)

    return check


async def allow(headers: Mapping[str, str], keyring: Keyring, needed: Scope) -> None:
    """Return if a request's headers hold a key that includes a scope.

    Raises:
        Unauthenticated: there is no key, or it is unknown or revoked.
        Forbidden: its scope does not include the needed one.
    """
    token = _token(headers)
    if not token:
        raise Unauthenticated(
            f"this request needs an API key with the scope {needed}",
            "header.Authorization",
            "send the header 'Authorization: Bearer KEY' (forerun --token or FORERUN_TOKEN). To get a key, "
            + _CREATE.format(scope=needed),
        )
    key = await keyring.key(token)
    if key is None or key.revoked_at_s is not None:
        state = "unknown" if key is None else "revoked"
        fix = "check the key; `forerun keys list` lists all. If it is lost, " + _CREATE.format(scope=needed)
        raise Unauthenticated(f"the API key is {state}", "header.Authorization", fix)
    if not Scope(key.scope).includes(needed):
        raise Forbidden(
            f"the API key '{key.name}' has the scope {key.scope}, and this request needs {needed}",
            "header.Authorization",
            "use another key, or " + _CREATE.format(scope=needed),
        )


def declare_security(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document which scope each operation needs."""
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": f"An API key. It may also be sent as {KEY_HEADER}. Required unless the service listens on a "
        "loopback address only (http.require_keys). Scopes: read, submit (includes read), admin (includes both).",
    }
    document["components"]["securitySchemes"] = {"key": scheme}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needed = scope_of(method.upper(), path)
            operation["security"] = [] if needed is None else [{"key": [needed.value]}]
            if needed is not None:
                for status, response in problems(401, 403).items():
                    operation["responses"].setdefault(str(status), response)


def _token(headers: Mapping[str, str]) -> str:
    given = headers.get(KEY_HEADER, "").strip()
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    return given or (rest.strip() if scheme.lower() == "bearer" else "")
