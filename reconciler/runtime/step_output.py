"""Which attempt's output is the output of a step."""

from collections.abc import Collection

from pydantic import JsonValue

from planners.model import AttemptId, StepId, TaskId
from planners.plans import Plan
from planners.validation.suggestions import meant, shown
from reconciler.errors import OutputNotReady, UnknownStep
from reconciler.state.run import RunState
from reconciler.views.models import Timeline
from reconciler.views.step_view import steps_known


def unknown_step(step: StepId, task: TaskId, known: Collection[StepId] = ()) -> UnknownStep:
    """The error of a step that neither the plan nor the timeline of a task has, with the nearest of those ``known``."""
    listed = f"`forerun show {task}` (GET /v1/tasks/{task}/plans) names the steps"
    return UnknownStep(f"the task has no step '{shown(step)}'", "step", meant(step, known) or listed)


def held_output(run: RunState, step: StepId) -> JsonValue:
    """The output of a step, where the run itself holds it: small ones of steps that have finished.

    Raises:
        LookupError: it does not.
    """
    attempt = run.steps[step].attempt
    handoff = None if attempt is None else run.attempts[attempt].handoff
    if handoff is None or handoff.by_reference:
        raise LookupError(step)
    output: JsonValue = handoff.output
    return output


def attempt_with_output(step: StepId, timeline: Timeline, plan: Plan | None) -> AttemptId:
    """The finished attempt that serves the step.

    Raises:
        UnknownStep: neither the plan nor the timeline has the step.
        OutputNotReady: no attempt has finished.
    """
    bars = [bar for bar in timeline.bars if bar.step == step]
    if not bars and (plan is None or step not in plan.by_id):
        raise unknown_step(step, timeline.task, steps_known(timeline, plan))
    finished = [bar for bar in bars if bar.status == "finished"]
    if not finished:
        raise OutputNotReady(f"step '{step}' has not finished", "step", "ask again when it has")
    used = [bar for bar in finished if bar.verdict is not None and bar.verdict.survives]
    return (used or finished)[-1].attempt
