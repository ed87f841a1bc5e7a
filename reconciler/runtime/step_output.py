"""Which attempt's output is the output of a step."""

from planners.model import AttemptId, StepId, TaskId
from planners.plans import Plan
from reconciler.errors import OutputNotReady, UnknownStep
from reconciler.views.models import Timeline


def unknown_step(step: StepId, task: TaskId) -> UnknownStep:
    """The error of a step that neither the plan nor the timeline of a task has."""
    return UnknownStep(
        f"the task has no step '{step}'", "step", f"`forerun show {task}` (GET /v1/tasks/{task}/plans) names the steps"
    )


def attempt_with_output(step: StepId, timeline: Timeline, plan: Plan | None) -> AttemptId:
    """The finished attempt that serves the step.

    Raises:
        UnknownStep: neither the plan nor the timeline has the step.
        OutputNotReady: no attempt has finished.
    """
    bars = [bar for bar in timeline.bars if bar.step == step]
    if not bars and (plan is None or step not in plan.by_id):
        raise unknown_step(step, timeline.task)
    finished = [bar for bar in bars if bar.status == "finished"]
    if not finished:
        raise OutputNotReady(f"step '{step}' has not finished", "step", "ask again when it has")
    used = [bar for bar in finished if bar.verdict is not None and bar.verdict.survives]
    return (used or finished)[-1].attempt
