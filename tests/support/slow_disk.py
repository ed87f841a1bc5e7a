"""A run whose journal writes when it is told to, and whose agents return when they are told to."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from shards import NODES, NoAdvice, Now, Seen, WallClock

from planners.agents import Catalog
from planners.model import AttemptId, TaskId
from planners.tasks import AdmittedTask, Task
from reconciler.journal.run_log import RunLog
from reconciler.runtime.driver import Driver
from reconciler.runtime.ports import Ports
from reconciler.runtime.reservations import Reservations
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state import events as e
from reconciler.state.commands import Dispatch
from reconciler.state.handoff import Handoff
from reconciler.views.models import TaskView

_ROUNDS = 20


@dataclass
class SlowJournal:
    """Keeps what is to be written, in order; the first `durable` entries are on disk."""

    entries: list[tuple[list[Any], Future[None]]] = field(default_factory=list)
    durable: int = 0

    def append(self, task: TaskId, lines: Any, outcomes: Any = (), **more: Any) -> Future[None]:
        return self._keep(list(lines))

    def promoted(self, task: TaskId, attempt: AttemptId, line: Any) -> Future[None]:
        return self._keep([line])

    def admit(self) -> Future[None]:
        return self._keep([])

    def end(self, view: TaskView, lines: Any = (), **details: Any) -> Future[None]:
        return self._keep(list(lines))

    def _keep(self, lines: list[Any]) -> Future[None]:
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        self.entries.append((lines, done))
        return done

    @property
    def waiting(self) -> int:
        return len(self.entries) - self.durable

    def write_one(self) -> None:
        self.entries[self.durable][1].set_result(None)
        self.durable += 1

    def is_durable(self, kind: str, attempt: AttemptId) -> bool:
        """Whether a fact about an attempt is on disk."""
        written = (line for lines, _ in self.entries[: self.durable] for line in lines)
        return any(line.kind == kind and f'"{attempt}"' in line.text for line in written)


@dataclass
class ToldExecutor:
    """Carries nothing out; notes what it is asked, and how many writes were durable then."""

    journal: SlowJournal
    asked: list[tuple[str, AttemptId, int]] = field(default_factory=list)
    running: dict[AttemptId, Any] = field(default_factory=dict)

    def dispatch(self, task: TaskId, order: Dispatch, report: Any) -> None:
        self.asked.append(("dispatch", order.attempt, self.journal.durable))
        self.running[order.attempt] = report

    def finish(self, attempt: AttemptId) -> None:
        self.running.pop(attempt)(e.AttemptFinished(at_s=0, attempt=attempt, handoff=Handoff(output=1), seconds=0.1))

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        assert self.journal.is_durable("attempt_finished", attempt), "promoted before its end was on disk"
        self.asked.append(("promote", attempt, self.journal.durable))

    async def promoted(self, task: TaskId, attempt: AttemptId | None = None) -> None:
        return None

    def staged(self, *_: Any) -> dict[str, bytes]:
        return {}

    async def value(self, task: TaskId, source: Any) -> Any:
        return 1

    async def verification(self, *_: Any) -> None:
        raise LookupError("there is no hook")

    def flush(self, *_: Any) -> None: ...

    confirm = restore = release = stop_promotions = flush


class SlowRun:
    """A run on a slow disk. Enter it, then decide what happens next."""

    def __init__(self, task: Task, catalog: Catalog) -> None:
        self.journal = SlowJournal()
        self.executor = ToldExecutor(self.journal)
        seen, self._thread = Seen(), ThreadPoolExecutor(1)
        ports = Ports(catalog, self.executor, None, Now(NODES), WallClock(), seen, NoAdvice())  # type: ignore[arg-type]
        shared = ShardResources(ports, Reservations(catalog), self._thread)
        admitted = AdmittedTask(id=TaskId("t"), task=task, submitted_at_s=time.time())
        log = RunLog(admitted.id, self.journal)  # type: ignore[arg-type]
        self.driver = Driver(admitted, shared, log, admission=self.journal.admit())

    async def __aenter__(self) -> Self:
        self.ending = asyncio.ensure_future(self.driver.drive())
        await self.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.ending.cancel()
        await asyncio.wait([self.ending])
        self._thread.shutdown()

    async def settle(self) -> None:
        """Let everything happen that waits for neither disk nor agents."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
