"""What guesses really saved: the gate's formulas applied to what happened instead of what was expected."""

from collections.abc import Mapping

from planners.model import AttemptId, StepId
from planners.plans import Plan
from reconciler.gate import Shape, lateness
from reconciler.state.attempts import Attempt


def realised_s(
    plan: Plan, at_s: float, confirmed_s: Mapping[StepId, float], serving: Mapping[StepId, Attempt]
) -> dict[AttemptId, float]:
    """Seconds that each guess saved the run by itself, for guesses whose work the plan uses.

    Without the guess its step would have started when the optimal plan first held it, which may be before that plan was
    complete. The step itself has saved as much as the run would then have ended later, less what the run would lose
    anyway if everything that needs the step had started only when confirmed (`reconciler.gate.savings`). Along a path
    these add up to what the path saved; parallel branches each claim what they saved together. Linear in steps and
    edges.

    Args:
        plan: the optimal plan, complete.
        at_s: when it was complete. Steps that have not ended by then are assumed to take what the plan says.
        confirmed_s: when an optimal plan first held each step.
        serving: step -> the attempt that does its work, for those under way or finished.
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
    shape = Shape.actual(plan, seconds)
    held_s = [confirmed_s.get(planned.id, at_s) for planned in plan.steps]
    found = zip(plan.steps, *lateness(shape, ends_s, held_s, at_s), strict=True)
    return {
        attempt.id: max(0.0, late_s - behind_s)
        for planned, late_s, behind_s in found
        if (attempt := serving.get(planned.id)) is not None and attempt.began_speculative
    }


def _seconds(attempt: Attempt, at_s: float) -> float:
    """Its run time, or the expected one; waiting for room is not counted."""
    if attempt.ended_s is not None:
        return attempt.seconds
    elapsed_s = 0.0 if attempt.started_s is None else at_s - attempt.started_s
    return max(attempt.placement.duration_s, elapsed_s)
