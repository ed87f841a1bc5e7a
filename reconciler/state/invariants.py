"""What must hold between the parts of a run after every event. Linear in steps and attempts; tests check it."""

from collections.abc import Iterator

from planners.model import WorkKey
from reconciler.errors import RunError
from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.run_data import RunData
from reconciler.state.step_state import StepState, StepStatus
from reconciler.state.step_table import StepTable

_SERVED = {
    StepStatus.DISPATCHED: AttemptStatus.DISPATCHED,
    StepStatus.RUNNING: AttemptStatus.RUNNING,
    StepStatus.IN_DOUBT: AttemptStatus.IN_DOUBT,
    StepStatus.FINISHED: AttemptStatus.FINISHED,
}
_ROUNDING_USD = 1e-6


class BrokenInvariant(RunError):
    """The parts of a run's state disagree."""


def check(run: RunData) -> None:
    """Check a run.

    Raises:
        BrokenInvariant: the first disagreement.
    """
    for flaw in _flaws(run):
        raise BrokenInvariant(f"{run.id} at {run.at_s:.3f} s: {flaw}")


def _flaws(run: RunData) -> Iterator[str]:
    yield from _of_indexes(run)
    yield from _of_acts(run)
    if run.status.ended:
        yield from (f"attempt {attempt} is live after the end" for attempt in run.attempts.live)
        return
    for state in run.steps.values():
        if run.plan is not None and state.step in run.plan.by_id and state.status is not StepStatus.SKIPPED:
            yield from (f"{flaw}: {'; '.join(state.story())}" for flaw in _of_step(run, state))
    if run.plan is None or run.plan.complete:
        yield from _of_attempts(run)
        due = [one for one in run.held.attempts if not run.steps.open_parents(run.attempts[one].step.id)]
        if due and not (run.plan_is_coming or run.undoing is not None):
            yield f"{', '.join(due)} staged what no plan decides about, and it is not promoted"
    started = run.requests.requested > 0
    waits = run.steps.in_doubt or (run.undoing is not None and run.attempts.in_doubt)
    goes_on = run.replanning or run.evaluating or run.attempts.live or run.steps.under_way
    if started and not (goes_on or waits):
        yield "nothing will ever happen again"


def _of_step(run: RunData, state: StepState) -> Iterator[str]:
    step, steps = state.step, run.steps
    assert run.plan is not None
    awaited = steps.awaited.of.get(step, run.plan.by_id[step].step.parents)
    missing = sum(not _finished(steps, parent) for parent in awaited)
    if missing != steps.open_parents(step):
        yield f"step '{step}' counts {steps.open_parents(step)} open parents, not {missing}"
    match state.status:
        case StepStatus.DISPATCHED | StepStatus.RUNNING | StepStatus.IN_DOUBT | StepStatus.FINISHED:
            yield from _of_served(run, state)
        case StepStatus.WAITING if not missing:
            yield f"step '{step}' waits for nothing"
        case StepStatus.READY:
            yield f"step '{step}' is ready and was not dispatched"
        case StepStatus.RETRYING if state.retry_at_s is None or state.retry_at_s <= run.at_s:
            yield f"step '{step}' is due and was not dispatched"
        case StepStatus.BLOCKED if not run.requests.required:
            yield f"step '{step}' is blocked and no plan was asked for"
        case StepStatus.FAILED if state.step not in run.facts.given_up and run.undoing is None:
            yield f"step '{step}' failed and the run goes on"
        case _:
            pass


def _of_served(run: RunData, state: StepState) -> Iterator[str]:
    attempt = None if state.attempt is None else run.attempts.find(state.attempt)
    if attempt is None:
        yield f"step '{state.step}' is served by no attempt"
    elif attempt.status is not _SERVED[state.status]:
        yield f"step '{state.step}' is {state.status} and its attempt {attempt.id} {attempt.status}"
    elif attempt.step.id != state.step:
        yield f"attempt {attempt.id} serves step '{state.step}' and stands at '{attempt.step.id}'"
    elif attempt.verdict is None or not attempt.verdict.survives:
        yield f"attempt {attempt.id} serves step '{state.step}' with verdict {attempt.verdict}"


def _of_attempts(run: RunData) -> Iterator[str]:
    served = {state.attempt for state in run.steps.values() if state.attempt is not None}
    for attempt in run.attempts.values():
        if attempt.live and attempt.hedges is not None:
            if run.late.hedges.get(attempt.hedges) != attempt.id or attempt.hedges not in served:
                yield f"attempt {attempt.id} hedges {attempt.hedges}, which serves no step"
        elif attempt.live and attempt.standby and attempt.unconfirmed and _finished(run.steps, attempt.step.id):
            yield f"attempt {attempt.id} stands by at step '{attempt.step.id}', which has finished"
        elif attempt.live and not attempt.unconfirmed and attempt.id not in served and not run.is_act(attempt):
            yield f"attempt {attempt.id} is confirmed and live, and serves no step"


def _of_acts(run: RunData) -> Iterator[str]:
    """An act that was carried out, or may have been, is never dispatched again."""
    seen: dict[WorkKey, Attempt] = {}
    for attempt in run.attempts.values():
        if not run.is_act(attempt):
            continue
        if attempt.began_speculative:
            yield f"attempt {attempt.id} of an irreversible agent began speculatively"
        if attempt.status is AttemptStatus.FAILED:
            continue
        if attempt.work_key in seen:
            yield f"attempts {seen[attempt.work_key].id} and {attempt.id} carry the same act out"
        seen[attempt.work_key] = attempt


def _of_indexes(run: RunData) -> Iterator[str]:
    attempts = run.attempts
    for index, name in (
        (attempts.live, "live"),
        (attempts.unconfirmed, "unconfirmed"),
        (attempts.in_doubt, "in_doubt"),
    ):
        if index.keys() != {attempt.id for attempt in attempts.values() if getattr(attempt, name)}:
            yield f"the index of attempts that are {name} is wrong"
    spent, anew = attempts.spending, attempts.counted_anew()
    if any(abs(kept - counted) > _ROUNDING_USD for kept, counted in zip(spent, anew, strict=True)):
        yield f"spending is kept as {spent} and adds up to {anew}"


def _finished(steps: StepTable, step: str) -> bool:
    state = steps.get(step)  # type: ignore[call-overload]
    return state is not None and state.status is StepStatus.FINISHED
