"""Promotes staged effects, and knows which are out and which are not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from actors.invocation import Invocation
from planners.agents import Retry
from planners.model import AttemptId, TaskId
from reconciler.state.handoff import Failure, FailureKind

# How long a promotion may go on after its task has ended.
RELEASED_S = 300.0
_log = logging.getLogger(__name__)

# Runs the promote hook for an attempt with what it staged.
Promote = Callable[[Invocation, Mapping[str, bytes]], Awaitable[None]]


class RunningPromotions:
    """The promotions that one executor has started."""

    def __init__(self, promote: Promote, failure_of: Callable[[Exception], Failure]) -> None:
        self._promote = promote
        self._failure_of = failure_of
        self._of: dict[TaskId, dict[AttemptId, asyncio.Task[Failure | None]]] = {}
        self._released: set[asyncio.Task[Failure | None]] = set()

    def start(self, task: TaskId, call: Invocation, staged: Mapping[str, bytes], retry: Retry) -> None:
        """Start to promote what an attempt staged."""
        started = asyncio.get_running_loop().create_task(self._promoted(call, staged, retry))
        self._of.setdefault(task, {})[call.attempt] = started

    async def settled(self, task: TaskId, attempt: AttemptId | None = None) -> Failure | None:
        """Wait for one promotion, or for all of a task; the first failure. Cancelling it stops only the wait."""
        known = self._of.get(task, {})
        promotions = [started for of, started in known.items() if attempt in (None, of)]
        if promotions:
            await asyncio.wait(promotions)
        return next((failure for promotion in promotions if (failure := _failure_of(promotion)) is not None), None)

    def stop(self, task: TaskId) -> tuple[AttemptId, ...]:
        """Cancel the promotions of a task that are under way.

        Returns:
            The attempts whose effects may or may not be out: of these, and of promotions that failed.
        """
        unknown = []
        for attempt, promotion in self._of.get(task, {}).items():
            if not promotion.done():
                promotion.cancel()
                unknown.append(attempt)
            elif _failure_of(promotion) is not None:
                unknown.append(attempt)
        return tuple(unknown)

    def release(self, task: TaskId) -> None:
        """Forget a task. Promotions that are under way go on, but not for ever: a hook may hang."""
        for promotion in self._of.pop(task, {}).values():
            if not promotion.done():
                self._released.add(promotion)
                promotion.add_done_callback(self._released.discard)
                promotion.get_loop().call_later(RELEASED_S, promotion.cancel)

    def close(self) -> None:
        """Cancel everything."""
        for promotion in [*self._released, *(started for of in self._of.values() for started in of.values())]:
            promotion.cancel()

    async def _promoted(self, call: Invocation, staged: Mapping[str, bytes], retry: Retry) -> Failure | None:
        """Promote, and retry as often as the agent is retried: the hook is idempotent."""
        failure = await self._failure(call, staged)
        for tried in range(1, retry.max_attempts):
            if failure is None:
                break
            await asyncio.sleep(retry.backoff_s * 2 ** (tried - 1))
            failure = await self._failure(call, staged)
        return failure

    async def _failure(self, call: Invocation, staged: Mapping[str, bytes]) -> Failure | None:
        try:
            async with asyncio.timeout(call.timeout_s):
                await self._promote(call, staged)
        except Exception as error:  # noqa: BLE001 - a hook may raise anything, and the task reports it
            _log.warning("promotion of attempt %s of agent %s failed", call.attempt, call.agent, exc_info=True)
            failure = self._failure_of(error)
            message = f"promoting the staged output of agent '{call.agent}' failed: {failure.message}"
            return failure.model_copy(update={"message": message})
        return None


def _failure_of(promotion: asyncio.Task[Failure | None]) -> Failure | None:
    if promotion.cancelled():
        message = "the promotion was stopped: the effect may or may not be out"
        return Failure(kind=FailureKind.CANCELLED, message=message)
    return promotion.result()
