"""How much of what they risk wrong guesses really use: prefixes of a plan contradict many before it is complete."""

from reconciler.state.outcomes import Outcome

_DISCOUNT = 0.98  # per wrong guess: the newest 50 count most
_PRIOR_GUESSES = 4.0  # of mean size, which use all that they risk


class RiskRatio:
    """The ratio of two sums over wrong guesses: agent-seconds used and risked (`reconciler.gate.candidates`).

    Older guesses fade. At first the ratio is 1, the price of a guess that runs until the plan is complete.
    """

    def __init__(self) -> None:
        self._guesses = self._used_s = self._risked_s = 0.0

    @property
    def value(self) -> float:
        """The ratio, 0..1."""
        if self._risked_s <= 0:
            return 1.0
        prior_s = _PRIOR_GUESSES * self._risked_s / self._guesses
        return min(1.0, (self._used_s + prior_s) / (self._risked_s + prior_s))

    def observe(self, guess: Outcome) -> None:
        """Take in the outcome of a guess; only wrong ones that ran count."""
        risked_s = 0.0 if guess.appraisal is None else guess.appraisal.risked_s
        if guess.dispatched and not guess.verdict.survives and risked_s > 0:
            self._guesses = _DISCOUNT * self._guesses + 1
            self._used_s = _DISCOUNT * self._used_s + guess.seconds
            self._risked_s = _DISCOUNT * self._risked_s + risked_s
