"""Ray, the LLM and the service: do they answer?"""

import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from orchestrator.doctor.finding import Finding, error, ok, warning
from orchestrator.settings import ClusterSettings, LlmSettings

_TIMEOUT_S = 5.0
_CLIENT_PORT, _HEAD_PORT = 10001, 6379
_CLOCKS_DIFFER_S = 5.0


def check_ray(cluster: ClusterSettings) -> Iterator[Finding]:
    """Whether the cluster that is to be joined accepts connections. A local Ray is started by `forerun up`."""
    if cluster.address is None:
        yield ok("ray", "a local Ray is started with the service")
        return
    parts = urlsplit(cluster.address if "//" in cluster.address else f"//{cluster.address}")
    port = parts.port or (_CLIENT_PORT if cluster.through_client else _HEAD_PORT)
    try:
        socket.create_connection((parts.hostname or "", port), _TIMEOUT_S).close()
    except OSError as flaw:
        fix = "start Ray there (ray start --head), open the port, or correct cluster.address"
        yield error("ray", f"nothing answers at {parts.hostname}:{port}: {flaw}", fix)
    else:
        yield ok("ray", f"{parts.hostname}:{port} accepts connections")


def check_llm(llm: LlmSettings, transport: httpx.BaseTransport | None = None) -> Iterator[Finding]:
    """Whether the LLM's server answers and accepts the key. Nothing is generated, so it costs nothing."""
    if llm.base_url is None or llm.model is None:
        if llm.base_url is not None or llm.model is not None:
            missing = "llm.model" if llm.model is None else "llm.base_url"
            yield error("llm", f"{missing} is missing, so goals are refused", f"set {missing}")
        else:
            yield ok("llm", "none is configured: declared workflows run, goals in words are refused")
        return
    key = {} if llm.api_key is None else {"Authorization": f"Bearer {llm.api_key.get_secret_value()}"}
    try:
        with httpx.Client(timeout=_TIMEOUT_S, transport=transport, trust_env=False) as client:
            reply = client.get(f"{llm.base_url.rstrip('/')}/models", headers=key)
    except (httpx.HTTPError, httpx.InvalidURL) as flaw:
        why = str(flaw) or type(flaw).__name__
        yield error("llm", f"{llm.base_url} does not answer: {why}", "correct llm.base_url, or start the server")
        return
    yield _llm_answer(llm, reply)


def _llm_answer(llm: LlmSettings, reply: httpx.Response) -> Finding:
    if reply.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        fix = "set FORERUN_LLM__API_KEY to a valid key"
        return error("llm", f"{llm.base_url} refuses the key (HTTP {reply.status_code})", fix)
    if reply.is_server_error:
        return warning("llm", f"{llm.base_url} answers with HTTP {reply.status_code}", "look at the server")
    if reply.is_error:
        # Some servers do not list their models.
        return ok("llm", f"{llm.base_url} answers")
    names = _models(reply)
    if names and llm.model not in names:
        some = ", ".join(sorted(names)[:5])
        return warning("llm", f"{llm.base_url} does not list the model {llm.model}", f"it lists: {some}")
    return ok("llm", f"{llm.base_url} answers, model {llm.model}")


def _models(reply: httpx.Response) -> set[str]:
    try:
        return {str(entry["id"]) for entry in reply.json()["data"]}
    except (ValueError, KeyError, TypeError):
        return set()


def check_service(url: str, now_s: float, transport: httpx.BaseTransport | None = None) -> Iterator[Finding]:
    """Whether a service answers at the URL and is ready, and whether its clock is the same."""
    try:
        with httpx.Client(timeout=_TIMEOUT_S, transport=transport) as client:
            reply = client.get(f"{url.rstrip('/')}/readyz")
    except (httpx.HTTPError, httpx.InvalidURL):
        yield ok("service", f"none runs at {url}")
        return
    if reply.is_success:
        yield ok("service", f"{url} is ready")
    else:
        problem = _problem(reply)
        yield error("service", f"{url} is not ready: {problem[0]}", problem[1] or "see the service's log")
    if date := reply.headers.get("Date"):
        differ_s = abs(parsedate_to_datetime(date).timestamp() - now_s)
        if differ_s > _CLOCKS_DIFFER_S:
            yield warning("clock", f"the clock of {url} differs by {differ_s:.0f} s", "run an NTP client on both hosts")


def _problem(reply: httpx.Response) -> tuple[str, str]:
    try:
        document = reply.json()
        return str(document["detail"]), str(document.get("fix", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {reply.status_code}", ""
