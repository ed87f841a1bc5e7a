"""The URL of a service, checked before the first request."""

import httpx

from orchestrator.client.errors import Unreachable

_MOST_PORTS = 65535


def check_url(url: str) -> None:
    """Check the form of a URL.

    Raises:
        Unreachable: it is invalid.
    """
    try:
        port = httpx.URL(url).port
    except httpx.InvalidURL as error:
        raise Unreachable.at(url, error) from None
    if port is not None and not 0 < port <= _MOST_PORTS:
        raise Unreachable.at(url, ValueError(f"{port} is not a valid port"))
