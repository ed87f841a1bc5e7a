"""TF-IDF vectors of a corpus and the cosine similarity of a new document to each of them.

`TfidfMatrix` holds a fixed corpus. `TfidfIndex` holds texts that come and go, and fits a matrix when it is asked.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from planners.text.tokens import plain_words

Document = Sequence[Mapping[str, float]]
Key = TypeVar("Key", bound=Hashable)
_Floats = NDArray[np.float32]
_Entries = tuple[NDArray[np.int32], _Floats]  # columns and weights of one document

_COMMON_SHARE = 0.1
_MOST_DENSE = 2_000_000  # entries of a corpus whose squares are kept as a dense matrix
# Distinct words read of one text in a `TfidfIndex`: bounds the cost of fitting it, whatever is added.
_MOST_WORDS = 128


class TfidfMatrix:
    """Immutable TF-IDF vectors; smoothed idf: ln((1 + n) / (1 + df)) + 1, as in scikit-learn.

    A document is a sequence of views of one text. Each view maps grams to weights, and no two views share a gram. Each
    view is normalised on its own, so the similarity of two documents is the mean of the cosines of their views.
    """

    def __init__(self, grams: Iterable[str], view: NDArray[np.int32], idf: _Floats, rows: sp.csr_matrix) -> None:
        self._column = {gram: column for column, gram in enumerate(grams)}
        self._view = view  # of each column
        self._idf = idf
        self._rows = rows
        self._columns: sp.csr_matrix = rows.T.tocsr()
        # Common grams are dense rows, rare ones sparse: each is then summed in the way that is faster for it.
        self._documents = np.diff(self._columns.indptr)
        common = np.flatnonzero(self._documents > _COMMON_SHARE * rows.shape[0])
        self._dense_row = np.full(len(self._column), -1)
        self._dense_row[common] = np.arange(len(common))
        self._dense: _Floats = self._columns[common].toarray().astype(np.float32)

    @classmethod
    def fit(cls, documents: Sequence[Document], *, min_documents: int = 1) -> "TfidfMatrix":
        """Vectors of the documents, without grams that fewer than ``min_documents`` have.

        Columns are in order of first appearance, so the same corpus gives the same matrix.
        """
        vocabulary = _Vocabulary()
        entries = [vocabulary.encode(document) for document in documents]
        return cls._weighted(vocabulary, entries, min_documents)[0]

    @classmethod
    def _weighted(
        cls, vocabulary: "_Vocabulary", entries: Sequence[_Entries], min_documents: int
    ) -> tuple["TfidfMatrix", NDArray[np.int64]]:
        """The matrix, and the columns of the vocabulary that it kept."""
        n, views = len(entries), vocabulary.views
        row = np.repeat(np.arange(n), [len(columns) for columns, _ in entries])
        column = np.concatenate([np.zeros(0, dtype=np.int32), *(columns for columns, _ in entries)])
        weight = np.concatenate([np.zeros(0, dtype=np.float32), *(weights for _, weights in entries)]).astype(float)
        frequency = np.bincount(column, minlength=len(vocabulary))
        kept = np.flatnonzero(frequency >= min_documents)
        position = np.full(len(vocabulary), -1)
        position[kept] = np.arange(len(kept))
        is_kept = position[column] >= 0
        row, column, weight = row[is_kept], position[column[is_kept]], weight[is_kept]
        view = np.array(vocabulary.view, dtype=np.int32)[kept]
        idf = np.log((1 + n) / (1 + frequency[kept])) + 1
        weight = weight * idf[column]
        squares = np.bincount(row * views + view[column], weight * weight, n * views)
        weight /= np.sqrt(views * np.maximum(squares, 1e-9))[row * views + view[column]]
        starts = np.searchsorted(row, np.arange(n + 1))
        rows = sp.csr_matrix((weight.astype(np.float32), column.astype(np.int32), starts), shape=(n, len(kept)))
        rows.sort_indices()
        grams = list(vocabulary.column)
        return cls((grams[at] for at in kept.tolist()), view, idf.astype(np.float32), rows), kept

    @property
    def size(self) -> int:
        """Number of documents."""
        return int(self._rows.shape[0])

    def pairwise(self) -> _Floats:
        """Similarity of the documents to each other, (n, n)."""
        return np.asarray((self._rows @ self._columns).toarray(), dtype=np.float32)

    def similarities(self, document: Document, *, count_unseen: bool = False) -> _Floats:
        """Similarity of a new document to each one of the corpus, (n,).

        Grams outside the corpus count in the norm of the new document only with ``count_unseen``.
        """
        found = [self._column.get(gram, -1) for grams in document for gram in grams]
        all_columns = np.array(found, dtype=np.int32)
        is_known = all_columns >= 0
        columns = all_columns[is_known]
        if not len(columns):
            return np.zeros(self.size, dtype=np.float32)
        given = np.array([weight for grams in document for weight in grams.values()], dtype=np.float32)
        weights = given[is_known] * self._idf[columns]
        view_of = self._view[columns]
        squares = np.bincount(view_of, weights * weights, len(document))
        if count_unseen:
            squares += np.array([self._unseen(grams) for grams in document]) * (np.log(1 + self.size) + 1) ** 2
        weights /= np.sqrt(len(document) * np.maximum(squares, 1e-9)).astype(np.float32)[view_of]
        dense = self._dense_row[columns]
        is_rare = dense < 0
        common = weights[~is_rare] @ self._dense[dense[~is_rare]]
        return np.asarray(common + self._rare(columns[is_rare], weights[is_rare]), dtype=np.float32)

    def _unseen(self, grams: Mapping[str, float]) -> float:
        return sum(weight * weight for gram, weight in grams.items() if gram not in self._column)

    def coverage(self, queries: Sequence[Mapping[str, float]]) -> _Floats:
        """Sum of value times squared weight over a query's grams, per query and document, (queries, n).

        With values of 1 this is the share of the document's squared norm that the query's grams make up.
        """
        if (dense := self._dense_squares) is not None:
            return self._dense_coverage(queries, dense)
        known = [
            (row, column, value)
            for row, query in enumerate(queries)
            for gram, value in query.items()
            if (column := self._column.get(gram)) is not None
        ]
        row, columns, values = np.array(known, dtype=np.float64).reshape(-1, 3).T
        shape = (len(queries), len(self._column))
        asked = sp.csr_matrix((values.astype(np.float32), (row.astype(int), columns.astype(int))), shape=shape)
        return np.asarray((asked @ self._squares).toarray(), dtype=np.float32)

    def _dense_coverage(self, queries: Sequence[Mapping[str, float]], squares: _Floats) -> _Floats:
        out = np.zeros((len(queries), self.size), dtype=np.float32)
        for row, query in enumerate(queries):
            known = [(column, value) for gram, value in query.items() if (column := self._column.get(gram)) is not None]
            if known:
                columns, values = zip(*known, strict=True)
                out[row] = np.array(values, dtype=np.float32) @ squares[list(columns)]
        return out

    @cached_property
    def _squares(self) -> sp.csr_matrix:
        return self._columns.multiply(self._columns).tocsr()

    @cached_property
    def _dense_squares(self) -> _Floats | None:
        """The squares of a small corpus: scipy spends more on a product of few rows than numpy on the sums."""
        if self._rows.shape[0] * self._rows.shape[1] > _MOST_DENSE:
            return None
        return np.asarray(self._squares.toarray(), dtype=np.float32)

    def _rare(self, columns: NDArray[np.int32], weights: _Floats) -> NDArray[np.float64]:
        """The product of one sparse row by hand: scipy spends more on building its result than on the sum."""
        start, counts = self._columns.indptr[columns], self._documents[columns]
        before = np.cumsum(counts) - counts
        entry = np.repeat(start - before, counts) + np.arange(counts.sum())
        products = np.repeat(weights, counts) * self._columns.data[entry]
        sums = np.bincount(self._columns.indices[entry], weights=products, minlength=self.size)
        return np.asarray(sums, dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to rebuild the matrix, as plain arrays."""
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
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "TfidfMatrix":
        """Inverse of `arrays`.

        Raises:
            ValueError: the arrays do not fit together.
        """
        shape = (len(arrays["indptr"]) - 1, len(arrays["grams"]))
        rows = sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
        rows.check_format()
        view, idf = arrays["view"].astype(np.int32), arrays["idf"].astype(np.float32)
        return cls([str(gram) for gram in arrays["grams"]], view, idf, rows)


