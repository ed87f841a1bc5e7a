"""What a run needs from the world, as protocols that this package owns and `orchestrator` fulfils."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Protocol

from pydantic import JsonValue

from planners.cluster import ClusterSnapshot
from planners.model import AttemptId, TaskId
from planners.plans import Plan
from planners.requests import PlanRequest
from reconciler.commands import Dispatch, Source
from reconciler.events import AttemptFailed, AttemptFinished, AttemptStarted
from reconciler.outcomes import Outcome

AttemptEvent = AttemptStarted | AttemptFinished | AttemptFailed
# Called on the run's event loop; at_s is filled in by the caller of the executor from its clock.
Report = Callable[[AttemptEvent], None]


class Clock(Protocol):
    """Wall-clock seconds since the epoch. Tests and the simulator have their own."""

    def now_s(self) -> float:
        """Now."""
        ...


class Executor(Protocol):
    """Carries out attempts. Every method but `value` returns at once; results come through ``report``.

    An executor fences: after `flush` or `release` nothing more is reported of those attempts, whether or not the
    cancellation reached them. Every dispatched attempt that was not flushed gets exactly one AttemptFinished or
    AttemptFailed, whatever dies.
    """

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """Start an attempt. Never raises: what goes wrong is reported as AttemptFailed."""
        ...

    def flush(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Cancel for real: a running sync agent's process ends within a second."""
        ...

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        """Let a staged output out."""
        ...

    def restore(self, task: TaskId, outputs: Mapping[AttemptId, JsonValue]) -> None:
        """After a restart: make the inline outputs of finished attempts readable again."""
        ...

    async def value(self, task: TaskId, source: Source) -> JsonValue:
        """The value behind a source, fetched if it is large.

        Raises:
            LookupError: the output is gone or the path leads nowhere.
        """
        ...

    def release(self, task: TaskId) -> None:
        """Forget every attempt and output of the task: cancels what still runs, drops all references."""
        ...


class Planning(Protocol):
    """The planners, wherever they run."""

    def guess(self, request: PlanRequest) -> Plan | None:
        """The speculative plan, in milliseconds, on the caller's thread."""
        ...

    def plan(self, request: PlanRequest) -> AsyncIterator[Plan]:
        """The optimal plan as it streams in. Closing the iterator stops the planner.

        Raises:
            PlanningError: there will be no plan.
        """
        ...


class Cluster(Protocol):
    """The cluster as it is now."""

    def snapshot(self) -> ClusterSnapshot:
        """A view from memory, refreshed in the background; never blocks."""
        ...


class OutcomeSink(Protocol):
    """Where outcomes go. Never blocks, never raises."""

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Hand over outcomes."""
        ...
