"""A bounded sample of outcomes for training: the newest ones, and a uniform sample of all earlier ones."""

import random
from collections import deque

from reconciler.state.outcomes import Outcome


class OutcomeSample:
    """The last ``window`` outcomes, and ``reservoir`` of the earlier ones drawn uniformly (Vitter 1985, algorithm R).

    Training therefore costs the same after a thousand outcomes and after a million, new outcomes weigh most, and rare
    ones are not forgotten at once. Deterministic for a seed and an order of outcomes.
    """

    def __init__(self, window: int = 8_000, reservoir: int = 8_000, seed: int = 0) -> None:
        self._recent: deque[Outcome] = deque(maxlen=window)
        self._older: list[Outcome] = []
        self._reservoir = reservoir
        self._evicted = 0
        self._random = random.Random(seed)

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    @property
    def total(self) -> int:
        """How many outcomes were ever added."""
        return len(self._recent) + self._evicted

    def add(self, outcome: Outcome) -> None:
        """Add an outcome, newer than all before."""
        if len(self._recent) == self._recent.maxlen:
            self._add_to_reservoir(self._recent[0])
        self._recent.append(outcome)

    def outcomes(self) -> list[Outcome]:
        """The sample of earlier outcomes, then the newest ones in order."""
        return [*self._older, *self._recent]

    def _add_to_reservoir(self, outcome: Outcome) -> None:
        self._evicted += 1
        if len(self._older) < self._reservoir:
            self._older.append(outcome)
            return
        slot = self._random.randrange(self._evicted)
        if slot < self._reservoir:
            self._older[slot] = outcome
