"""What guesses have really saved: the gate's reckoning once more, with what has happened instead of expectations."""

from collections.abc import Mapping

from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.gate import Shape, lateness
from reconciler.state.attempts import Attempt


def realised_s(
    plan: Plan, at_s: float, confirmed_s: Mapping[StepId, float], serving: Mapping[StepId, Attempt]
) -> dict[AttemptId, float]:
    """Seconds that each guess whose work the plan uses has saved the run, and no step behind it has.

    Without the guess the step would have started when a plan of authority first held it, not when all of it was there.
    How much later the run would then have ended, less what it would lose anyway if all that needs the step had started
    only when confirmed, is what the step itself has saved (`reconciler.gate.savings`): along a path it adds up to what
    the path has saved; branches side by side each claim what they saved together. Linear in steps and edges.

    Args:
        plan: of authority, whole.
        at_s: when it was whole. Steps that have not ended by then are believed to take what the plan says.
        confirmed_s: when a plan of authority first held each step.
        serving: step -> the attempt that does its work, for those under way or done.
    """
    ends_s: list[float] = []
    seconds: list[float] = []
    shape_at = {planned.id: index for index, planned in enumerate(plan.steps)}
    for planned in plan.steps:
        attempt = serving.get(planned.id)
        if attempt is None:
            ready_s = [ends_s[shape_at[parent]] for parent in planned.step.parents if parent in shape_at]
            seconds.append(planned.placement.duration_s)
            ends_s.append(max([at_s, *ready_s]) + seconds[-1])
        else:
            seconds.append(_seconds(attempt, at_s))
            ends_s.append(at_s + attempt.remaining_s(at_s) if attempt.ended_s is None else attempt.ended_s)
    shape = Shape.lived(plan, seconds)
    held_s = [confirmed_s.get(planned.id, at_s) for planned in plan.steps]
    found = zip(plan.steps, *lateness(shape, ends_s, held_s, at_s), strict=True)
    return {
        attempt.id: max(0.0, late_s - behind_s)
        for planned, late_s, behind_s in found
        if (attempt := serving.get(planned.id)) is not None and attempt.began_speculative
    }


def _seconds(attempt: Attempt, at_s: float) -> float:
    """What it took, or will have taken in all; waiting for room is not counted."""
    if attempt.ended_s is not None:
        return attempt.seconds
    elapsed_s = 0.0 if attempt.started_s is None else at_s - attempt.started_s
    return max(attempt.placement.duration_s, elapsed_s)
