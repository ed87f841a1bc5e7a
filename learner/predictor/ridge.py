"""Kernel ridge regression of many targets at once, with exact leave-one-out predictions for the price of one fit.

Leave-one-out of linear smoothers: y_i - f_{-i}(x_i) = alpha_i / (K + lambda W^{-1})^{-1}_{ii}
(Rifkin and Lippert, "Notes on Regularized Least Squares", 2007). The later stages train on these, so they see scores
of the same quality as on new requests. A row is a distinct request, its target the mean over the w_i times it came, so
leaving a row out leaves out all repeats of the request: the others would give its plans away.
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
_PENALTIES = (0.1, 0.2, 0.4, 1.0)
_VALIDATED = 500  # rows that a penalty is chosen on


class KernelRidge:
    """Scores of (n_targets,) for a row of kernel values; not bounded to 0..1."""

    def __init__(self, weights: Floats, spread: Floats | None = None) -> None:
        """``spread``: 1 / (K + lambda W^{-1})^{-1}_{ii} of each row, (n,); without it no row can be left out."""
        self.weights = weights
        self.spread = np.zeros(len(weights), dtype=np.float32) if spread is None else spread

    @classmethod
    def fit(
        cls, kernel: Floats, targets: NDArray[np.float64], penalty: float, times: NDArray[np.float64] | None = None
    ) -> tuple["KernelRidge", Floats]:
        """The model and its leave-one-out scores, (n, n_targets). Cubic in n: about 1.5 s at 2,400.

        ``times``: how many observations each row is the mean of; None: one.
        """
        noise = penalty / (np.ones(len(kernel)) if times is None else times)
        inverse = np.linalg.inv(kernel.astype(np.float64) + np.diag(noise))
        weights = inverse @ targets
        spread = 1 / np.diag(inverse)
        left_out = targets - weights * spread[:, None]
        return cls(weights.astype(np.float32), spread.astype(np.float32)), left_out.astype(np.float32)

    def left_out(self, row: int, target: NDArray[np.float64]) -> Floats:
        """The scores of a fitted row by all others, given its target, (n_targets,)."""
        return np.asarray(target - self.weights[row] * self.spread[row], dtype=np.float32)

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
        cls,
        similarity: Floats,
        targets: NDArray[np.float64],
        parts: slice,
        penalty: float,
        times: NDArray[np.float64] | None = None,
    ) -> tuple["StackedRidge", Floats]:
        """The model and its leave-one-out scores; ``parts`` are the targets that make up a profile."""
        first, left_out = KernelRidge.fit(similarity * similarity, targets[:, parts], penalty, times)
        profiles = sp.csr_matrix(_profile(left_out))
        kernel = _second_kernel(similarity, (profiles @ profiles.T).toarray())
        second, scores = KernelRidge.fit(kernel, targets, penalty, times)
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
            "spread": self.second.spread,
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
        # Format 4 has no spread, and nothing asks for it there.
        spread = arrays["spread"].astype(np.float32) if "spread" in arrays else None
        if spread is not None and len(spread) != len(second):
            raise ValueError("a regression and the spread of another")
        return cls(KernelRidge(first), profiles, KernelRidge(second, spread))


def best_penalty(
    similarity: Floats, targets: NDArray[np.float64], parts: slice, times: NDArray[np.float64], seed: int
) -> float:
    """The penalty with the smallest squared leave-one-out error on a sample of the rows.

    Too small a penalty fits the noise of a planner that answers like requests differently.
    """
    rows = np.arange(len(similarity))
    if len(rows) > _VALIDATED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _VALIDATED, replace=False))
    sample, wanted, counts = similarity[np.ix_(rows, rows)], targets[rows], times[rows]

    def error(penalty: float) -> float:
        _, left_out = StackedRidge.fit(sample, wanted, parts, penalty, counts)
        return float((counts[:, None] * np.square(left_out.clip(0, 1) - wanted)).sum())

    return min(_PENALTIES, key=error)


def _profile(scores: Floats) -> Floats:
    """The scores that are not negligible, normalised."""
    kept = np.where(scores > _NEGLIGIBLE, scores, np.float32(0))
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    return np.asarray(kept / np.maximum(norms, 1e-9), dtype=np.float32)


def _second_kernel(similarity: Floats, cosine: Floats) -> Floats:
    mean = (similarity + cosine * cosine) / np.float32(2)
    return np.asarray(mean * mean, dtype=np.float32)
