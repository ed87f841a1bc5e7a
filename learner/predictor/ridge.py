"""Kernel ridge regression of many targets at once, with exact leave-one-out predictions for the price of one fit.

Leave-one-out of linear smoothers: y_i - f_{-i}(x_i) = alpha_i / (K + lambda I)^{-1}_{ii}
(Rifkin and Lippert, "Notes on Regularized Least Squares", 2007). The later stages train on these, so they see scores
of the same quality as on new requests.
"""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from learner.predictor.arrays import Floats

_NEAREST = 300
_NEAREST_FOR_PROFILE = 200  # fewer suffice: a profile is only compared with others
_BLOCK = 50  # rows of weights copied at a time: they stay in the CPU cache until they are summed
_NEGLIGIBLE = 0.05


class KernelRidge:
    """Scores of (n_targets,) for a row of kernel values; not bounded to 0..1."""

    def __init__(self, weights: Floats) -> None:
        self.weights = weights

    @classmethod
    def fit(cls, kernel: Floats, targets: NDArray[np.float64], penalty: float) -> tuple["KernelRidge", Floats]:
        """The model and its leave-one-out scores, (n, n_targets). Cubic in n: about 1.5 s at 2,400."""
        inverse = np.linalg.inv(kernel.astype(np.float64) + penalty * np.eye(len(kernel)))
        weights = inverse @ targets
        left_out = targets - weights / np.diag(inverse)[:, None]
        return cls(weights.astype(np.float32)), left_out.astype(np.float32)

    def scores(self, kernel_row: Floats, nearest: int = _NEAREST) -> Floats:
        """One score per target for one new request, from the ``nearest`` examples most similar to it.

        The squared kernel of the others is close to 0, and reading their weights takes most of the time.
        """
        if len(kernel_row) <= nearest:
            return np.asarray(kernel_row @ self.weights, dtype=np.float32)
        rows = np.sort(np.argpartition(kernel_row, -nearest)[-nearest:])
        out = np.zeros(self.weights.shape[1], dtype=np.float32)
        for block in np.split(rows, range(_BLOCK, nearest, _BLOCK)):
            out += kernel_row[block] @ self.weights[block]
        return out


class StackedRidge:
    """Two regressions: for the second, requests are also similar if the first scores their parts similarly.

    The scores of the first separate requests that share most words but not their plans, and join requests that share no
    words. Kernel of the second: ((similarity + profile cosine^2) / 2)^2; a profile is the first's scores of all parts.
    """

    def __init__(self, first: KernelRidge, profiles: sp.csr_matrix, second: KernelRidge) -> None:
        self.first = first
        self.profiles = profiles
        self.second = second

    @classmethod
    def fit(
        cls, similarity: Floats, targets: NDArray[np.float64], parts: slice, penalty: float
    ) -> tuple["StackedRidge", Floats]:
        """The model and its leave-one-out scores; ``parts`` are the targets that make up a profile."""
        first, left_out = KernelRidge.fit(similarity * similarity, targets[:, parts], penalty)
        profiles = sp.csr_matrix(_profile(left_out))
        kernel = _second_kernel(similarity, (profiles @ profiles.T).toarray())
        second, scores = KernelRidge.fit(kernel, targets, penalty)
        return cls(first, profiles, second), scores

    def scores(self, similarity: Floats) -> Floats:
        """One score per target for one new request, by its similarity to the fitted ones, (n,)."""
        profile = _profile(self.first.scores(similarity * similarity, _NEAREST_FOR_PROFILE))
        return self.second.scores(_second_kernel(similarity, self.profiles @ profile))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to rebuild the model, as plain arrays."""
        profiles = self.profiles.tocoo()
        return {
            "first": self.first.weights,
            "second": self.second.weights,
            "row": profiles.row,
            "column": profiles.col,
            "value": profiles.data,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "StackedRidge":
        """Inverse of `arrays`.

        Raises:
            ValueError: the arrays do not fit together.
        """
        first, second = arrays["first"].astype(np.float32), arrays["second"].astype(np.float32)
        if len(first) != len(second):
            raise ValueError("two regressions over different histories")
        profiles = sp.csr_matrix((arrays["value"], (arrays["row"], arrays["column"])), shape=first.shape)
        return cls(KernelRidge(first), profiles, KernelRidge(second))


def _profile(scores: Floats) -> Floats:
    """The scores that are not negligible, normalised."""
    kept = np.where(scores > _NEGLIGIBLE, scores, np.float32(0))
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    return np.asarray(kept / np.maximum(norms, 1e-9), dtype=np.float32)


def _second_kernel(similarity: Floats, cosine: Floats) -> Floats:
    mean = (similarity + cosine * cosine) / np.float32(2)
    return np.asarray(mean * mean, dtype=np.float32)
