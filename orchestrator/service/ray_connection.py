"""The Ray cluster: start a local one, or join one that is already running."""

import logging
import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import AuthenticationError, GetTimeoutError, RayError

from actors.executor.nodes import pinned
from orchestrator.errors import CannotStart
from orchestrator.gateway.actor_calls import NAMESPACE
from orchestrator.service.cluster_token import HOW_TO_GIVE
from orchestrator.settings import ADDRESS_FORMS, ClusterSettings
from planners.model import NodeId

# An attribute that every worker must be able to import.
_PROBE = "actors.executor.host:__doc__"
# Workers have to start, and a node may have to download the runtime environment first.
_WORKER_TIMEOUT_S = 120.0
_SETTINGS_PREFIX = "FORERUN_"
_REFUSAL = "InvalidAuthToken"


def connect(cluster: ClusterSettings) -> bool:
    """Start a local Ray, or join the one at ``cluster.address``; whether this service must shut it down.

    Raises:
        CannotStart: no cluster answers, it refuses the token, or its workers cannot run agents.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_DEDUP_LOGS", "1")
    # On a busy machine a proxy takes longer to start than the 5 s after which Serve would kill it.
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    # Always explicit: Ray would otherwise join the cluster of a stale address file.
    address = cluster.address or "local"
    try:
        with _hidden_settings():
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.WARNING,
                **_init_options(cluster),
            )
    except Exception as error:
        raise _refusal(cluster, error) from error
    if cluster.address is None:
        return True
    try:
        check_workers(cluster.address)
    except CannotStart:
        ray.shutdown()
        raise
    return False


@contextmanager
def _hidden_settings() -> Iterator[None]:
    """Hide the service's own variables, keys and URLs among them, from the processes that Ray starts.

    The service's actors get the settings as an argument. Agents inherit the environment of Ray's processes.
    """
    hidden = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS_PREFIX)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _init_options(cluster: ClusterSettings) -> dict[str, Any]:
    """Arguments of `ray.init`, which differ for a local cluster and one that is joined."""
    if cluster.address is None:
        local = {"include_dashboard": False, "num_cpus": cluster.num_cpus, "num_gpus": cluster.num_gpus}
        return {**local, "runtime_env": cluster.runtime_env or None}
    return {"runtime_env": _with_our_path(cluster.runtime_env) or None}


def _with_our_path(runtime_env: dict[str, Any]) -> dict[str, Any]:
    """Give workers our PYTHONPATH, for nodes that share our disk. Workers of a local Ray inherit it."""
    path = os.environ.get("PYTHONPATH")
    variables = runtime_env.get("env_vars") or {}
    if not path or "PYTHONPATH" in variables:
        return runtime_env
    # Ray expands the placeholder to the worker's own value.
    return {**runtime_env, "env_vars": {**variables, "PYTHONPATH": f"{path}{os.pathsep}${{PYTHONPATH}}"}}


def _refusal(cluster: ClusterSettings, error: Exception) -> CannotStart:
    if cluster.address is None:
        fix = "look at the load and the free memory of this machine, then start again; `forerun doctor` helps"
        return CannotStart(f"cannot start a local Ray: {error}", "cluster", fix)
    where = f"cannot join the Ray cluster at {cluster.address}"
    if isinstance(error, AuthenticationError):
        return CannotStart(f"{where}: it asks for a token, and none is configured", "cluster.address", HOW_TO_GIVE)
    if any(_REFUSAL in str(link) for link in _chain(error)):
        return CannotStart(f"{where}: the token is missing or not the cluster's", "cluster.address", HOW_TO_GIVE)
    return CannotStart(
        f"{where}: {error}", "cluster.address", f"give the address of a running cluster: {ADDRESS_FORMS}"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def check_workers(address: str, needed: str = _PROBE) -> None:
    """Check that a worker on each node can import ``needed``. The Ray task calls a function of the standard library.

    Raises:
        CannotStart: a worker cannot import it, or does not answer; names the node.
    """
    ask = ray.remote(num_cpus=0, max_retries=0)(pkgutil.resolve_name)
    nodes = [NodeId(node["NodeID"]) for node in _nodes() if node["Alive"]]
    answers = {node: ask.options(scheduling_strategy=pinned(node)).remote(needed) for node in nodes}
    for node, answer in answers.items():
        try:
            ray.get(answer, timeout=_WORKER_TIMEOUT_S)
        except GetTimeoutError:
            message = f"a worker on node {node} of {address} did not answer within {_WORKER_TIMEOUT_S:g} s"
            raise CannotStart(message, "cluster.address", "see the node's logs") from None
        except (RayError, ImportError) as error:
            raise _not_installed(node, address, error) from error


def _nodes() -> list[dict[str, Any]]:
    return ray.nodes()  # type: ignore[no-untyped-call,no-any-return] # Ray leaves it untyped


def _not_installed(node: NodeId, address: str, error: Exception) -> CannotStart:
    cause = getattr(error, "cause", None) or error
    return CannotStart(
        f"workers on node {node} of {address} cannot import Forerun: {str(cause).strip().splitlines()[-1]}",
        "cluster.runtime_env",
        "install the same Forerun on every node, or ship it in Ray's runtime environment: "
        "cluster.runtime_env: {pip: [...]} or {py_modules: [...]}",
    )
