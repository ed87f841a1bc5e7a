"""SIGHUP: the process of `forerun up` reads its catalog anew and gives it to planner and shards."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray

from orchestrator.declared_catalog import read_by_a_process
from orchestrator.errors import InvalidReload
from orchestrator.reload import Reloaded, reloaded
from planners.agents import Catalog

_log = logging.getLogger(__name__)
_TIMEOUT_S = 60.0


def read_anew(file: Path) -> Catalog:
    """The catalog in a file, with the schemas of the code as it is now: read by a new process, which imports it.

    Raises:
        InvalidReload: it is not valid; the message is that of the new process.
    """
    done = read_by_a_process(str(file))
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["it cannot be read"])[-1]
        raise InvalidReload(f"{file}: {why}", "catalog", "correct it; the service goes on with the former catalog")
    return Catalog.model_validate_json(done.stdout)


def reload_actors(planner: Any, shards: Sequence[Any], catalog: Catalog) -> Reloaded:
    """Give a catalog to planner and shards; the ingress asks a shard for it.

    Raises:
        InvalidReload: the catalog changes what must not change while tasks run; nothing has changed.
        RayError: an actor does not answer; send SIGHUP again.
    """
    former = ray.get(shards[0].catalog.remote(""), timeout=_TIMEOUT_S)
    changes = reloaded(former, catalog)
    ray.get([planner.reload.remote(catalog), *(shard.reload.remote(catalog) for shard in shards)], timeout=_TIMEOUT_S)
    _log.info("reloaded: %s", changes)
    return changes
