"""The address of a service."""

import httpx

from orchestrator.client.errors import Unreachable

_MOST_PORTS = 65535


def check_url(url: str) -> None:
    """Return if a URL can be that of a service.

    Raises:
        Unreachable: it cannot.
    """
    try:
        port = httpx.URL(url).port
    except httpx.InvalidURL as error:
        raise Unreachable.at(url, error) from None
    if port is not None and not 0 < port <= _MOST_PORTS:
        raise Unreachable.at(url, ValueError(f"{port} is not a valid port"))
