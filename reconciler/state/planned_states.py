"""The states in which a plan puts its steps."""

from planners.model import StepId, WorkKey
from planners.workflow import Skipped
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.step_state import StepState, StepStatus

_OF_ATTEMPT = {
    AttemptStatus.DISPATCHED: StepStatus.DISPATCHED,
    AttemptStatus.RUNNING: StepStatus.RUNNING,
    AttemptStatus.FINISHED: StepStatus.FINISHED,
    AttemptStatus.IN_DOUBT: StepStatus.IN_DOUBT,
}


def planned(step: StepId, key: WorkKey, attempt: Attempt | None, at_s: float, *, waits: bool) -> StepState:
    """The state of a step that the plan holds. ``attempt``: what serves it; ``waits``: whether it has open parents."""
    if attempt is not None:
        return StepState(step, key, _OF_ATTEMPT[attempt.status], at_s, "planned", attempt.id)
    return StepState(step, key, StepStatus.WAITING if waits else StepStatus.READY, at_s, "planned")


def skipped(node: Skipped, at_s: float, former: StepState | None) -> StepState:
    """The state of a node that the plan skips. ``former``: its state under the plan before.

    Raises:
        IllegalTransition: it cannot be skipped any more.
    """
    key = WorkKey("") if former is None else former.work_key
    state = StepState(node.id, key, StepStatus.SKIPPED, at_s, node.reason)
    if former is None:
        return state
    return former if former.status is StepStatus.FAILED else former.replanned(state)
