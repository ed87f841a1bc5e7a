"""Promotes what confirmed attempts have staged."""

from planners.model import AttemptId, StepId
from reconciler.state import commands as c
from reconciler.state.attempts import Attempt
from reconciler.state.failures import serves
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepStatus

_ENDED = frozenset({StepStatus.FINISHED, StepStatus.FAILED, StepStatus.SKIPPED})


def promote(run: RunData) -> None:
    """Promote what is held, unless a plan is coming that decides about it or may find that the task has failed.

    What ran ahead of steps that it follows waits for those. What was flushed or lost meanwhile is not promoted.
    """
    held = run.held
    if held.waiting and _is_whole(run) and not run.plan_is_coming:
        held.look_again()
    for attempt in list(held.new):
        look_at(run, attempt)


def look_at(run: RunData, attempt_id: AttemptId) -> None:
    """Promote one of the new outputs that are held, or let it wait."""
    del run.held.new[attempt_id]
    attempt = run.attempts[attempt_id]
    if not attempt.settles:
        return
    if run.failing or _is_undecided(run, attempt):
        run.held.waiting[attempt_id] = None
        # Nothing drops its element meanwhile: whether the output gets out must not depend on how long planning takes.
        run.undecided.add_fan_outs([attempt.step.id])
    else:
        run.attempts.put(attempt.as_held(held=False))
        run.commands.append(c.Promote(attempt=attempt_id))


def _is_undecided(run: RunData, attempt: Attempt) -> bool:
    """Whether a plan may do without its step, or streams in and does not hold that yet.

    So it may if it ends elements of a fan-out around the step: what is complete without the element of the step was so
    before the step ended. A later one does without elements in which only acts are awaited.
    """
    around = (fan_out for fan_out, _ in run.fan_outs.having(attempt.step.id))
    if attempt.step.id in run.facts.left_steps or any(map(run.is_awaited, around)):
        return True
    if serves(run, attempt.id, attempt.step):
        # What it follows may fail yet, if it ran ahead of that; the plan after it then skips the step.
        return run.is_undecided(attempt.step.id) or run.steps.open_parents(attempt.step.id) > 0
    return run.is_undecided(attempt.step.id) or not _is_whole(run)


def _is_whole(run: RunData) -> bool:
    return run.plan is None or run.plan.complete


def is_out(run: RunData, attempt: Attempt) -> bool:
    """Whether the attempt makes a lost output again, and the effect of the one before it is out. Told once.

    A step takes the place of a like one, but not of one that is itself made again.
    """
    like = [one for one in run.redone.values() if one.agentless_key == attempt.agentless_key]
    before = [one for one in like if one.step.id == attempt.step.id]
    before += [one for one in like if not _is_made_again(run, one.step.id)]
    if before:
        del run.redone[before[0].id]
    return bool(before)


def _is_made_again(run: RunData, step: StepId) -> bool:
    """Whether the plan holds a step whose output was lost, and it has not ended since."""
    held = run.plan is not None and step in run.plan.by_id
    return held and (step not in run.steps or run.steps[step].status not in _ENDED)
