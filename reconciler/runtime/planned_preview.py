"""Both plans of a task that is not run."""

from dataclasses import dataclass

from planners.plans import Plan


@dataclass(frozen=True, slots=True)
class PlannedPreview:
    """Both plans of a task that was not run, and the seconds each took to make."""

    guess: Plan | None
    guess_s: float
    plan: Plan
    plan_s: float
