"""The runs that a former process of a shard left unfinished."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from planners.model import TaskId
from planners.tasks import AdmittedTask
from reconciler.errors import JournalUnavailable
from reconciler.journal.protocol import RunJournal
from reconciler.journal.run_log import RunLog, replayable
from reconciler.runtime.driver import Driver
from reconciler.runtime.recovery import Recovery, recover
from reconciler.runtime.shard_resources import ShardResources
from reconciler.state.events import HeartbeatReceived
from reconciler.state.run import RunState

_log = logging.getLogger(__name__)


async def resumed(journal: RunJournal, shared: ShardResources) -> AsyncIterator[Driver]:
    """The drivers of all unfinished tasks, which nothing drives yet. A run that cannot be recovered is ended.

    Raises:
        JournalUnavailable: try again later.
    """
    for admitted in await asyncio.to_thread(journal.unfinished):
        try:
            log, recovered = await asyncio.to_thread(_recovered, journal, shared, admitted)
        except JournalUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- one run that cannot be recovered must not stop the others
            _log.exception("task %s cannot be resumed", admitted.id)
            last_seq = await asyncio.to_thread(journal.last_seq, admitted.id)
            last_log_seq = await asyncio.to_thread(journal.last_log_seq, admitted.id)
            log = RunLog(admitted.id, journal, last_seq=last_seq, last_log_seq=last_log_seq)
            await Driver(admitted, shared, log).abandon(error)
        else:
            yield Driver(admitted, shared, log, recovered=recovered)


async def recovered_driver(
    journal: RunJournal, shared: ShardResources, task: TaskId, elapsed_s: Callable[[], float]
) -> Driver:
    """The driver of one unfinished task, ``elapsed_s()`` seconds after its admission. Nothing drives it yet.

    Raises:
        JournalUnavailable: try again later.
    """
    admitted = await asyncio.to_thread(journal.admitted, task)
    assert admitted is not None, "a task that has not ended is in the journal"
    log, recovered = await asyncio.to_thread(_recovered, journal, shared, admitted)
    assert recovered is not None, "a run that was driven has events"
    run, recovery = recovered
    # While a run is parked, heartbeats come and wake it up.
    events = tuple(event for event in recovery.events if not isinstance(event, HeartbeatReceived))
    recovery = replace(recovery, at_s=max(recovery.at_s, elapsed_s()), events=events)
    return Driver(admitted, shared, log, recovered=(run, recovery))


def _recovered(
    journal: RunJournal, shared: ShardResources, admitted: AdmittedTask
) -> tuple[RunLog, tuple[RunState, Recovery] | None]:
    past = journal.events(admitted.id)
    log = RunLog(admitted.id, journal, past, last_log_seq=journal.last_log_seq(admitted.id))
    run = RunState(admitted.id, admitted.task, shared.ports.catalog)
    recovery = recover(run, replayable(past), log.promoted_before, journal.staged(admitted.id))
    return log, None if recovery is None else (run, recovery)
