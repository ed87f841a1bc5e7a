"""Sparse TF-IDF vectors of requests, and the likeness of a new request to every one of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from learner.predictor.tokens import Grams

Floats = NDArray[np.float32]
_LONG_HISTORY = 50
_COMMON_SHARE = 0.1


class GramSpace:
    """Vectors over the grams of a history; smoothed idf: ln((1 + n) / (1 + df)) + 1.

    A document is a few views of one text, each a vector of grams of its own; its norm is one in each of them, so that
    the likeness of two documents is the mean of the cosines of their views.
    """

    def __init__(self, grams: Sequence[str], view: NDArray[np.int32], idf: Floats, rows: sp.csr_matrix) -> None:
        self._column = {gram: column for column, gram in enumerate(grams)}
        self._view = view  # of each column
        self._idf = idf
        self._rows = rows
        self._columns: sp.csr_matrix = rows.T.tocsr()
        # Common grams are dense rows, rare ones sparse: each is then summed in the way that is faster for it.
        self._documents = np.diff(self._columns.indptr)
        common = np.flatnonzero(self._documents > _COMMON_SHARE * rows.shape[0])
        self._dense_row = np.full(len(grams), -1)
        self._dense_row[common] = np.arange(len(common))
        self._dense: Floats = self._columns[common].toarray().astype(np.float32)

    @classmethod
    def fit(cls, documents: Sequence[Sequence[Grams]]) -> "GramSpace":
        """Columns in order of first appearance, so that the same history gives the same space.

        Of a long history, grams of a single document are dropped: a new request's unknown grams do not count in its
        norm, so those that no other document has must not count here: fitted documents would look less alike than new.
        """
        occurrence = Counter(
            (gram, view) for document in documents for view, grams in enumerate(document) for gram in grams
        )
        least = 2 if len(documents) >= _LONG_HISTORY else 1
        kept = [key for key, n in occurrence.items() if n >= least]
        column = {gram: index for index, (gram, _) in enumerate(kept)}
        view = np.array([view for _, view in kept], dtype=np.int32)
        entries = [
            (row, column[gram], value)
            for row, document in enumerate(documents)
            for grams in document
            for gram, value in grams.items()
            if gram in column
        ]
        row, indices, data = np.array(entries, dtype=np.float64).reshape(-1, 3).T
        row, indices = row.astype(np.int32), indices.astype(np.int32)
        idf = np.log((1 + len(documents)) / (1 + np.bincount(indices, minlength=len(column)))) + 1
        data = data * idf[indices]
        views = len(documents[0])
        squares = np.bincount(row * views + view[indices], data * data, len(documents) * views)
        data /= np.sqrt(views * np.maximum(squares, 1e-9))[row * views + view[indices]]
        rows = sp.csr_matrix((data.astype(np.float32), (row, indices)), shape=(len(documents), len(column)))
        return cls(list(column), view, idf.astype(np.float32), rows)

    @property
    def size(self) -> int:
        """Number of fitted documents."""
        return int(self._rows.shape[0])

    def gram_matrix(self) -> Floats:
        """Likeness among the fitted documents, (n, n)."""
        return np.asarray((self._rows @ self._columns).toarray(), dtype=np.float32)

    def likeness(self, document: Sequence[Grams]) -> Floats:
        """Of a new document to each fitted one, (n,). Grams never seen count in no norm."""
        known = [
            (column, value)
            for grams in document
            for gram, value in grams.items()
            if (column := self._column.get(gram)) is not None
        ]
        if not known:
            return np.zeros(self._rows.shape[0], dtype=np.float32)
        columns = np.array([c for c, _ in known], dtype=np.int32)
        values = np.array([v for _, v in known], dtype=np.float32) * self._idf[columns]
        view = self._view[columns]
        squares = np.maximum(np.bincount(view, values * values), 1e-9)
        values /= np.sqrt(len(document) * squares).astype(np.float32)[view]
        dense = self._dense_row[columns]
        is_rare = dense < 0
        common = values[~is_rare] @ self._dense[dense[~is_rare]]
        return np.asarray(common + self._rare(columns[is_rare], values[is_rare]), dtype=np.float32)

    def _rare(self, columns: NDArray[np.int32], values: Floats) -> NDArray[np.float64]:
        """The product of one sparse row by hand: scipy spends more on building its result than on the sum."""
        start, counts = self._columns.indptr[columns], self._documents[columns]
        before = np.cumsum(counts) - counts
        entry = np.repeat(start - before, counts) + np.arange(counts.sum())
        weights = np.repeat(values, counts) * self._columns.data[entry]
        sums = np.bincount(self._columns.indices[entry], weights=weights, minlength=self._rows.shape[0])
        return np.asarray(sums, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to build it again, as plain arrays."""
        rows = self._rows
        return {
            "grams": np.array(list(self._column), dtype=np.str_),
            "view": self._view,
            "idf": self._idf,
            "data": rows.data,
            "indices": rows.indices,
            "indptr": rows.indptr,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> "GramSpace":
        """Inverse of `arrays`."""
        shape = (len(arrays["indptr"]) - 1, len(arrays["grams"]))
        rows = sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
        rows.check_format()
        view, idf = arrays["view"].astype(np.int32), arrays["idf"].astype(np.float32)
        return cls([str(gram) for gram in arrays["grams"]], view, idf, rows)
