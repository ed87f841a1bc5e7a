"""How often each option was chosen, with recent choices weighing more."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

# One observation is not certainty: (n_best + 1/2) / (n + 1), the Krichevsky-Trofimov estimate.
_HALF, _ONE = 0.5, 1.0
_DECAY = 0.9
_OPTIONS = 32


@dataclass(frozen=True)
class ChoiceCounts:
    """Weights of the options chosen so far; each observation decays those before it by a tenth."""

    weights: Mapping[str, float] = field(default_factory=dict)

    def observed(self, shares: Mapping[str, float]) -> "ChoiceCounts":
        """The counts after one more observation, whose shares add up to 1. The 32 heaviest options are kept."""
        decayed = {name: weight * _DECAY for name, weight in self.weights.items()}
        for name, share in shares.items():
            decayed[name] = decayed.get(name, 0.0) + share
        kept = sorted(decayed.items(), key=lambda item: (-item[1], item[0]))[:_OPTIONS]
        return ChoiceCounts(dict(kept))

    def ranked(self) -> list[tuple[str, float]]:
        """Options with their probabilities, the likeliest first."""
        total = sum(self.weights.values())
        return [(name, (weight + _HALF) / (total + _ONE)) for name, weight in self.weights.items()]

    def share(self, name: str, options: int) -> float:
        """The probability of an option, of so many."""
        return (self.weights.get(name, 0.0) + _HALF) / (sum(self.weights.values()) + _HALF * options)


class ChoiceStatistics:
    """Counts by key. At most ``size`` keys are kept; the longest unused are dropped."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts: OrderedDict[str, ChoiceCounts] = OrderedDict()

    def observe(self, key: str, shares: Mapping[str, float]) -> None:
        """Add one observation under a key."""
        self._counts[key] = self._counts.get(key, ChoiceCounts()).observed(shares)
        self._counts.move_to_end(key)
        while len(self._counts) > self._size:
            self._counts.popitem(last=False)

    def of(self, key: str) -> ChoiceCounts | None:
        """The counts under a key."""
        return self._counts.get(key)
