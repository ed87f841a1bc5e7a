"""Whether speculating on a kind of task pays, against starting steps only when the streaming plan confirms them."""

from collections import deque
from typing import NamedTuple

from planners.tasks import PlanningOptions
from reconciler.gate import worth
from reconciler.state.outcomes import Outcome

_WINDOW = 32  # decisions that count
_LEAST_DECISIONS, _LEAST_TASKS = 8, 4  # before which nothing is concluded
_TRIED_AGAIN_AFTER = 50  # confirmed attempts without a guess
_NEWEST = 0.1  # weight of the newest guess in the mean of realised seconds


class _Decision(NamedTuple):
    task: str
    usd: float


class SpeculationWorth:
    """Sums what the newest decisions were worth in dollars: the seconds that guesses saved, less what wrong ones cost.

    `Outcome.realised_s` is measured against the moment at which the plan confirmed the step, so the sum is what
    speculation gains over streaming. Guesses that the gate refused only because it is closed count as if they had been
    dispatched, so that the gate opens again. What they would have saved is an estimate, which is corrected by how much
    of their estimates other guesses have really saved. The first task of a kind does not count, because it is guessed
    before anything of the kind is learned.
    """

    def __init__(self) -> None:
        self._decisions: deque[_Decision] = deque(maxlen=_WINDOW)
        self._first: str | None = None  # the kind's first task
        self._confirmed_in_a_row = 0
        self._realised = 1.0  # seconds saved over seconds expected, of guesses that survived

    @property
    def pays(self) -> bool:
        """Whether speculating has been better than streaming; true until that is known."""
        if len(self._decisions) < _LEAST_DECISIONS:
            return True
        if len({decision.task for decision in self._decisions}) < _LEAST_TASKS:
            return True
        return sum(decision.usd for decision in self._decisions if decision.task != self._first) >= 0

    def observe_confirmed(self) -> None:
        """An attempt that was no guess ended. After enough of them in a row guesses are tried again."""
        self._confirmed_in_a_row += 1
        if self._confirmed_in_a_row >= _TRIED_AGAIN_AFTER and not self.pays:
            self._decisions.clear()

    def observe(self, outcome: Outcome) -> None:
        """Take in the verdict on a guess that was dispatched, or that an open gate would have dispatched."""
        appraisal = outcome.appraisal
        self._first = self._first or outcome.task
        if appraisal is None or not (outcome.dispatched or _is_acceptable(outcome)):
            return
        self._confirmed_in_a_row = 0
        usd = -appraisal.cost_usd
        if outcome.verdict.survives:
            usd = self._saved_s(outcome) * outcome.value_of_time_usd_per_s
        self._decisions.append(_Decision(outcome.task, usd))

    def _saved_s(self, outcome: Outcome) -> float:
        assert outcome.appraisal is not None
        expected_s = outcome.appraisal.own_s
        if not outcome.dispatched:
            return self._realised * expected_s
        saved_s = expected_s if outcome.realised_s is None else outcome.realised_s
        if expected_s > 0:
            self._realised += _NEWEST * (min(1.0, saved_s / expected_s) - self._realised)
        return saved_s


def _is_acceptable(outcome: Outcome) -> bool:
    """Whether the gate's rule accepts the guess at the default `alpha`."""
    appraisal = outcome.appraisal
    assert appraisal is not None
    options = PlanningOptions(value_of_time_usd_per_s=outcome.value_of_time_usd_per_s)
    return worth(appraisal.probability, appraisal.saved_s, appraisal.cost_usd, options).margin_usd > 0
