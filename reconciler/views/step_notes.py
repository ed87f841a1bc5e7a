"""The states of steps that their attempts do not show: held, retrying, blocked, skipped, failed for good. Pure."""

from collections.abc import Iterable

from planners.model import StepId
from reconciler.state.run import RunState
from reconciler.state.step_state import WITHOUT_ATTEMPT, StepState, StepStatus
from reconciler.state.waiting import WaitKind, WaitReason
from reconciler.views.models import StepNote, Timeline

_BY_WAIT = {
    WaitKind.FAN_OUT: StepStatus.HELD,
    WaitKind.TASK_LIMIT: StepStatus.HELD,
    WaitKind.RETRY: StepStatus.RETRYING,
    WaitKind.NEW_PLAN: StepStatus.BLOCKED,
}


def step_notes(run: RunState, steps: Iterable[StepId] | None = None) -> tuple[StepNote, ...]:
    """The states of these steps; None: of all steps whose state their attempts do not show. Linear in the steps."""
    states = run.steps.values() if steps is None else (run.steps[step] for step in steps if step in run.steps)
    return tuple(_note(run, state) for state in states if steps is not None or state.status in WITHOUT_ATTEMPT)


def notes_in(timeline: Timeline) -> tuple[StepNote, ...]:
    """The same of a run that is known by its timeline only."""
    skipped = (StepNote(step=one.id, status=StepStatus.SKIPPED, reason=one.reason) for one in timeline.skipped)
    waiting = (_waiting(reason) for reason in timeline.waiting if reason.kind in _BY_WAIT)
    return (*skipped, *waiting)


def _note(run: RunState, state: StepState) -> StepNote:
    waits = run.waiting(state.step) if state.status in WITHOUT_ATTEMPT else None
    reason = state.cause if waits is None else waits.message
    return StepNote(step=state.step, status=state.status, reason=reason, at_s=state.at_s)


def _waiting(reason: WaitReason) -> StepNote:
    status = _BY_WAIT[reason.kind]
    return StepNote(step=reason.step, status=status, reason=reason.message, at_s=reason.since_s)
