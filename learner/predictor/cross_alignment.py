"""The word alignment of all requests, and those without a group of them each, for requests that were learned from.

Training shows the ranker what the others say of a request. A request that comes again must be judged in the same way:
the alignment of all requests has learned from its own plans, and would look more certain than it is.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from learner.predictor.alignment import AlignedWords, Steps, WordAlignment
from learner.predictor.arrays import Columns
from learner.predictor.storage import under

_GROUPS = 5


class CrossAlignment:
    """``whole``: of all requests. ``without``: without each group. ``group``: that of each request, (requests,)."""

    def __init__(self, whole: WordAlignment, without: Sequence[WordAlignment], group: Columns) -> None:
        """Raises ValueError if there is no alignment for a group."""
        if len(group) and not 0 <= group.min() <= group.max() < len(without):
            raise ValueError("a request is in a group that has no alignment")
        self._whole, self._without, self._group = whole, tuple(without), group

    @classmethod
    def fit(
        cls,
        requests: Sequence[str],
        steps_of: Sequence[Sequence[Steps]],
        descriptions: Sequence[str],
        tools: int,
        seed: int,
    ) -> "CrossAlignment":
        """Learn from requests, the steps of the plans that each got, and the first tools' descriptions."""

        def fitted(rows: Sequence[int]) -> WordAlignment:
            texts, plans = [requests[row] for row in rows], [steps_of[row] for row in rows]
            return WordAlignment.fit(texts, plans, descriptions, tools)

        group = np.random.default_rng(seed).permutation(len(requests)) % _GROUPS
        without = [fitted(np.flatnonzero(group != number).tolist()) for number in range(_GROUPS)]
        return cls(fitted(range(len(requests))), without, group)

    def of(self, request: str, row: int | None = None) -> AlignedWords:
        """The words of a request that have been learned; ``row``: which of the requests it is, None for a new one.

        Models of format 6 have the alignment of all requests alone.
        """
        if row is None or row >= len(self._group):
            return self._whole.of(request)
        return self._without[int(self._group[row])].of(request)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to rebuild the alignments, as plain arrays."""
        parts = {"": self._whole, **{f"{number}.": one for number, one in enumerate(self._without)}}
        found = {f"{part}{key}": value for part, one in parts.items() for key, value in one.arrays().items()}
        return found | {"group": self._group}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "CrossAlignment":
        """Inverse of `arrays`.

        Raises:
            ValueError: the arrays do not fit together.
        """
        group = arrays["group"].astype(int) if "group" in arrays else np.zeros(0, dtype=int)
        groups = int(group.max()) + 1 if len(group) else 0
        without = [WordAlignment.from_arrays(under(f"{number}.", arrays)) for number in range(groups)]
        return cls(WordAlignment.from_arrays(arrays), without, group)
