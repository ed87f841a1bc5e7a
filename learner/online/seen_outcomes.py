"""Which outcomes were learned from already, so that none counts twice however often it is delivered."""

from collections.abc import Iterable

from learner.online.lru import LruDict
from reconciler.state.outcomes import Outcome


class SeenOutcomes:
    """Remembers the newest ``max_size`` outcomes by a 64-bit hash."""

    def __init__(self, max_size: int) -> None:
        self._seen: LruDict[int, None] = LruDict(max_size)

    def __len__(self) -> int:
        return len(self._seen)

    def unseen(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Those that were not seen before; they count as seen from now on.

        A step may be refused several times, each time with another probability: these are different outcomes. So is
        what a person says of an output.
        """
        found = []
        for outcome in outcomes:
            # As text, because NaN differs from itself.
            probability = None if outcome.appraisal is None else repr(outcome.appraisal.probability)
            judgement = outcome.accepted if outcome.judged else None
            key = hash((outcome.attempt, outcome.verdict, outcome.dispatched, probability, judgement))
            if key not in self._seen:
                found.append(outcome)
            self._seen.put(key, None)
        return found
