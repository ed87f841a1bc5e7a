"""The promotions of one run: which staged outputs are out, which failed, and which are not known."""

import asyncio
from collections.abc import Callable, Iterable

from planners.model import AttemptId, StepId, TaskId
from reconciler.runtime.outbox import Outbox
from reconciler.runtime.ports import Executor
from reconciler.state.handoff import Failure, FailureKind

_MOST_NAMED = 5


class Promotions:
    """Starts promotions and keeps track of them. Lives on one event loop."""

    def __init__(self, task: TaskId, executor: Executor, promoted: Callable[[AttemptId], None]) -> None:
        """Set up.

        Args:
            task: whose outputs are promoted.
            executor: promotes.
            promoted: called with each attempt whose staged output is out.
        """
        self._task = task
        self._executor = executor
        self._promoted = promoted
        self._steps: dict[AttemptId, StepId] = {}
        self._out: list[StepId] = []
        self._prevented: list[StepId] = []
        self._failed: list[StepId] = []
        self._failure: Failure | None = None
        self._waiting: dict[AttemptId, asyncio.Task[None]] = {}

    def start(self, attempt: AttemptId, step: StepId) -> None:
        """Promote the staged output of an attempt."""
        self._steps[attempt] = step
        self._executor.promote(self._task, attempt)
        self._waiting[attempt] = asyncio.get_running_loop().create_task(self._wait_for(attempt))

    def prevent(self, step: StepId) -> None:
        """Note that the staged output of a step is not promoted after all."""
        self._prevented.append(step)

    @property
    def is_settled(self) -> bool:
        """Whether none is under way."""
        return not self._waiting

    def stop(self) -> None:
        """Cancel the promotions that are under way, as the task has ended: their hooks may hang."""
        self._executor.stop_promotions(self._task)

    async def settled(self) -> Failure | None:
        """Wait for all promotions; returns the first failure."""
        while self._waiting:
            await asyncio.wait(list(self._waiting.values()))
        return self._failure

    def report(self) -> str:
        """Which staged outputs are out, for the message of the task's failure; empty without promotions."""
        unknown = [self._steps[attempt] for attempt in self._waiting]
        parts = (
            ("is out", self._out),
            ("is not out", self._prevented),
            ("could not be promoted", self._failed),
            ("may or may not be out", unknown),
        )
        return "; ".join(f"the staged output of {quoted(steps)} {state}" for state, steps in parts if steps)

    def close(self) -> None:
        """Stop waiting. Promotions that have started go on."""
        for waiting in self._waiting.values():
            waiting.cancel()

    async def _wait_for(self, attempt: AttemptId) -> None:
        try:
            failure = await self._executor.promoted(self._task, attempt)
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with the executor, the task must end
            failure = Failure(kind=FailureKind.ERROR, message=f"the promotion failed: {error}")
        del self._waiting[attempt]
        if failure is not None:
            self._failed.append(self._steps[attempt])
            self._failure = self._failure or failure
        else:
            self._out.append(self._steps[attempt])
            self._promoted(attempt)


async def all_out(outbox: Outbox, promotions: Promotions) -> Failure | None:
    """Wait until nothing waits for the disk and all promotions have ended; returns the first failure."""
    await outbox.drained()
    return await promotions.settled()


def quoted(steps: Iterable[StepId]) -> str:
    """The first few steps, for a message."""
    names = [f"'{step}'" for step in steps]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
