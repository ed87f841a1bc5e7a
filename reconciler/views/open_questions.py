"""What a run waits for and what it asks: why steps wait, acts in doubt, limits that are reached. Pure."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from reconciler.state.attempts import Attempt, AttemptStatus
from reconciler.state.limit_policy import is_held
from reconciler.state.run import RunState
from reconciler.state.step_state import StepStatus
from reconciler.state.waiting import WaitContext, WaitReason, attempt_wait
from reconciler.views.limits import limits_view
from reconciler.views.models import Doubt

# Reasons in a task's view, which clients poll.
MOST_REASONS = 20
_WAITING = (StepStatus.WAITING, StepStatus.READY, StepStatus.HELD, StepStatus.DISPATCHED, StepStatus.RETRYING)


def open_questions(run: RunState, context: WaitContext | None) -> dict[str, Any]:
    """Fields of the view of a task."""
    return {
        "in_doubt": tuple(_doubt(attempt) for attempt in run.in_doubt),
        "waiting": tuple(islice(wait_reasons(run, context), MOST_REASONS)),
        "limits": limits_view(run),
    }


def wait_reasons(run: RunState, context: WaitContext | None = None) -> Iterator[WaitReason]:
    """Why each unfinished step waits: first those that need somebody or something, then the others in plan order.

    Before there is an optimal plan: why guesses have not begun.
    """
    if run.plan is None:
        guesses = (run.attempts[attempt] for attempt in run.attempts.live)
        for guess in guesses:
            if guess.status is AttemptStatus.DISPATCHED:
                yield attempt_wait(run, guess, guess.dispatched_s, context or WaitContext())
        return
    asked = [run.attempts[attempt] for attempt in run.attempts.live]
    waits = [attempt.step.id for attempt in asked if run.agent_of(attempt).built_in and attempt.verdict is not None]
    held = [step for step in run.limits.held if is_held(run, step)]
    urgent = [*run.steps.in_doubt, *run.steps.blocked, *waits, *held]
    known = frozenset(held)
    others = (step for step, state in run.steps.items() if state.status in _WAITING and step not in known)
    pending = (item.id for item in run.plan.pending) if run.plan is not None else ()
    for step in chain(urgent, others, pending):
        reason = run.waiting(step, context)
        if reason is not None:
            yield reason


def _doubt(attempt: Attempt) -> Doubt:
    return Doubt(
        step=attempt.step.id,
        attempt=attempt.id,
        agent=attempt.placement.agent,
        node=attempt.placement.node,
        since_s=attempt.ended_s or attempt.dispatched_s,
        verifying=attempt.verifying,
        reason=attempt.failure.message if attempt.failure else "",
        failure=attempt.failure and attempt.failure.brief(),
    )
