"""What the log of a run tells the journal at the end."""

from concurrent.futures import Future

from runs import chain, plan
from worlds import a_run

from planners.model import AttemptId, TaskId
from reconciler.journal.run_log import RunLog
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.views.models import StoredEvent, TaskView


class Told:
    """A journal that keeps what it is told about the end of a run."""

    def __init__(self) -> None:
        self.ends: list[dict[str, object]] = []

    def append(self, *_, **__):
        return self._done()

    def end(self, *_, **details):
        self.ends.append(details)
        return self._done()

    def _done(self):
        done = Future()
        done.set_result(None)
        return done


async def concluded(past=(), staged=None):
    """How the journal was told of the end of a run, and of what its attempts had staged."""
    run, journal = a_run(), Told()
    log = RunLog(TaskId("t"), journal, past)
    for event, what in (
        (e.RunStarted(at_s=0.0), None),
        (e.OptimalPlanReady(at_s=0.1, plan=plan(chain("fetch"))), staged),
    ):
        log.record(event, run.handle(event), run, staged=what)
    await log.conclude(TaskView(id=TaskId("t"), status=RunStatus.SUCCEEDED, submitted_at_s=1.0), run)
    (details,) = journal.ends
    return details["has_staged"]


async def test_only_a_run_that_may_have_staged_something_has_it_deleted():
    before_a_restart = [StoredEvent(seq=1, at_s=0.0, kind="run_started", data={})]

    assert not await concluded()
    assert await concluded(staged={AttemptId("t.1"): {}})
    assert await concluded(past=before_a_restart)
