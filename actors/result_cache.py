"""Results of pure agents by what they were given, shared by all tasks. Identical work is done once.

An agent takes part if it is pure and declares a version: code that changes under the same version would be answered by
results of the old code. A language model takes part if that holds for all agents that are its tools, too. The key is
made of the values of the inputs and not of the work key, because a parent that is not pure may have returned something
else under the same work key.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from planners.agents import AgentSpec
from planners.model import TaskId, WorkKey, canonical_json, digest
from planners.work_keys import value_digest
from reconciler.journal.stored_result import StoredResult
from reconciler.state.handoff import Handoff, Usage

MAX_BYTES = 64 * 1024 * 1024
TTL_S = 24 * 3600.0
# Of each entry, besides its output.
_OVERHEAD_BYTES = 500
_NOTHING_USED = Usage(requests=0, usd=0.0)


_log = logging.getLogger(__name__)
# A process forgets its results so long after somebody has cleared those that are stored.
_CLEARED_S = 1.0


class ResultStore(Protocol):
    """Where results survive a restart. `keep` and `use` return at once, the others block."""

    def find(self, key: str) -> StoredResult | None:
        """The result of some work, unless it has expired."""
        ...

    def keep(self, result: StoredResult) -> None:
        """Store a result soon."""
        ...

    def use(self, key: str) -> None:
        """Note that a result has answered."""
        ...

    def cleared_s(self) -> float:
        """When all results were cleared last, seconds since the epoch."""
        ...

    def close(self) -> None:
        """Write what waits to be written."""
        ...


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

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_bytes: int = MAX_BYTES,
        ttl_s: float = TTL_S,
        store: ResultStore | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """A cache that is empty but for what is stored.

        Args:
            clock: monotonic seconds.
            max_bytes: of what is kept in memory.
            ttl_s: how long a result may answer.
            store: where results survive a restart; None: nowhere.
            wall_clock: seconds since the epoch.
        """
        self._store = store
        self._wall_clock = wall_clock
        self._checked_s = self._cleared_s = 0.0
        self.hits = self.joined = self.bytes = 0
        self._clock = clock
        self._max_bytes = max_bytes
        self._ttl_s = ttl_s
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._pending: dict[str, _Pending] = {}
        self._samples: dict[TaskId, dict[str, dict[WorkKey, int]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def key(  # noqa: PLR0913, PLR0917 - what a result depends on
        self,
        task: TaskId,
        work: WorkKey,
        agent: AgentSpec,
        check: str | None,
        inputs: object,
        tools: Iterable[AgentSpec] = (),
    ) -> str:
        """The key of a piece of work. Several samples of the same work in one task are numbered and stay several.

        ``check``: what is asked of the result besides. ``tools``: the agents that the agent may call.
        """
        identity = "+".join([agent.identity, *sorted(tool.identity for tool in tools)])
        content = digest(identity, agent.capability, check or "", value_digest(inputs))
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

    async def find(self, key: str) -> Handoff | None:
        """As `get`, also among the results that are stored."""
        if self._store is None:
            return self.get(key)
        try:
            await self._forget_cleared(self._store)
            if (known := self.get(key)) is not None:
                self._store.use(key)
                return known
            return await self._stored(self._store, key)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with the store, the work is done instead
            _log.warning("stored results are not read: %s", str(error).partition("\n")[0])
            return None

    async def _stored(self, store: ResultStore, key: str) -> Handoff | None:
        if (stored := await asyncio.to_thread(store.find, key)) is None:
            return None
        handoff = Handoff.model_validate_json(stored.handoff)
        self._add(key, handoff, stored.until_s - self._wall_clock())
        store.use(key)
        self.hits += 1
        return handoff

    async def _forget_cleared(self, store: ResultStore) -> None:
        if self._clock() - self._checked_s < _CLEARED_S and self._checked_s:
            return
        self._checked_s = self._clock()
        cleared_s = await asyncio.to_thread(store.cleared_s)
        if cleared_s > self._cleared_s:
            self._cleared_s = cleared_s
            self.clear()

    def put(self, key: str, handoff: Handoff, agent: str = "") -> None:
        """Keep a result. ``agent``: whose it is, for people."""
        kept = handoff.model_copy(update={"usage": _NOTHING_USED, "cached": True})
        size = self._add(key, kept, self._ttl_s)
        if self._store is not None:
            now_s = self._wall_clock()
            until_s = now_s + self._ttl_s
            self._store.keep(StoredResult(key, agent, kept.model_dump_json(), size, now_s, until_s, now_s))

    def _add(self, key: str, kept: Handoff, ttl_s: float) -> int:
        self._drop(key)
        said = canonical_json(kept.context) if kept.context else ""
        size = len(canonical_json(kept.output)) + len(kept.summary) + len(said) + _OVERHEAD_BYTES
        self._entries[key] = _Entry(kept, size, self._clock() + ttl_s)
        self.bytes += size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
        return size

    def clear(self) -> int:
        """Forget all results; how many there were."""
        count = len(self._entries)
        self._entries.clear()
        self.bytes = 0
        return count

    def close(self) -> None:
        """Write what is still to be stored."""
        if self._store is not None:
            self._store.close()

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
