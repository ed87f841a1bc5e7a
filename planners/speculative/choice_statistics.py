"""Habits of the optimal planner: which agent it takes for a capability, where an input of a capability comes from."""

from collections import OrderedDict
from collections.abc import Mapping

from pydantic import Field

from planners.model import Model

# One observation less than certain of anything: (n_best + 1/2) / (n + 1), the Krichevsky-Trofimov estimate.
_HALF, _ONE = 0.5, 1.0
_FADE = 0.9
_OPTIONS = 32


class ChoiceCounts(Model):
    """Weights of what was chosen; every observation fades those before it by a tenth, so habits may change."""

    weights: dict[str, float] = Field(default_factory=dict)

    def seen(self, shares: Mapping[str, float]) -> "ChoiceCounts":
        """The tally after one more observation, whose shares add up to 1."""
        faded = {name: weight * _FADE for name, weight in self.weights.items()}
        for name, share in shares.items():
            faded[name] = faded.get(name, 0.0) + share
        kept = sorted(faded.items(), key=lambda item: (-item[1], item[0]))[:_OPTIONS]
        return ChoiceCounts(weights=dict(kept))

    def ranked(self) -> list[tuple[str, float]]:
        """Choices with their probabilities, the likeliest first."""
        total = sum(self.weights.values())
        return [(name, (weight + _HALF) / (total + _ONE)) for name, weight in self.weights.items()]


class ChoiceStatistics:
    """Tallies by key; the longest unused are forgotten."""

    def __init__(self, size: int, tallies: Mapping[str, ChoiceCounts] | None = None) -> None:
        self._size = size
        self._tallies: OrderedDict[str, ChoiceCounts] = OrderedDict(tallies or {})

    def observe(self, key: str, shares: Mapping[str, float]) -> None:
        """One more observation under a key."""
        self._tallies[key] = self._tallies.get(key, ChoiceCounts()).seen(shares)
        self._tallies.move_to_end(key)
        while len(self._tallies) > self._size:
            self._tallies.popitem(last=False)

    def of(self, key: str) -> ChoiceCounts | None:
        """What was observed under a key."""
        return self._tallies.get(key)

    def dump(self) -> dict[str, ChoiceCounts]:
        """All tallies, the longest unused first."""
        return dict(self._tallies)
