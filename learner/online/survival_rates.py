"""How often guesses survive, by kind of task and agent: exponentially fading rates, from the first outcome on."""

from collections.abc import Hashable
from typing import NamedTuple

from learner.online.lru import LruDict

SURVIVAL_PRIOR = 0.7


class FadingRate(NamedTuple):
    """Guesses and how many of them survived, older ones discounted."""

    guesses: float = 0.0
    survived: float = 0.0

    def after(self, *, survived: bool, discount: float) -> "FadingRate":
        """The rate after one more guess; earlier guesses are multiplied by ``discount``."""
        return FadingRate(discount * self.guesses + 1, discount * self.survived + survived)

    def mean(self, prior: float, weight: float = 5.0) -> float:
        """The posterior mean of a Beta distribution: (survived + weight*prior) / (guesses + weight)."""
        return (self.survived + weight * prior) / (self.guesses + weight)


class SurvivalRates:
    """Rates overall, by kind of task, by agent, and by pair of both.

    The prior of a pair is the mean of its kind's and its agent's rate; the prior of these is the overall rate.
    An update takes constant time. At most ``max_entries`` rates are kept, those used last.
    """

    def __init__(self, discount: float = 0.99, max_entries: int = 20_000) -> None:
        self._discount = discount
        self._max_entries = max_entries
        self._rates: LruDict[Hashable, FadingRate] = LruDict(max_entries)

    def add(self, kind: str, agent: str, *, survived: bool) -> None:
        """Update the rates with the verdict on one guess."""
        for key in (("kind", kind), ("agent", agent), ("pair", kind, agent), "all"):
            self._rates.put(key, self._rate(key).after(survived=survived, discount=self._discount))

    def features(self, kind: str, agent: str) -> tuple[float, float, float]:
        """The rates of the kind, of the agent and of the pair."""
        overall = self._rate("all").mean(SURVIVAL_PRIOR, 2.0)
        of_kind = self._rate(("kind", kind)).mean(overall)
        of_agent = self._rate(("agent", agent)).mean(overall)
        return of_kind, of_agent, self._rate(("pair", kind, agent)).mean((of_kind + of_agent) / 2)

    def by_agent(self) -> dict[str, float]:
        """Agent -> survival rate, for every agent with guesses."""
        agents = [key[1] for key in self._rates if isinstance(key, tuple) and key[0] == "agent"]
        return {agent: self.features("", agent)[1] for agent in agents}

    def copy(self) -> "SurvivalRates":
        """An independent copy."""
        other = SurvivalRates(self._discount, self._max_entries)
        other._rates.update(self._rates)
        return other

    def _rate(self, key: Hashable) -> FadingRate:
        return self._rates.get(key, FadingRate())
