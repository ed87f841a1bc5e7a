"""Kernel ridge regression of many targets at once, with exact leave-one-out predictions for the price of one fit.

Leave-one-out of linear smoothers: y_i - f_{-i}(x_i) = alpha_i / (K + lambda W^{-1})^{-1}_{ii}
(Rifkin and Lippert, "Notes on Regularized Least Squares", 2007). The later stages train on these, so they see scores
of the same quality as on new requests. A row is a distinct request, its target the mean over the w_i times it came, so
leaving a row out leaves out all repeats of the request: the others would give its plans away.

Targets that are equal in every row share one column of weights. Where plans hardly recur, most steps and edges occur in
one plan only, so that there are about as many distinct targets as plans.
"""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from learner.predictor.arrays import Columns, Floats

_NEAREST = 600
_NEAREST_FOR_PROFILE = 400  # fewer suffice: a profile is only compared with others
_BLOCK = 50  # rows of weights copied at a time: they stay in the CPU cache until they are summed
_NEGLIGIBLE = 0.05
_PENALTIES = (0.1, 0.2, 0.4, 1.0)
_VALIDATED = 500  # rows that a penalty is chosen on


class KernelRidge:
    """Scores of (n_targets,) for a row of kernel values; not bounded to 0..1."""

    def __init__(self, weights: Floats, spread: Floats | None = None, column: Columns | None = None) -> None:
        """Make a model.

        Args:
            weights: (n, distinct targets).
            spread: 1 / (K + lambda W^{-1})^{-1}_{ii} of each row, (n,); without it no row can be left out.
            column: of the weights, for each target, (n_targets,); None: every target has its own, in their order.

        Raises:
            ValueError: the arrays do not fit together.
        """
        self.weights = weights
        self.spread = np.zeros(len(weights), dtype=np.float32) if spread is None else spread
        self.column = np.arange(weights.shape[1]) if column is None else column
        self._total = weights.sum(axis=0)
        if len(self.spread) != len(weights):
            raise ValueError("a regression and the spread of another")
        if len(self.column) and not 0 <= self.column.min() <= self.column.max() < weights.shape[1]:
            raise ValueError("a target has no column of weights")

    @classmethod
    def fit(
        cls, kernel: Floats, targets: NDArray[np.float64], penalty: float, times: NDArray[np.float64] | None = None
    ) -> tuple["KernelRidge", Floats]:
        """The model and its leave-one-out scores, (n, n_targets). Cubic in n: about 1.5 s at 2,400.

        ``times``: how many observations each row is the mean of; None: one.
        """
        noise = penalty / (np.ones(len(kernel)) if times is None else times)
        inverse = np.linalg.inv(kernel.astype(np.float64) + np.diag(noise))
        column, first = _distinct(targets)
        weights = inverse @ targets[:, first]
        spread = 1 / np.diag(inverse)
        left_out = (targets[:, first] - weights * spread[:, None]).astype(np.float32)
        return cls(weights.astype(np.float32), spread.astype(np.float32), column), left_out[:, column]

    def left_out(self, row: int, target: NDArray[np.float64]) -> Floats:
        """The scores of a fitted row by all others, given its target, (n_targets,)."""
        return np.asarray(target - (self.weights[row] * self.spread[row])[self.column], dtype=np.float32)

    def scores(self, kernel_row: Floats, nearest: int = _NEAREST) -> Floats:
        """One score per target for one new request, from the ``nearest`` examples most similar to it.

        The others count with their mean kernel: it is close to 0, and reading their weights takes most of the time.
        With too few, scores differ from the exact ones, which the later stages learned from.
        """
        if len(kernel_row) <= nearest:
            return np.asarray((kernel_row @ self.weights)[self.column], dtype=np.float32)
        order = np.argpartition(kernel_row, -nearest)
        rows, mean = np.sort(order[-nearest:]), kernel_row[order[:-nearest]].mean()
        out = mean * self._total
        for block in np.split(rows, range(_BLOCK, nearest, _BLOCK)):
            out += (kernel_row[block] - mean) @ self.weights[block]
        return np.asarray(out[self.column], dtype=np.float32)


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
            "first_column": self.first.column,
            "second": self.second.weights,
            "second_column": self.second.column,
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
        first = KernelRidge(arrays["first"].astype(np.float32), column=_of_targets(arrays.get("first_column")))
        # Format 4 has no spread, and nothing asks for it there. Up to format 7, every target has weights of its own.
        spread = arrays["spread"].astype(np.float32) if "spread" in arrays else None
        second = KernelRidge(arrays["second"].astype(np.float32), spread, _of_targets(arrays.get("second_column")))
        if len(first.weights) != len(second.weights):
            raise ValueError("two regressions over different histories")
        shape = len(first.weights), len(first.column)
        return cls(first, sp.csr_matrix((arrays["value"], (arrays["row"], arrays["column"])), shape=shape), second)


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


def _distinct(targets: NDArray[np.float64]) -> tuple[Columns, Columns]:
    """For each target, the number of the distinct one that it equals; and where each distinct one occurs first."""
    number: dict[bytes, int] = {}
    first: list[int] = []
    column = np.empty(targets.shape[1], dtype=int)
    for at, target in enumerate(np.ascontiguousarray(targets.T)):
        column[at] = number.setdefault(target.tobytes(), len(number))
        if column[at] == len(first):
            first.append(at)
    return column, np.array(first, dtype=int)


def _of_targets(column: NDArray[np.generic] | None) -> Columns | None:
    return None if column is None else column.astype(int)


def _profile(scores: Floats) -> Floats:
    """The scores that are not negligible, normalised."""
    kept = np.where(scores > _NEGLIGIBLE, scores, np.float32(0))
    norms = np.linalg.norm(kept, axis=-1, keepdims=True)
    return np.asarray(kept / np.maximum(norms, 1e-9), dtype=np.float32)


def _second_kernel(similarity: Floats, cosine: Floats) -> Floats:
    mean = (similarity + cosine * cosine) / np.float32(2)
    return np.asarray(mean * mean, dtype=np.float32)
