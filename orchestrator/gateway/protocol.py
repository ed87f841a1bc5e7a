"""What the HTTP face needs from the rest of the service, as a protocol that it owns."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import Field, JsonValue

from learner.registry import Manifest
from planners.agents import Catalog
from planners.cluster import ClusterSnapshot
from planners.model import StepId, TaskId, Versioned
from planners.plans import Plan
from planners.tasks import AdmittedTask, Task
from reconciler.state.commands import RunStatus
from reconciler.state.outcomes import Verdict
from reconciler.views.models import EventPage, PlansView, TaskPage, TaskView, Timeline

# The name of the last event of every stream; it has no id, so that no resume starts behind it.
END_OF_EVENTS = "end"


class Preview(Versioned):
    """Both plans of a task that is not run, and what would become of the guess once the authority had spoken.

    ``verdicts`` is by step of the guess. Similarities are 0..1, None where there is no guess.
    """

    speculative: Plan | None = None
    optimal: Plan
    speculative_plan_ms: float | None = None
    optimal_plan_s: float
    similarity: float | None = None
    step_f1: float | None = None
    edge_f1: float | None = None
    placement_similarity: float | None = None
    verdicts: dict[StepId, Verdict] = Field(default_factory=dict)
    dispatched: tuple[StepId, ...] = ()


class LearnerVersions(Versioned):
    """The stored versions of the learned models, oldest first; ``in_use`` is None before there are any."""

    in_use: int | None = None
    versions: tuple[Manifest, ...] = ()


class Gateway(Protocol):
    """The runs, wherever they are driven. Methods about one task raise UnknownTask where there is none.

    Every method may raise Unavailable.
    """

    async def submit(self, task: AdmittedTask) -> TaskView:
        """Take the task on; durable when this returns.

        With an idempotency key that was used before for the same task: that task's view, and nothing is changed.

        Raises:
            IdempotencyConflict: the key was used for another task.
            Overloaded: too much is waiting.
        """
        ...

    async def show(self, task_id: TaskId) -> TaskView:
        """The task as it is now."""
        ...

    async def wait(self, task_id: TaskId, wait_s: float) -> TaskView:
        """The task when it has ended, or as it is after ``wait_s``."""
        ...

    async def list_tasks(self, limit: int, before: str | None, status: RunStatus | None) -> TaskPage:
        """Tasks, newest first, from just before the given task id on."""
        ...

    async def cancel(self, task_id: TaskId, reason: str) -> TaskView:
        """End the run; nothing changes where it has ended."""
        ...

    async def events(self, task_id: TaskId, after: int, wait_s: float) -> EventPage:
        """Events after a sequence number; waits up to ``wait_s`` for the first."""
        ...

    async def plans(self, task_id: TaskId) -> PlansView:
        """Guess, authority, verdicts."""
        ...

    async def timeline(self, task_id: TaskId) -> Timeline:
        """All attempts."""
        ...

    async def output(self, task_id: TaskId, step: StepId) -> JsonValue:
        """What a finished step gave.

        Raises:
            UnknownStep: the task has no such step.
            OutputNotReady: it has not finished.
        """
        ...

    async def preview(self, task: Task) -> Preview:
        """Plan without running.

        Raises:
            PlanningError: no plan can be made.
        """
        ...

    async def agents(self) -> Catalog:
        """The agents and providers there are."""
        ...

    async def nodes(self) -> ClusterSnapshot:
        """The cluster as it is now."""
        ...

    async def learner(self) -> dict[str, JsonValue]:
        """What was learned, for people."""
        ...

    async def learner_versions(self) -> LearnerVersions:
        """The versions of the learned models that can be gone back to.

        Raises:
            LearnerOff: nothing is learned here.
        """
        ...

    async def learner_rollback(self, version: int | None) -> LearnerVersions:
        """Use a stored version, None: the one before, from now on.

        Raises:
            LearnerOff: nothing is learned here.
            LearnerError: there is no such version, or it is damaged; nothing has changed.
        """
        ...

    async def metrics(self) -> Sequence[str]:
        """Prometheus expositions, one per shard."""
        ...

    async def ready(self) -> None:
        """Returns when tasks can be taken on; raises Unavailable where not."""
        ...
