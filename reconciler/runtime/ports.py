"""What a run needs from the world, as protocols that this package owns and `orchestrator` fulfils."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import AttemptId, TaskId
from planners.plans import Plan
from planners.requests import PlanRequest
from planners.tasks import Task
from reconciler.state.commands import Dispatch, Source
from reconciler.state.conditions import Conditions
from reconciler.state.events import AttemptFailed, AttemptFinished, AttemptStarted
from reconciler.state.handoff import Failure
from reconciler.state.outcomes import Outcome
from reconciler.views.models import TaskView

AttemptEvent = AttemptStarted | AttemptFinished | AttemptFailed
# Called on the run's event loop, at the moment it tells of. An executor knows no task's admission, so it leaves at_s at
# 0: whoever passes the report stamps the event (``model_copy``) from its own clock.
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
    AttemptFailed, whatever dies. No speculative attempt is given room that a confirmed one waits for.
    """

    def dispatch(self, task: TaskId, order: Dispatch, report: Report) -> None:
        """Start an attempt. Never raises: what goes wrong is reported as AttemptFailed."""
        ...

    def flush(self, task: TaskId, attempts: Iterable[AttemptId]) -> None:
        """Cancel for real: a running sync agent's process ends within a second."""
        ...

    def confirm(self, task: TaskId, attempt: AttemptId) -> None:
        """A dispatched attempt is no longer speculative: where it waits for room, it waits with the confirmed ones."""
        ...

    def promote(self, task: TaskId, attempt: AttemptId) -> None:
        """Let a staged output out."""
        ...

    async def promoted(self, task: TaskId) -> Failure | None:
        """Wait until all that `promote` was asked to let out is out; the failure, if some of it could not be."""
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

    def guesses(self, request: PlanRequest) -> Iterator[Plan]:
        """The speculative plan, then others that begin otherwise: each in milliseconds, on the caller's thread."""
        ...

    def remember(self, task: Task, plan: Plan) -> None:
        """Let later guesses profit from a plan of authority that was made for this task."""
        ...

    def plan(self, request: PlanRequest) -> AsyncGenerator[Plan, None]:
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


class Observer(Protocol):
    """Counts what a shard does. Never blocks, never raises."""

    def admitted(self, kind: str) -> None:
        """A task of this class was taken on."""
        ...

    def ended(self, view: TaskView) -> None:
        """A run has ended."""
        ...

    def exposition(self) -> str:
        """All of it as Prometheus text."""
        ...


class Advice(Protocol):
    """What the learner and the operator say of guessing at a task now."""

    def conditions(self, request: PlanRequest, guess: Plan) -> Conditions:
        """For the gate. From memory; never blocks."""
        ...

    async def status(self) -> dict[str, Any]:
        """What was learned, for people."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that a run is given."""

    catalog: Catalog
    executor: Executor
    planning: Planning
    cluster: Cluster
    clock: Clock
    outcomes: OutcomeSink
    advice: Advice
