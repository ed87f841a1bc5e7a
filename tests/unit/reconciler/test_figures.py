"""A shard in numbers: what its runs wait for, and what runs."""

from runs import chain, plan
from worlds import a_run

from reconciler.runtime.figures import JournalFigures, shard_figures
from reconciler.state import events as e
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind


def test_steps_are_counted_by_what_they_wait_for_and_attempts_once_they_have_begun():
    unplanned, planned = a_run(), a_run()
    for run in (unplanned, planned):
        run.handle(e.RunStarted(at_s=0.0))
    planned.handle(e.OptimalPlanReady(at_s=1.0, plan=plan(chain("fetch", "fetch", "fetch"))))

    before = shard_figures([unplanned, planned], 100, JournalFigures())
    (attempt,) = planned.attempts.live
    planned.handle(e.AttemptStarted(at_s=1.1, attempt=attempt, node="n1"))
    after = shard_figures([unplanned, planned], 100, JournalFigures())

    assert before.tasks == {RunStatus.PLANNING: 1, RunStatus.RUNNING: 1}
    assert before.most_live == 100
    waiting = {kind: number for kind, number in before.steps_waiting.items() if number}
    assert waiting == {WaitKind.PLAN: 1, WaitKind.ROOM: 1, WaitKind.PARENTS: 2}
    assert (before.attempts_running, after.attempts_running) == (0, 1)
    assert after.steps_waiting[WaitKind.ROOM] == 0
