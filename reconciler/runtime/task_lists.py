"""Lists of the tasks of one shard: those that it drives, those that are parked, and those in the journal."""

import asyncio

from planners.model import TaskId
from reconciler.journal.protocol import RunJournal
from reconciler.runtime.live_run import LiveRun
from reconciler.runtime.parking import Parking
from reconciler.state.commands import RunStatus
from reconciler.views.models import TaskFilter, TaskPage, TaskView
from reconciler.views.projections import page_of_tasks


class TaskLists:
    """Pages of tasks, newest first, without their outputs."""

    def __init__(self, journal: RunJournal, live: dict[TaskId, LiveRun], parking: Parking) -> None:
        self._journal = journal
        self._live = live
        self._parking = parking

    async def page(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """A page of the tasks that a filter describes."""
        if where.status is not None and not where.status.ended:
            return await self._unended(limit, before, where)
        stored = await asyncio.to_thread(self._journal.page, limit + 1, before, where)
        views = [await self._now(view.id) or view for view in stored[:limit]]
        return page_of_tasks(views, more=len(stored) > limit)

    async def _unended(self, limit: int, before: str | None, where: TaskFilter) -> TaskPage:
        """Tasks with a status that only their runs know, such as whether they are still being planned."""
        ids = [task for task, run in self._live.items() if run.status is where.status and run.is_described_by(where)]
        if where.status is RunStatus.RUNNING:
            ids += [task for task in self._parking.tasks if (v := self._parking.view(task)) and where.describes(v)]
        found = [task for task in sorted(ids, reverse=True) if before is None or task < before]
        views = [view for task in found[:limit] if (view := await self._now(task)) is not None]
        return page_of_tasks(views, more=len(found) > limit)

    async def _now(self, task: TaskId) -> TaskView | None:
        """The view of a task that has not ended; None if it has."""
        live = self._live.get(task)
        return self._parking.view(task) if live is None else await live.view()