class TfidfIndex(Generic[Key]):
    """Texts by key, compared by their plain words. Not thread-safe.

    The first question after a change fits the matrix anew: about 2 ms for 2,000 texts of 15 words. Of each text the
    first 128 distinct words are read.
    """

    def __init__(self) -> None:
        self._vocabulary = _Vocabulary()
        self._entries: dict[Key, _Entries] = {}
        self._fitted: tuple[list[Key], TfidfMatrix] | None = None

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def add(self, key: Key, text: str) -> None:
        """Add a text, or replace it."""
        self._entries[key] = self._vocabulary.encode([_counted(text)])
        self._fitted = None

    def drop(self, key: Key) -> None:
        """Remove a text, if it is there."""
        if self._entries.pop(key, None) is not None:
            self._fitted = None

    def prepare(self) -> None:
        """Fit the matrix now if a question would have to; it need not be fitted where there are no texts."""
        if self._entries and self._fitted is None:
            self._fit()

    def nearest(self, text: str, k: int = 1) -> list[tuple[Key, float]]:
        """At most ``k`` keys with their cosine in 0..1, the most similar first; ties go to the older one."""
        keys, matrix = self._fitted or self._fit()
        if not keys:
            return []
        scores = matrix.similarities([_counted(text)], count_unseen=True)
        # To sort 1,700 texts takes half of the time of a question for one.
        best = np.argsort(-scores, kind="stable")[:k] if k > 1 else np.array([scores.argmax()])
        return [(keys[at], float(scores[at])) for at in best.tolist() if scores[at] > 0]

    def _fit(self) -> tuple[list[Key], TfidfMatrix]:
        matrix, kept = TfidfMatrix._weighted(self._vocabulary, list(self._entries.values()), 1)  # noqa: SLF001 - one module
        if len(self._vocabulary) > 2 * len(kept) + 1000:
            self._forget_unused(kept)
        self._fitted = list(self._entries), matrix
        return self._fitted

    def _forget_unused(self, used: NDArray[np.int64]) -> None:
        """Words that only dropped texts had would otherwise pile up."""
        position = np.zeros(len(self._vocabulary), dtype=np.int32)
        position[used] = np.arange(len(used))
        self._vocabulary = self._vocabulary.of(used.tolist())
        self._entries = {key: (position[columns], weights) for key, (columns, weights) in self._entries.items()}


class _Vocabulary:
    """A column for each gram, in order of first appearance, and the view it belongs to."""

    def __init__(self) -> None:
        self.column: dict[str, int] = {}
        self.view: list[int] = []
        self.views = 1

    def __len__(self) -> int:
        return len(self.column)

    def encode(self, document: Document) -> _Entries:
        columns: list[int] = []
        self.views = max(self.views, len(document))
        for view, grams in enumerate(document):
            for gram in grams:
                column = self.column.setdefault(gram, len(self.column))
                if column == len(self.view):
                    self.view.append(view)
                columns.append(column)
        weights = [weight for grams in document for weight in grams.values()]
        return np.array(columns, dtype=np.int32), np.array(weights, dtype=np.float32)

    def of(self, columns: Sequence[int]) -> "_Vocabulary":
        """The vocabulary of some of the columns, numbered anew."""
        grams, part = list(self.column), _Vocabulary()
        part.column = {grams[column]: at for at, column in enumerate(columns)}
        part.view = [self.view[column] for column in columns]
        part.views = self.views
        return part


def _counted(text: str) -> Mapping[str, float]:
    counts = Counter(plain_words(text.lower()))
    return {word: float(count) for word, count in islice(counts.items(), _MOST_WORDS)}
