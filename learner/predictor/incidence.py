"""Which of the labels each candidate plan has."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Columns, Floats

_NOTHING = np.float32(1e5)


class Incidence:
    """Which label each candidate has, (candidates, labels)."""

    def __init__(self, label_lists: Sequence[list[int]]) -> None:
        sizes = [len(labels) for labels in label_lists]
        flat = np.fromiter(chain.from_iterable(label_lists), dtype=int, count=sum(sizes))
        self.labels: Columns = np.array(sorted(set(flat.tolist())), dtype=int)
        self.has = np.zeros((len(label_lists), len(self.labels)), dtype=np.float32)
        self.has[np.repeat(np.arange(len(sizes)), sizes), np.searchsorted(self.labels, flat)] = 1.0
        self.size = self.has.sum(axis=1)
        self._mask = self.has > 0

    def only(self, kept: NDArray[np.bool_]) -> "Incidence":
        """The same candidates with some of the labels."""
        part = Incidence([])
        part.labels, part.has, part._mask = self.labels[kept], self.has[:, kept], self._mask[:, kept]
        part.size = part.has.sum(axis=1)
        return part

    def f1(self) -> Floats:
        """F1 of each candidate against each other one."""
        total = self.size[:, None] + self.size[None, :]
        both_empty = total == 0
        shared = self.has @ self.has.T
        return np.asarray(np.where(both_empty, 1.0, 2 * shared / np.where(both_empty, 1.0, total)), dtype=np.float32)

    def f1_with(self, labels: Sequence[int]) -> Floats:
        """F1 of each candidate against a set of labels."""
        total = self.size + len(labels)
        shared = self.has[:, np.isin(self.labels, labels)].sum(axis=1)
        return np.asarray(np.where(total == 0, 1.0, 2 * shared / np.maximum(total, 1)), dtype=np.float32)

    def least(self, values: Floats) -> Floats:
        """Smallest of the values a candidate has; where it has none, a large number that a tree can split off.

        Values are those of the labels, or of the labels of each candidate.
        """
        return np.asarray(np.where(self._mask, values, _NOTHING).min(axis=1, initial=_NOTHING), dtype=np.float32)

    def most_left_out(self, values: Floats) -> Floats:
        """Largest of the values a candidate lacks; 0 where it has all."""
        return np.asarray(np.where(self._mask, np.float32(0), values).max(axis=1, initial=0.0), dtype=np.float32)
