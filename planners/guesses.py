"""Guesses of different authority: what a draft makes of earlier guesses, and how often drafts are right."""

from collections.abc import Iterable

from planners.model import WorkKey
from planners.plans import Plan

# P(work survives) below which going on with it is not worth an idle agent: the gate's rule at its price of idle time.
LEAST_LIKELY = 0.08
# The origin of a draft begins with it.
DRAFT = "draft"
_PRIOR_RIGHT, _PRIOR_STEPS = 0.7, 8.0  # share of right steps before any draft, and how many steps that is worth
_MOST_STEPS = 200.0  # older drafts count less
_NEWEST = 0.2  # weight of the newest draft in the mean of seconds


def contradicted_works(before: Iterable[Plan], draft: Plan, right: float) -> frozenset[WorkKey]:
    """The work of earlier guesses that a draft makes too unlikely to go on with.

    With p the probability of a step, and ``right`` P(the draft holds a step of the optimal plan), a step that the draft
    does not hold is right with probability p(1-right) / (p(1-right) + (1-p)).
    """
    drafted = {planned.work_key for planned in draft.steps}
    unlikely = set[WorkKey]()
    for plan in before:
        for planned in plan.steps:
            missed = planned.probability * (1 - right)
            if planned.work_key not in drafted and missed < LEAST_LIKELY * (missed + 1 - planned.probability):
                unlikely.add(planned.work_key)
    return frozenset(unlikely)


class DraftRecord:
    """How long the drafts of one kind of task took, and which share of their steps the optimal plans held."""

    def __init__(self, expected_s: float) -> None:
        self.seconds = expected_s
        self._steps, self._right = _PRIOR_STEPS, _PRIOR_STEPS * _PRIOR_RIGHT

    @property
    def right(self) -> float:
        """P(a step of a draft is right)."""
        return self._right / self._steps

    def observe(self, draft: Plan | None, plan: Plan, took_s: float) -> None:
        """Compare a draft with the optimal plan. None: it was not there when the plan was, after ``took_s``."""
        if draft is None:
            self.seconds = max(self.seconds, took_s)
            return
        self.seconds += _NEWEST * (took_s - self.seconds)
        works = {planned.work_key for planned in plan.steps}
        self._steps += len(draft.steps)
        self._right += sum(planned.work_key in works for planned in draft.steps)
        if self._steps > _MOST_STEPS:
            self._right *= _MOST_STEPS / self._steps
            self._steps = _MOST_STEPS
