"""Run a task in three modes over HTTP, with live progress, and collect the views to compare."""

import asyncio
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.progress import Task as Line
from rich.table import Column
from rich.text import Text

from examples.comparison.measures import Agreement, Run, agreement, same_work
from forerun import Client, Mode, Plan, RunStatus, ServiceError, Task, TaskView

MakeTask = Callable[[Mode, Plan | None], Task]
_LOOK_S = 0.25
_NAMES = {Mode.WAIT: "wait for the plan", Mode.FORERUN: "forerun", Mode.ORACLE: "oracle"}


class TrialFailed(ServiceError):
    """A run failed that had to succeed."""


def live_progress(console: Console) -> Progress:
    """One line per run: steps, seconds, and the state of the plan."""
    name, note = (
        TextColumn("{task.description:<18}"),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True)),
    )
    return Progress(name, BarColumn(16), MofNCompleteColumn(), _Seconds(), note, console=console)


class _Seconds(ProgressColumn):
    """Seconds since submission; the run's own duration once it has ended."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=True, min_width=7))

    def render(self, task: Line) -> Text:
        """The seconds as text."""
        return Text(f"{task.fields.get('seconds') or task.elapsed or 0.0:5.1f} s")


async def three_runs(client: Client, make: MakeTask, progress: Progress) -> tuple[Run, Run, Run]:
    """Run modes wait, forerun and oracle. The oracle gets the optimal plan of the waiting run.

    Raises:
        TrialFailed: a run did not succeed.
    """
    wait = await one_run(client, make(Mode.WAIT, None), progress)
    if wait.plans.optimal is None:
        raise TrialFailed("the run in mode wait has no optimal plan", "plans.optimal")
    forerun = await one_run(client, make(Mode.FORERUN, None), progress)
    oracle = await one_run(client, make(Mode.ORACLE, wait.plans.optimal), progress)
    return wait, forerun, oracle


async def one_run(client: Client, task: Task, progress: Progress, name: str = "") -> Run:
    """Submit a task, show its progress, and collect its views.

    Raises:
        TrialFailed: the run did not succeed; the message contains its failure.
    """
    mode = task.planning.mode
    line = progress.add_task(name or _NAMES.get(mode, mode.value), total=None, note="submitted")
    began = time.perf_counter()
    submitted = await client.submit(task)
    ended = asyncio.ensure_future(client.wait(submitted.id))
    try:
        while not (await asyncio.wait({ended}, timeout=_LOOK_S))[0]:
            _show(progress, line, await client.get(submitted.id))
        http_s, view = time.perf_counter() - began, await ended
    finally:
        ended.cancel()
    _show(progress, line, view)
    if view.status is not RunStatus.SUCCEEDED:
        why = f": {view.failure.message}" if view.failure else ""
        fix = view.failure.fix if view.failure else ""
        raise TrialFailed(f"the run in mode {mode.value} has {view.status.value}{why}", f"tasks.{view.id}", fix)
    plans, timeline = await asyncio.gather(client.plans(view.id), client.timeline(view.id))
    return Run(mode, view, plans, timeline, http_s)


async def agreement_of(client: Client, reference: Run, others: tuple[Run, ...]) -> Agreement:
    """Compare the outputs of steps with equal work keys with those of the reference."""
    pairs = [
        await asyncio.gather(client.output(reference.view.id, here), client.output(other.view.id, there))
        for other in others
        for here, there in same_work(reference.plans.optimal, other.plans.optimal).items()
    ]
    return agreement([(left, right) for left, right in pairs])


def _show(progress: Progress, line: TaskID, view: TaskView) -> None:
    steps = view.steps
    progress.update(line, total=max(1, steps.total), completed=steps.finished, note=_note(view), seconds=view.ended_s)


def _note(view: TaskView) -> str:
    """The state of the plan in a few words."""
    if view.mode is Mode.ORACLE:
        return "plan given"
    if view.optimal_plan_s is not None:
        return f"plan after {view.optimal_plan_s:.2f} s"
    begun = view.steps.running + view.steps.finished
    return "planning" + (f", {begun} steps ahead" if begun else "")
