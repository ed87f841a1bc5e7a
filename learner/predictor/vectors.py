"""Sparse TF-IDF vectors of requests, and the cosine of a new request to every one of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from learner.predictor.tokens import Grams

Floats = NDArray[np.float32]
_LONG_HISTORY = 50
_COMMON_SHARE = 0.04


class GramSpace:
    """Unit vectors over the grams of a history; smoothed idf: ln((1 + n) / (1 + df)) + 1."""

    def __init__(self, grams: Sequence[str], idf: Floats, rows: sp.csr_matrix) -> None:
        self._column = {gram: column for column, gram in enumerate(grams)}
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
    def fit(cls, documents: Sequence[Grams]) -> "GramSpace":
        """Columns in order of first appearance, so that the same history gives the same space.

        Of a long history, grams of a single document are dropped: a new request's unknown grams do not count in its
        norm, so those that no other document has must not count here: fitted documents would look less alike than new.
        """
        occurrence = Counter(gram for document in documents for gram in document)
        least = 2 if len(documents) >= _LONG_HISTORY else 1
        column = {gram: index for index, gram in enumerate(g for g, n in occurrence.items() if n >= least)}
        documents = [{gram: v for gram, v in document.items() if gram in column} for document in documents]
        counts = [len(document) for document in documents]
        indices = np.array([column[g] for d in documents for g in d], dtype=np.int32)
        data = np.array([v for d in documents for v in d.values()], dtype=np.float32)
        frequency = np.bincount(indices, minlength=len(column)) if len(indices) else np.zeros(len(column))
        idf = (np.log((1 + len(documents)) / (1 + frequency)) + 1).astype(np.float32)
        data *= idf[indices] if len(indices) else 1.0
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        rows = sp.csr_matrix((data, indices, indptr), shape=(len(documents), len(column)), dtype=np.float32)
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        rows = sp.csr_matrix(sp.diags(1 / np.maximum(norms, 1e-9).astype(np.float32)) @ rows, dtype=np.float32)
        return cls(list(column), idf, rows)

    @property
    def size(self) -> int:
        """Number of fitted documents."""
        return int(self._rows.shape[0])

    def gram_matrix(self) -> Floats:
        """Cosines among the fitted documents, (n, n)."""
        return np.asarray((self._rows @ self._columns).toarray(), dtype=np.float32)

    def cosines(self, document: Grams) -> Floats:
        """Cosine of a new document to each fitted one, (n,). Grams never seen count in no norm."""
        known = [(self._column[gram], value) for gram, value in document.items() if gram in self._column]
        if not known:
            return np.zeros(self._rows.shape[0], dtype=np.float32)
        columns = np.array([c for c, _ in known], dtype=np.int32)
        values = np.array([v for _, v in known], dtype=np.float32) * self._idf[columns]
        values /= np.linalg.norm(values)
        dense = self._dense_row[columns]
        common = values[dense >= 0] @ self._dense[dense[dense >= 0]]
        return np.asarray(common + self._rare(columns[dense < 0], values[dense < 0]), dtype=np.float32)

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
        return cls([str(gram) for gram in arrays["grams"]], arrays["idf"].astype(np.float32), rows)
