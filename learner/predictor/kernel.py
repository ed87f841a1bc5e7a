"""Similarity of two requests, in three views: words and pairs, words by position, and meaning.

Each view is a cosine, and the similarity is their mean. The learner's kernels square it, which lets a regression use
conjunctions of features that single words cannot express (positive definite by Schur's product theorem).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.errors import SemanticsMissing
from learner.predictor.word_vectors import WordVectors, installed_word_vectors
from planners.text.tfidf import TfidfMatrix
from planners.text.tokens import Grams, ngrams, position_grams, words

_AXES = 128  # of meaning: further ones are noise, and reading them costs milliseconds
_FLATTENING = 0.25  # 0 keeps the spread along each axis, 1 gives all axes the same weight
_LONG_HISTORY = 50


class Meanings(NamedTuple):
    """Vectors of meaning along their principal axes, flattened and normalised."""

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

    def __init__(self, grams: TfidfMatrix, meanings: "Meanings | None") -> None:
        self._grams = grams
        self._meanings = meanings

    @classmethod
    def fit(cls, requests: Sequence[str], vectors: WordVectors | None) -> "RequestKernel":
        """Learn vocabularies and weights from ``requests``; meaning only where ``vectors`` are given.

        In a long history, grams of a single request are dropped: a new request's unseen grams do not count in its norm,
        so grams that no other request has must not count here, or fitted requests would look less similar than new.
        """
        documents = [_grams(request) for request in requests]
        grams = TfidfMatrix.fit(documents, min_documents=2 if len(documents) >= _LONG_HISTORY else 1)
        if vectors is None:
            return cls(grams, None)
        return cls(grams, Meanings.fit(np.stack([vectors.of(request) for request in requests])))

    @property
    def size(self) -> int:
        """Number of fitted requests."""
        return self._grams.size

    @property
    def by_meaning(self) -> bool:
        """Whether word vectors were used in fitting."""
        return self._meanings is not None

    def matrix(self) -> Floats:
        """Similarity of the fitted requests to each other, (n, n)."""
        by_words = self._grams.pairwise()
        return by_words if self._meanings is None else _mean(by_words, self._meanings.rows @ self._meanings.rows.T)

    def row(self, request: str) -> Floats:
        """Similarity of one new request to the fitted ones, (n,).

        Raises:
            SemanticsMissing: fitted with word vectors, which are not installed here.
        """
        by_words = self._grams.similarities(_grams(request))
        if self._meanings is None:
            return by_words
        return _mean(by_words, self._meanings.cosines(_required_vectors().of(request)))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to rebuild the kernel, as plain arrays."""
        return self._grams.arrays() | (self._meanings._asdict() if self._meanings is not None else {})

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "RequestKernel":
        """Inverse of `arrays`.

        Raises:
            SemanticsMissing: fitted with word vectors, which are not installed here.
        """
        grams = TfidfMatrix.from_arrays(arrays)
        if "rows" not in arrays:
            return cls(grams, None)
        _required_vectors()
        return cls(grams, Meanings(*(arrays[key].astype(np.float32) for key in Meanings._fields)))


def _required_vectors() -> WordVectors:
    vectors = installed_word_vectors()
    if vectors is None:
        raise SemanticsMissing("this predictor was trained with word vectors; install the extra 'semantic'")
    return vectors


def _grams(request: str) -> tuple[Grams, Grams]:
    tokens = words(request)
    return ngrams(tokens), position_grams(tokens)


def _mean(by_words: Floats, by_meaning: Floats) -> Floats:
    """Each of the two views by words has weight 1, and so has the view by meaning."""
    return np.asarray((2 * by_words + by_meaning) / np.float32(3), dtype=np.float32)


def _unit(rows: NDArray[np.floating]) -> Floats:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)
