"""Addresses that the service listens at."""

import socket

from orchestrator.settings import Http


def with_port(http: Http) -> Http:
    """The settings with a port that is free now, if they leave it open."""
    return http if http.port else http.model_copy(update={"port": _free_port(http.host)})


def url_of(http: Http) -> str:
    """The URL of the service."""
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"http://{host}:{http.port}"


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
