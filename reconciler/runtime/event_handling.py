"""Which events take a run so long to handle that the shard handles them in a thread, and not on its event loop."""

from planners.plans import Plan
from reconciler.state import events as e
from reconciler.state.run import RunState

# A plan costs up to 70 us a step where all of its steps are guessed, so more than this takes some 20 ms.
_LARGE = 300


def takes_long(event: e.Event, run: RunState) -> bool:
    """Whether handling the event may take more than a few milliseconds.

    Reports of progress and timers cost the same at any size, unless a guess is due to be priced again or the run ends.
    A plan costs time for each of its steps. Everything else may end the run or move many of its steps.
    """
    match event:
        case e.AttemptFinished(at_s=at_s):
            # The last one looks up every output that the task returns.
            return _reprices(run, at_s) or (run.unfinished <= 1 and len(run.steps) > _LARGE)
        case e.OptimalPlanReady() | e.SpeculativePlanReady():
            return _steps(event.plan) + run.attempts.current_count > _LARGE
        case e.RunStarted(kept=kept):
            return _steps(run.task.planning.plan) + len(kept) > _LARGE
        case e.AttemptStarted(at_s=at_s):
            return _reprices(run, at_s)
        case e.TimePassed(at_s=at_s):
            deadline_s = run.task.limits.deadline_s
            ends = deadline_s is not None and at_s >= deadline_s and is_large(run)
            return ends or _reprices(run, at_s)
        case _:
            return is_large(run)


def _reprices(run: RunState, at_s: float) -> bool:
    return any(len(one.guess.steps) > _LARGE and one.reprices(at_s) for one in run.speculations)


def _steps(plan: Plan | None) -> int:
    return 0 if plan is None else len(plan.steps)


def is_large(run: RunState) -> bool:
    """Whether what is linear in the steps and attempts of a run takes more than a few milliseconds."""
    return len(run.steps) + len(run.attempts) > _LARGE
