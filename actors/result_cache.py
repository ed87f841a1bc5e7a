"""Results of pure agents by what they were given, shared by all tasks of a process. Identical work is done once.

An agent takes part if it is pure and declares a version: code that changes under the same version would be answered by
results of the old code. The key is made of the values of the inputs and not of the work key, because a parent that is
not pure may have returned something else under the same work key.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from planners.agents import AgentSpec
from planners.model import TaskId, WorkKey, canonical_json, digest
from planners.work_keys import value_digest
from reconciler.state.handoff import Handoff, Usage

MAX_BYTES = 64 * 1024 * 1024
TTL_S = 24 * 3600.0
# Of each entry, besides its output.
_OVERHEAD_BYTES = 500
_NOTHING_USED = Usage(requests=0, usd=0.0)


class _Entry(NamedTuple):
    handoff: Handoff
    bytes: int
    until_s: float


class _Pending(NamedTuple):
    ended: asyncio.Future[None]
    speculative: bool


class ResultCache:
    """The least recently used results go first when ``max_bytes`` are exceeded; each is kept for ``ttl_s``.

    Attributes:
        hits: how many attempts were answered.
        joined: how many waited for identical work instead of repeating it.
        bytes: what is kept.
    """

    def __init__(self, clock: Callable[[], float], *, max_bytes: int = MAX_BYTES, ttl_s: float = TTL_S) -> None:
        """An empty cache. ``clock``: monotonic seconds."""
        self.hits = self.joined = self.bytes = 0
        self._clock = clock
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._pending: dict[str, _Pending] = {}
        self._samples: dict[TaskId, dict[str, dict[WorkKey, int]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, task: TaskId, work: WorkKey, agent: AgentSpec, check: str | None, inputs: object) -> str:
        """The key of a piece of work. Several samples of the same work in one task are numbered and stay several."""
        content = digest(agent.identity, agent.capability, check or "", value_digest(inputs))
        samples = self._samples.setdefault(task, {}).setdefault(content, {})
        return digest(content, str(samples.setdefault(work, len(samples))))

    def forget_task(self, task: TaskId) -> None:
        """A task has ended; its results stay."""
        self._samples.pop(task, None)

    def get(self, key: str) -> Handoff | None:
        """A result, as one that has cost nothing; None if there is none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until_s <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        self.hits += 1
        return entry.handoff

    def put(self, key: str, handoff: Handoff) -> None:
        """Keep a result."""
        self._drop(key)
        size = len(canonical_json(handoff.output)) + len(handoff.summary) + _OVERHEAD_BYTES
        kept = handoff.model_copy(update={"usage": _NOTHING_USED, "cached": True})
        self._entries[key] = _Entry(kept, size, self._clock() + self._ttl_s)
        self.bytes += size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def clear(self) -> int:
        """Forget all results; how many there were."""
        count = len(self._entries)
        self._entries.clear()
        self.bytes = 0
        return count

    async def identical(self, key: str, *, speculative: bool) -> None:
        """Wait while identical work is done. Confirmed work does not wait for speculative work, which yields to it."""
        waited = False
        while (pending := self._pending.get(key)) is not None and (speculative or not pending.speculative):
            waited = True
            await asyncio.shield(pending.ended)
        self.joined += waited

    @contextmanager
    def working(self, key: str, *, speculative: bool) -> Iterator[None]:
        """The work is being done; identical work waits for it."""
        if key in self._pending:
            yield
            return
        pending = self._pending[key] = _Pending(asyncio.get_running_loop().create_future(), speculative)
        try:
            yield
        finally:
            del self._pending[key]
            pending.ended.set_result(None)

    def _drop(self, key: str) -> None:
        if (entry := self._entries.pop(key, None)) is not None:
            self.bytes -= entry.bytes
