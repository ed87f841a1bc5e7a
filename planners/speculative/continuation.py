"""What the known first steps of an optimal plan say of earlier guesses."""

from collections.abc import Iterable, Mapping, Sequence

from planners.guesses import LEAST_LIKELY
from planners.model import StepId, WorkKey, digest
from planners.plans import Plan
from planners.speculative.predictor import ConfirmedSteps, GuessedPlan

CONSIDERED = 16  # guesses at the rest by which earlier guesses are judged
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
    """The work of earlier guesses that hardly any guess at the whole plan holds, unless it is confirmed."""
    survival, certain = WorkSurvival(guesses), set(confirmed)
    return frozenset(
        key
        for plan in before
        for key, work in _planned_works(plan).items()
        if key not in certain and survival.is_unlikely(work)
    )


class WorkSurvival:
    """How likely the optimal plan holds a work, by the guesses at the whole plan.

    Work is compared by its capability and those of all steps above it (`guessed_works`): inputs are bound later.
    """

    def __init__(self, guesses: Sequence[GuessedPlan]) -> None:
        total = sum(guess.probability for guess in guesses)
        scale = 1 / max(1.0, total)
        self._by_accident = _BY_ACCIDENT * max(0.0, 1 - total)
        self._of: dict[str, float] = {}
        for guess in guesses:
            for work in set(guessed_works(guess)):
                self._of[work] = self._of.get(work, 0.0) + scale * guess.probability

    def is_unlikely(self, work: str) -> bool:
        """Whether going on with a work is not worth an idle agent."""
        return self._of.get(work, 0.0) + self._by_accident < LEAST_LIKELY


def guessed_works(guess: GuessedPlan) -> list[str]:
    """A digest of each step with all its ancestors, in the order of the steps."""
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
