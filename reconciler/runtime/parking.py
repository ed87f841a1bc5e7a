"""Runs that wait for nothing but people, messages and moments are left to the journal.

A parked run holds no process, connection or reservation, and two or three kilobytes of memory. It is recovered from the
journal, as after a restart, when somebody answers or asks for more than its view, or when an alarm is due. The time in
between counts.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from planners.model import TaskId
from reconciler.errors import ShuttingDown
from reconciler.journal.protocol import RunJournal
from reconciler.journal.rows import event_row
from reconciler.runtime.driver import Driver
from reconciler.runtime.live_run import LiveRun
from reconciler.runtime.ports import Clock
from reconciler.runtime.resumption import recovered_driver
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state.commands import RunStatus
from reconciler.state.events import TimePassed
from reconciler.state.limit_policy import asked
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waits import heartbeat_limit_s
from reconciler.views.models import TaskView

_log = logging.getLogger(__name__)
# Longer than anybody waits for news of a run in one request, unless there are many.
IDLE_S, IDLE_OF_MANY_S = 120.0, 30.0
_MANY = 1_000
_SWEEP_S = 20.0
_AGAIN_S = 5.0
_BEFORE_ALARM_S = 0.01


@dataclass(frozen=True, slots=True)
class ParkedRun:
    """``at_s`` seconds after its admission, which is ``parked_s`` on the monotonic clock, it was parked.

    ``alarm_s``: when it is to be woken, seconds after its admission. ``last_seq``: the number of its last event.
    """

    shared: ShardResources
    at_s: float
    parked_s: float
    view: bytes
    alarm: asyncio.TimerHandle | None
    alarm_s: float
    last_seq: int


def only_waits(run: RunState) -> bool:
    """Whether a run can do nothing before somebody answers or a moment comes, and has all it needs in the journal."""
    attempts, steps = run.attempts, run.steps
    if run.plan is None or run.ending or run.replanning or run.evaluating or run.status is not RunStatus.RUNNING:
        return False
    if not (attempts.live or asked(run)) or attempts.unconfirmed or attempts.in_doubt or attempts.large_outputs:
        return False
    if steps.blocked or steps.count(StepStatus.READY) or steps.count(StepStatus.RETRYING):
        return False
    return all(run.agent_of(attempts[one]).built_in for one in attempts.live)


class Parking:
    """The parked runs of one shard. Lives on its event loop."""

    def __init__(self, journal: RunJournal, clock: Clock, start: Callable[[Driver], LiveRun]) -> None:
        """``start`` drives a run that was parked, or is not to be."""
        self._journal = journal
        self._clock = clock
        self._start = start
        self._parked: dict[TaskId, ParkedRun] = {}
        self._stopping: dict[TaskId, asyncio.Task[Any]] = {}
        self._waking: dict[TaskId, asyncio.Task[LiveRun]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._parked)

    @property
    def tasks(self) -> list[TaskId]:
        """Those that are parked."""
        return list(self._parked)

    def view(self, task: TaskId) -> TaskView | None:
        """The view of a parked run, as it was when it was parked."""
        parked = self._parked.get(task)
        return None if parked is None else TaskView.model_validate_json(parked.view)

    def take(self, driver: Driver) -> bool:
        """Park a recovered run that nothing drives yet, if it only waits. One that needs heartbeats goes on first."""
        run = driver.run
        if not only_waits(run) or any(heartbeat_limit_s(run.attempts[one]) is not None for one in run.attempts.live):
            return False
        self._park(driver)
        return True

    async def sweep_now_and_then(self, live: dict[TaskId, LiveRun]) -> None:
        """Park the runs that have only waited for long, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep(live, IDLE_S if len(live) < _MANY else IDLE_OF_MANY_S)

    def sweep(self, live: dict[TaskId, LiveRun], idle_s: float) -> None:
        """Park the runs that have only waited for so long, and that nobody has asked about."""
        for task, run in list(live.items()):
            if run.idle_s >= idle_s and run.driver.is_quiet and only_waits(run.state):
                self._park(run.driver)
                del live[task]
                self._stopping[task] = run.running
                run.running.add_done_callback(partial(self._stopped, task))
                run.running.cancel()

    def _stopped(self, task: TaskId, _: asyncio.Task[Any]) -> None:
        self._stopping.pop(task, None)

    async def woken(self, task: TaskId) -> LiveRun | None:
        """A parked run, which goes on from here; None if there is none.

        Raises:
            JournalUnavailable: try again later.
            ShuttingDown: the shard closes, and the run goes on after its next start.
        """
        if task not in self._parked:
            return None
        self._require_open()
        if task not in self._waking:
            self._waking[task] = asyncio.get_running_loop().create_task(self._wake(task))
        return await asyncio.shield(self._waking[task])

    def close(self) -> None:
        """Forget all alarms, set none any more, and wake no run: nothing would stop it. Their time is recorded."""
        self._closed = True
        for task, parked in self._parked.items():
            if parked.alarm is not None:
                parked.alarm.cancel()
            if task not in self._waking:  # else its events are being read
                self._note_time(task, parked)

    def _note_time(self, task: TaskId, parked: ParkedRun) -> None:
        """Record how far a run's time has come, so that a restart goes on there. What is due then is due there."""
        now_s = min(self._elapsed_s(parked)(), parked.alarm_s - _BEFORE_ALARM_S)
        if now_s > parked.at_s:
            row = event_row(parked.last_seq + 1, TimePassed(at_s=now_s))
            self._journal.append(task, [row])

    def _park(self, driver: Driver) -> None:
        task, delay_s = driver.admitted.id, driver.alarm_in_s
        self._parked[task] = ParkedRun(
            shared=driver.shared,
            at_s=driver.now_s,
            parked_s=self._clock.monotonic_s(),
            view=driver.view().model_dump_json(exclude_defaults=True).encode(),
            alarm=None if delay_s is None else self._call(delay_s, task),
            alarm_s=math.inf if delay_s is None else driver.now_s + delay_s,
            last_seq=driver.log.last_seq,
        )

    def _call(self, delay_s: float, task: TaskId) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        return loop.call_later(delay_s, lambda: loop.create_task(self._alarmed(task)))

    async def _alarmed(self, task: TaskId) -> None:
        try:
            with suppress(ShuttingDown):  # it goes on after the next start
                await self.woken(task)
        except Exception:  # noqa: BLE001 -- the database may be away; the run must not sleep for ever
            _log.exception("task %s cannot go on", task)
            if (parked := self._parked.get(task)) is not None and not self._closed:
                self._parked[task] = replace(parked, alarm=self._call(_AGAIN_S, task))

    async def _wake(self, task: TaskId) -> LiveRun:
        try:
            if (stopping := self._stopping.get(task)) is not None:
                await asyncio.wait([stopping])
            parked = self._parked[task]
            driver = await recovered_driver(self._journal, parked.shared, task, self._elapsed_s(parked))
            self._require_open()
            del self._parked[task]
            if parked.alarm is not None:
                parked.alarm.cancel()
            return self._start(driver)
        finally:
            del self._waking[task]

    def _require_open(self) -> None:
        if self._closed:
            raise ShuttingDown("the service is shutting down", fix="try again when it is back")

    def _elapsed_s(self, parked: ParkedRun) -> Callable[[], float]:
        return lambda: parked.at_s + self._clock.monotonic_s() - parked.parked_s
