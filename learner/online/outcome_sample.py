"""A bounded memory of outcomes: the newest ones, and a fair sample of all before them."""

import random
from collections import deque
from collections.abc import Iterable

from reconciler.state.outcomes import Outcome


class OutcomeSample:
    """The last ``window`` outcomes whole, and ``reservoir`` of those before drawn uniformly (Vitter 1985, algorithm R).

    So a refit costs the same after a thousand outcomes and after a million, what is new weighs most, and what is rare
    is not forgotten at once. Deterministic for a seed and an order of outcomes.
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

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Remember outcomes, oldest first."""
        for outcome in outcomes:
            if len(self._recent) == self._recent.maxlen:
                self._keep_perhaps(self._recent[0])
            self._recent.append(outcome)

    def sample(self) -> list[Outcome]:
        """The older sample, then the newest outcomes in order."""
        return [*self._older, *self._recent]

    def _keep_perhaps(self, outcome: Outcome) -> None:
        self._evicted += 1
        if len(self._older) < self._reservoir:
            self._older.append(outcome)
            return
        slot = self._random.randrange(self._evicted)
        if slot < self._reservoir:
            self._older[slot] = outcome
