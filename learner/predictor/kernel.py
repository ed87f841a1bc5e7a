"""How alike two requests are, in three views: words and pairs, words by position, and meaning.

Each view is a cosine. A kernel of the learner is the square of a mean of views; squaring makes the regression see
conjunctions of features, which single words cannot express.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.errors import SemanticsMissing
from learner.predictor.semantics import WordVectors, installed_word_vectors
from learner.predictor.tokens import pairs, positions, words
from learner.predictor.vectors import Floats, GramSpace

_AXES = 128  # of meaning: what is left out is noise, and reading it costs milliseconds
_FLATTENING = 0.25  # 0 keeps the spread along each axis as it is, 1 makes all axes count alike
VIEWS = 3
WORDS, PLACES, MEANING = range(VIEWS)


class Meanings(NamedTuple):
    """Vectors of meaning along their principal axes, flattened, each a unit vector."""

    centre: Floats  # (512,)
    axes: Floats  # (512, axes)
    rows: Floats  # (n, axes)

    @classmethod
    def fit(cls, raw: Floats) -> "Meanings":
        """From one vector per request, (n, 512)."""
        centre = raw.mean(axis=0)
        _, spread, axes = np.linalg.svd(raw - centre, full_matrices=False)
        kept = spread[:_AXES] > 1e-6 * max(float(spread[0]), 1e-9)
        axes = (axes[:_AXES][kept].T * spread[:_AXES][kept] ** -_FLATTENING).astype(np.float32)
        return cls(centre, axes, _unit((raw - centre) @ axes))

    def cosines(self, raw: Floats) -> Floats:
        """Cosine of a new vector to each fitted one, (n,)."""
        return np.asarray(self.rows @ _unit((raw - self.centre) @ self.axes), dtype=np.float32)


class RequestKernel:
    """The views of a history of requests, and of a new request against it."""

    def __init__(self, spaces: tuple[GramSpace, GramSpace], meanings: "Meanings | None") -> None:
        self._spaces = spaces
        self._meanings = meanings

    @classmethod
    def fit(cls, requests: Sequence[str], vectors: WordVectors | None) -> "RequestKernel":
        """Learn vocabularies and weights from ``requests``; meaning only where ``vectors`` are given."""
        tokens = [words(request) for request in requests]
        spaces = GramSpace.fit([pairs(t) for t in tokens]), GramSpace.fit([positions(t) for t in tokens])
        if vectors is None:
            return cls(spaces, None)
        return cls(spaces, Meanings.fit(np.stack([vectors.of(request) for request in requests])))

    @property
    def size(self) -> int:
        """Number of fitted requests."""
        return self._spaces[WORDS].size

    def matrices(self) -> list[Floats]:
        """The views among the fitted requests, each (n, n)."""
        views = [space.gram_matrix() for space in self._spaces]
        return views if self._meanings is None else [*views, self._meanings.rows @ self._meanings.rows.T]

    def rows(self, request: str) -> list[Floats]:
        """The views of one new request against the fitted ones, each (n,)."""
        tokens = words(request)
        views = [self._spaces[WORDS].cosines(pairs(tokens)), self._spaces[PLACES].cosines(positions(tokens))]
        if self._meanings is None:
            return views
        vectors = installed_word_vectors()
        if vectors is None:
            raise SemanticsMissing("this predictor was trained with word vectors; install the extra 'semantic'")
        return [*views, self._meanings.cosines(vectors.of(request))]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to build it again, as plain arrays."""
        out = {f"{view}.{key}": value for view, s in enumerate(self._spaces) for key, value in s.arrays().items()}
        return out if self._meanings is None else out | self._meanings._asdict()

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> "RequestKernel":
        """Inverse of `arrays`."""
        first, second = (
            GramSpace.from_arrays({k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{view}.")})
            for view in (WORDS, PLACES)
        )
        if "rows" not in arrays:
            return cls((first, second), None)
        if installed_word_vectors() is None:
            raise SemanticsMissing("this predictor was trained with word vectors; install the extra 'semantic'")
        return cls((first, second), Meanings(*(arrays[key].astype(np.float32) for key in Meanings._fields)))


def blend(views: Sequence[Floats], chosen: Sequence[int]) -> Floats:
    """Kernel of the ``chosen`` views that are there: their mean, squared (positive definite by Schur's theorem)."""
    used = [views[view] for view in chosen if view < len(views)]
    mean = sum(used[1:], start=used[0]) / np.float32(len(used))
    return np.asarray(mean * mean, dtype=np.float32)


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)
