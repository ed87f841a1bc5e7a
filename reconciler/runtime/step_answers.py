"""To what an answer or a heartbeat from outside belongs."""

from typing import NamedTuple

from planners.built_in_names import CALLBACK
from planners.model import AttemptId, StepId
from reconciler.errors import NotAsked
from reconciler.runtime.callback_messages import check_message
from reconciler.runtime.step_output import unknown_step
from reconciler.state.events import AnsweredEarly, StepAnswered
from reconciler.state.run import RunState
from reconciler.state.waits import heartbeat_limit_s

# Heartbeats that follow each other more closely than by this share of the limit are not recorded.
_RECORDED_SHARE = 0.125
_FIX = "`forerun show` the task: waiting names the steps"


class Heartbeat(NamedTuple):
    """The attempt that a heartbeat belongs to, and whether it is to be recorded."""

    attempt: AttemptId
    news: bool


def answer_of(run: RunState, step: StepId, answer: StepAnswered) -> StepAnswered | AnsweredEarly:
    """The answer as an event. A message for a callback that has not begun to wait is kept until it does.

    Raises:
        UnknownStep: the task has no such step.
        NotAsked: the step does not wait for an answer.
        InvalidAnswer: the step is a callback, and the answer cannot be its message.
    """
    attempt = run.asked_by(step)
    if attempt is not None:
        if run.attempts[attempt].placement.agent == CALLBACK:
            check_message(run, step, answer)
        return answer.model_copy(update={"attempt": attempt})
    if run.awaits_message(step):
        check_message(run, step, answer)
        return AnsweredEarly(at_s=0, step=step, output=answer.output, by=answer.by)
    if step not in run.steps:
        raise unknown_step(step, run.id, run.steps)
    raise NotAsked(f"step '{step}' does not wait for an answer", "step", _FIX)


def heartbeat_of(run: RunState, step: StepId, now_s: float) -> Heartbeat | None:
    """The attempt that a heartbeat belongs to; None if the callback has not begun to wait.

    Raises:
        UnknownStep: the task has no such step.
        NotAsked: the step is no callback, or does not wait any more.
    """
    attempt = run.asked_by(step)
    if attempt is not None and (limit_s := heartbeat_limit_s(run.attempts[attempt])) is not None:
        last_s = run.waits.heard_s.get(attempt)
        return Heartbeat(attempt, last_s is None or now_s - last_s >= _RECORDED_SHARE * limit_s)
    if run.awaits_message(step):
        return None
    if step not in run.steps:
        raise unknown_step(step, run.id, run.steps)
    raise NotAsked(f"step '{step}' does not wait for heartbeats", "step", _FIX)
