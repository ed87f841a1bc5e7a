"""How alike two requests are, in three views: words and pairs, words by position, and meaning.

Each view is a cosine; likeness is their mean. The learner's kernels square it, which makes a regression see
conjunctions of features that single words cannot express (positive definite by Schur's theorem).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.errors import SemanticsMissing
from learner.predictor.semantics import WordVectors, installed_word_vectors
from learner.predictor.tokens import Grams, pairs, positions, words
from learner.predictor.vectors import Floats, GramSpace

_AXES = 128  # of meaning: what is left out is noise, and reading it costs milliseconds
_FLATTENING = 0.25  # 0 keeps the spread along each axis as it is, 1 makes all axes count alike


class Meanings(NamedTuple):
    """Vectors of meaning along their principal axes, flattened, each a unit vector."""

    centre: Floats  # (512,)
    axes: Floats  # (512, axes)
    rows: Floats  # (n, axes)

    @classmethod
    def fit(cls, raw: Floats) -> "Meanings":
        """From one vector per request, (n, 512)."""
        centre = np.asarray(raw.mean(axis=0), dtype=np.float32)
        _, spread, axes = np.linalg.svd(raw - centre, full_matrices=False)
        kept = spread[:_AXES] > 1e-6 * max(float(spread[0]), 1e-9)
        scaled = np.asarray(axes[:_AXES][kept].T * spread[:_AXES][kept] ** -_FLATTENING, dtype=np.float32)
        return cls(centre, scaled, _unit(np.dot(raw - centre, scaled)))

    def cosines(self, raw: Floats) -> Floats:
        """Cosine of a new vector to each fitted one, (n,)."""
        return np.asarray(np.dot(self.rows, _unit(np.dot(raw - self.centre, self.axes))), dtype=np.float32)


class RequestKernel:
    """The views of a history of requests, and of a new request against it."""

    def __init__(self, grams: GramSpace, meanings: "Meanings | None") -> None:
        self._grams = grams
        self._meanings = meanings

    @classmethod
    def fit(cls, requests: Sequence[str], vectors: WordVectors | None) -> "RequestKernel":
        """Learn vocabularies and weights from ``requests``; meaning only where ``vectors`` are given."""
        grams = GramSpace.fit([_grams(request) for request in requests])
        if vectors is None:
            return cls(grams, None)
        return cls(grams, Meanings.fit(np.stack([vectors.of(request) for request in requests])))

    @property
    def size(self) -> int:
        """Number of fitted requests."""
        return self._grams.size

    @property
    def by_meaning(self) -> bool:
        """Whether word vectors were there when it was fitted."""
        return self._meanings is not None

    def matrix(self) -> Floats:
        """Likeness among the fitted requests, (n, n)."""
        likeness = self._grams.gram_matrix()
        return likeness if self._meanings is None else _mean(likeness, self._meanings.rows @ self._meanings.rows.T)

    def row(self, request: str) -> Floats:
        """Likeness of one new request to the fitted ones, (n,)."""
        likeness = self._grams.likeness(_grams(request))
        if self._meanings is None:
            return likeness
        vectors = installed_word_vectors()
        if vectors is None:
            raise SemanticsMissing("this predictor was trained with word vectors; install the extra 'semantic'")
        return _mean(likeness, self._meanings.cosines(vectors.of(request)))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to build it again, as plain arrays."""
        return self._grams.arrays() | (self._meanings._asdict() if self._meanings is not None else {})

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> "RequestKernel":
        """Inverse of `arrays`."""
        grams = GramSpace.from_arrays(arrays)
        if "rows" not in arrays:
            return cls(grams, None)
        if installed_word_vectors() is None:
            raise SemanticsMissing("this predictor was trained with word vectors; install the extra 'semantic'")
        return cls(grams, Meanings(*(arrays[key].astype(np.float32) for key in Meanings._fields)))


def _grams(request: str) -> tuple[Grams, Grams]:
    tokens = words(request)
    return pairs(tokens), positions(tokens)


def _mean(grams: Floats, meaning: Floats) -> Floats:
    """The two views by words count one each, as does that by meaning."""
    return np.asarray((2 * grams + meaning) / np.float32(3), dtype=np.float32)


def _unit(rows: NDArray[np.floating]) -> Floats:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)
