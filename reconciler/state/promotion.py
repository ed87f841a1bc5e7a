"""Promotes what confirmed attempts have staged."""

from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.failures import serves
from reconciler.state.run_data import RunData


def promote(run: RunData) -> None:
    """Promote what is held, unless a plan is coming that decides about it or may find that the task has failed.

    What ran ahead of steps that it follows waits for those. What was flushed or lost meanwhile is not promoted.
    """
    held = run.held
    if not held or run.failing:
        return
    if held.waiting and _is_whole(run) and not run.plan_is_coming:
        held.look_again()
    for attempt in [run.attempts[one] for one in held.new]:
        if attempt.settles and _is_undecided(run, attempt):
            held.waiting[attempt.id] = None
        elif attempt.settles:
            run.attempts.put(attempt.as_held(held=False))
            run.commands.append(c.Promote(attempt=attempt.id))
    held.new = {}


def _is_undecided(run: RunData, attempt: Attempt) -> bool:
    """Whether a plan may do without its step, or streams in and does not hold that yet."""
    if serves(run, attempt.id, attempt.step):
        # What it follows may fail yet, if it ran ahead of that; the plan after it then skips the step.
        return run.is_undecided(attempt.step.id) or run.steps.open_parents(attempt.step.id) > 0
    return run.is_undecided(attempt.step.id) or not _is_whole(run)


def _is_whole(run: RunData) -> bool:
    return run.plan is None or run.plan.complete
