"""Running an ended task again: reads from the journal what the new task keeps."""

import asyncio
from collections.abc import Collection

from planners.agents import AgentSpec, Catalog
from planners.model import AgentName, NodeId, StepId, TaskId
from planners.tasks import RetryOf, Task
from reconciler.errors import CannotRetry, UnknownTask
from reconciler.journal.protocol import RunJournal
from reconciler.journal.run_log import promoted_in, replayable
from reconciler.runtime.ports import Ports
from reconciler.state.events import RunStarted
from reconciler.state.judgements import of_retry
from reconciler.state.kept_work import kept_attempts, named_steps
from reconciler.state.run import RunState
from reconciler.views.models import StoredEvent


async def retried_task(task_id: TaskId, from_step: StepId | None, journal: RunJournal, ports: Ports) -> Task:
    """The task that runs an ended one again.

    Raises:
        UnknownTask, UnknownStep: there is no such task or step.
        CannotRetry: the task has not ended, or an act would be repeated.
    """
    admitted = await asyncio.to_thread(journal.admitted, task_id)
    if admitted is None:
        raise UnknownTask(f"there is no task '{task_id}'", "id", "`forerun list` (GET /v1/tasks) lists the tasks")
    task = admitted.task.model_copy(update={"retry_of": RetryOf(task=task_id, from_step=from_step)})
    await started(task, journal, ports)  # refuses what cannot be retried
    return task


async def started(task: Task, journal: RunJournal, ports: Ports) -> RunStarted:
    """The first event of a task, with what it keeps of the one that it repeats, if any. Raises as `kept_work` does."""
    if task.retry_of is None:
        return RunStarted(at_s=0)
    nodes = [node.id for node in ports.cluster.snapshot().nodes]
    return await asyncio.to_thread(kept_work, journal, task.retry_of, ports.catalog, nodes)


def kept_work(journal: RunJournal, retry: RetryOf, catalog: Catalog, nodes: Collection[NodeId]) -> RunStarted:
    """What a retry keeps of the task that it repeats, as its first event. Blocks: it replays that task's run.

    Raises:
        UnknownTask, UnknownStep, CannotRetry: see `retried_task`.
    """
    admitted, view = journal.admitted(retry.task), journal.view(retry.task)
    if admitted is None or view is None:
        raise UnknownTask(
            f"there is no task '{retry.task}'", "retry_of.task", "`forerun list` (GET /v1/tasks) lists the tasks"
        )
    if not view.status.ended:
        raise CannotRetry("the task has not ended", "id", "wait for its end, or cancel it")
    past = journal.events(retry.task)
    run = RunState(admitted.id, admitted.task, _with_former_agents(catalog, past))
    for event in replayable(past):
        run.handle(event)
    kept = kept_attempts(run, retry, promoted=promoted_in(past), agents=catalog.by_name.keys(), nodes=nodes)
    again = set[StepId]() if retry.from_step is None else named_steps(run.task, retry.from_step, run.whole_plan)
    return RunStarted(at_s=0, kept=kept, refused=tuple(of_retry(run, again)))


def _with_former_agents(catalog: Catalog, past: list[StoredEvent]) -> Catalog:
    """The catalog with the agents that the run has used and that are no longer in it, as far as events tell of them."""
    former: dict[str, AgentSpec] = {}
    for line in past:
        name = line.data.get("agent") if line.kind == "attempt_dispatched" else None
        if name is not None and name not in catalog.by_name:
            effect = line.data.get("effect", "irreversible")
            former[name] = AgentSpec(name=AgentName(name), capability="former", effect=effect)
    return catalog.model_copy(update={"agents": (*catalog.agents, *former.values())}) if former else catalog
