"""Which events take a run so long to handle that the shard handles them in a thread, and not on its event loop."""

from planners.plans import Plan
from reconciler.state import events as e
from reconciler.state.run import RunState

# A plan costs up to 70 us a step where all of its steps are guessed, so more than this takes some 20 ms.
_LARGE = 300


def takes_long(event: e.Event, run: RunState) -> bool:
    """Whether handling the event may take more than a few milliseconds.

    Reports of progress and timers cost the same at any size. A plan costs time for each of its steps. Everything else
    may end the run or move many of its steps.
    """
    match event:
        case e.OptimalPlanReady() | e.SpeculativePlanReady():
            return _steps(event.plan) + run.attempts.current_count > _LARGE
        case e.RunStarted(kept=kept):
            return _steps(run.task.planning.plan) + len(kept) > _LARGE
        case e.AttemptStarted() | e.AttemptFinished():
            return False
        case e.TimePassed(at_s=at_s):
            deadline_s = run.task.limits.deadline_s
            return deadline_s is not None and at_s >= deadline_s and _of_run(run) > _LARGE
        case _:
            return _of_run(run) > _LARGE


def _steps(plan: Plan | None) -> int:
    return 0 if plan is None else len(plan.steps)


def _of_run(run: RunState) -> int:
    return len(run.steps) + len(run.attempts)
