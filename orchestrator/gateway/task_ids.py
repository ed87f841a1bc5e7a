"""Task ids: they sort by time of admission and determine the shard.

``t<48-bit milliseconds>-<64-bit suffix>``, hexadecimal. The suffix is the digest of the idempotency key, or random
without one. The shard depends on the suffix alone, so a repeated request reaches the shard that knows the first one.
"""

import re
import secrets
from typing import NamedTuple

from planners.model import TaskId, digest
from reconciler.errors import UnknownTask

TASK_ID_PATTERN = r"^t[0-9a-f]{12}-[0-9a-f]{16}$"
_FORM = re.compile(TASK_ID_PATTERN)
_SUFFIXES = 2**64


class Share(NamedTuple):
    """The tasks of one shard, out of so many shards."""

    shard: int
    shards: int


ALL = Share(0, 1)


def new_task_id(now_s: float, idempotency_key: str | None = None, share: Share = ALL) -> TaskId:
    """An id for a task admitted at ``now_s`` (seconds since the epoch). Without a key the task falls to ``share``."""
    if idempotency_key is None:
        drawn = secrets.randbelow(_SUFFIXES // share.shards) * share.shards + share.shard
        suffix = f"{drawn:016x}"
    else:
        suffix = digest("idempotency", idempotency_key)[:16]
    return TaskId(f"t{int(now_s * 1000):012x}-{suffix}")


def shard_of(task_id: TaskId, shards: int) -> int:
    """The shard that drives the task.

    Raises:
        UnknownTask: this is not a task id.
    """
    if not _FORM.fullmatch(task_id):
        raise UnknownTask(f"there is no task '{task_id[:80]}'", "id", "`forerun list` (GET /v1/tasks) lists the tasks")
    return int(task_id[-16:], 16) % shards


def admitted_at_s(name: str) -> float | None:
    """When the task of this id was admitted, seconds since the epoch; None if this is not a task id."""
    return int(name[1:13], 16) / 1000 if _FORM.fullmatch(name) else None
