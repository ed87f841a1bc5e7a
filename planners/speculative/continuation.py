"""What the known first steps of an optimal plan say of earlier guesses."""

from collections.abc import Iterable, Mapping, Sequence

from planners.guesses import LEAST_LIKELY
from planners.model import StepId, WorkKey, digest
from planners.plans import Plan
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan

# P(a plan that nobody has guessed holds a work that no guess holds).
_BY_ACCIDENT = 0.05


def confirmed_steps(prefix: Plan) -> ConfirmedSteps:
    """The steps of a prefix in the predictor's terms."""
    number = {planned.id: at for at, planned in enumerate(prefix.steps)}
    edges = [
        (number[parent], at)
        for at, planned in enumerate(prefix.steps)
        for parent in planned.step.parents
        if parent in number
    ]
    return ConfirmedSteps(tuple(planned.step.capability for planned in prefix.steps), tuple(edges))


def unlikely_works(
    guesses: Sequence[GuessedPlan], before: Iterable[Plan], confirmed: Iterable[WorkKey]
) -> frozenset[WorkKey]:
    """The work of earlier guesses that hardly any guess at the whole plan holds, unless it is confirmed.

    Work is compared by its capability and those of all steps above it, because inputs are bound later.
    """
    total = sum(guess.probability for guess in guesses)
    scale = 1 / max(1.0, total)
    survival: dict[str, float] = {}
    for guess in guesses:
        for work in set(_guessed_works(guess)):
            survival[work] = survival.get(work, 0.0) + scale * guess.probability
    by_accident = _BY_ACCIDENT * max(0.0, 1 - total)
    certain = set(confirmed)
    return frozenset(
        key
        for plan in before
        for key, work in _planned_works(plan).items()
        if key not in certain and survival.get(work, 0.0) + by_accident < LEAST_LIKELY
    )


def _guessed_works(guess: GuessedPlan) -> list[str]:
    works: list[str] = []
    for index, capability in enumerate(guess.steps):
        above = sorted(works[parent] for parent in guess.parents_of(index) if parent < index)
        works.append(digest(capability, *above))
    return works


def _planned_works(plan: Plan) -> Mapping[WorkKey, str]:
    works: dict[StepId, str] = {}
    for planned in plan.steps:
        above = sorted(works[parent] for parent in planned.step.parents if parent in works)
        works[planned.id] = digest(planned.step.capability, *above)
    return {planned.work_key: works[planned.id] for planned in plan.steps}
