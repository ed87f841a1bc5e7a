"""The runs that a shard drives, each in an asyncio task of its own, from its start to its end."""

import asyncio
import logging
from contextvars import copy_context

from planners.model import NodeId, TaskId
from reconciler.errors import Superseded
from reconciler.log_context import log_ids
from reconciler.runtime.driver import Driver
from reconciler.runtime.live_run import LiveRun
from reconciler.runtime.ports import Executor, Observer
from reconciler.views.models import TaskView

_log = logging.getLogger(__name__)


class LiveRuns(dict[TaskId, LiveRun]):
    """The runs that are driven, by task. A run that has ended is not in it. Lives on the event loop of its shard."""

    def __init__(self, executor: Executor, observer: Observer) -> None:
        """``observer`` is told of every end."""
        super().__init__()
        self._executor = executor
        self._observer = observer
        # That of the shard, not of the call that starts or wakes a run, because the run outlives it: when a call is
        # cancelled, Ray cancels everything called in its context.
        self._context = copy_context()

    def start(self, driver: Driver) -> LiveRun:
        """Drive a run from now on."""
        running = asyncio.get_running_loop().create_task(self._drive(driver), context=self._context.copy())
        run = self[driver.admitted.id] = LiveRun(driver, self._executor, running)
        return run

    def node_lost(self, node: NodeId) -> None:
        """Tell every run that a node has left the cluster."""
        for run in self.values():
            run.node_lost(node)

    async def stop(self) -> None:
        """Stop driving. The tasks that have not ended stay unfinished in the journal, with the time they have had."""
        for task, run in self.items():
            try:
                run.driver.note_time()
            except Exception:  # noqa: BLE001 -- a run that is broken must not keep the others from stopping
                _log.exception("the time of task %s is not recorded", task)
        drives = [run.running for run in self.values()]
        for drive in drives:
            drive.cancel()
        await asyncio.gather(*drives, return_exceptions=True)

    async def _drive(self, driver: Driver) -> TaskView | None:
        task = driver.admitted.id
        try:
            with log_ids(task=task):
                self._observer.ended(view := await _ended(driver))
                return view
        except Superseded as error:
            _log.warning("task %s is left to another process: %s", task, error)
            return None
        finally:
            run = self.get(task)
            if run is not None and run.driver is driver:
                del self[task]


async def _ended(driver: Driver) -> TaskView:
    try:
        return await driver.drive()
    except Superseded:
        raise
    except Exception as error:  # noqa: BLE001 -- every acknowledged task ends, whatever is broken
        _log.exception("the run of task %s is broken", driver.admitted.id)
        return await driver.abandon(error)
