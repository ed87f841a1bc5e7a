"""Drives an executor in tests: dispatches attempts and waits for their reports."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import psutil

from actors.executor.fenced import FencedExecutor
from planners.model import AgentName, AttemptId, NodeId, StepId, TaskId, WorkKey
from reconciler.state.commands import Dispatch, Given, ListOf, OutputOf, Source
from reconciler.state.events import AttemptFailed, AttemptFinished, AttemptStarted
from reconciler.state.handoff import Failure, Handoff
from reconciler.views.logs import CapturedLine, LogBatch

GUARD_S = 120.0


class Attempts:
    """Dispatches to an executor and keeps every report."""

    def __init__(self, executor: FencedExecutor, node: str, task: str = "t") -> None:
        self.executor, self.node, self.task = executor, NodeId(node), TaskId(task)
        self.orders: dict[AttemptId, Dispatch] = {}
        self.reports: list[AttemptStarted | AttemptFinished | AttemptFailed] = []
        self.logs: dict[AttemptId, list[CapturedLine]] = {}
        self._news = asyncio.Event()
        self._ids: Iterator[int] = count(1)

    def start(self, agent: Any, *, on: str | None = None, **how: Any) -> AttemptId:
        """Dispatch an agent by name or callable. Arguments named like an order's fields go there, others are inputs."""
        name = agent if isinstance(agent, str) else agent.__name__
        fields = ("timeout_s", "idle_s", "speculative", "work_key", "attempt", "cached")
        words = {key: how.pop(key) for key in fields if key in how}
        attempt = AttemptId(words.pop("attempt", f"{self.task}.{next(self._ids)}"))
        order = Dispatch(
            attempt=attempt,
            step=StepId(f"s-{attempt}"),
            agent=AgentName(name),
            node=NodeId(on or self.node),
            inputs={key: _source(value) for key, value in how.items()},
            epoch=1,
            effect=self.executor.catalog.by_name[name].effect if name in self.executor.catalog.by_name else "pure",
            **{"speculative": False, "work_key": WorkKey(attempt), **words},
        )
        self.orders[attempt] = order
        self.executor.dispatch(self.task, order, self._report)
        return attempt

    async def run(self, agent: Any, **how: Any) -> Any:
        """Dispatch and wait: the output, or the Failure."""
        return await self.result(self.start(agent, **how))

    async def result(self, attempt: AttemptId) -> Any:
        ended = await self.ended(attempt)
        return ended.output if isinstance(ended, Handoff) else ended

    async def ended(self, attempt: AttemptId) -> Handoff | Failure:
        event = await self.seen(lambda event: event.attempt == attempt and not isinstance(event, AttemptStarted))
        assert not isinstance(event, AttemptStarted)
        return event.handoff if isinstance(event, AttemptFinished) else event.failure

    async def started(self, attempt: AttemptId) -> None:
        await self.seen(lambda event: event.attempt == attempt and isinstance(event, AttemptStarted))

    async def seen(self, wanted: Callable[[Any], bool]) -> AttemptStarted | AttemptFinished | AttemptFailed:
        async with asyncio.timeout(GUARD_S):
            while True:
                for event in self.reports:
                    if wanted(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def printed(self, attempt: AttemptId, text: str) -> None:
        """Wait for a line of an attempt that runs."""
        async with asyncio.timeout(GUARD_S):
            while text not in self.texts(attempt):
                self._news.clear()
                await self._news.wait()

    def texts(self, attempt: AttemptId) -> list[str]:
        """The lines of an attempt that have arrived."""
        return [line.text for line in self.logs.get(attempt, ())]

    def of(self, attempt: AttemptId) -> list[str]:
        return [event.event for event in self.reports if event.attempt == attempt]

    def _report(self, event: AttemptStarted | AttemptFinished | AttemptFailed | LogBatch) -> None:
        if isinstance(event, LogBatch):
            self.logs.setdefault(event.attempt, []).extend(event.lines())
        else:
            self.reports.append(event)
        self._news.set()


def output_of(attempt: AttemptId, *path: str | int) -> OutputOf:
    return OutputOf(attempt=attempt, path=path)


def _source(value: Any) -> Source:
    return value if isinstance(value, Given | OutputOf | ListOf) else Given(value=value)


async def until(condition: Callable[[], bool], within_s: float = GUARD_S) -> None:
    """Poll for a condition without a report, such as the end of a process."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - the condition sets no event
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
