"""Which tools a request speaks of, and where, by the words of the catalog alone.

This is all there is before the first outcome, and the only word on tools that no past plan has used.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from learner.predictor.example import ToolText
from learner.predictor.tokens import name_words, plain_words, words
from learner.predictor.vectors import Floats

_WORDS = "the a an of to in on at for and is my me i it be that this with from by as or tool api"
_DROPPED = frozenset([*_WORDS.split(), *",.;!?"])


class CatalogText:
    """TF-IDF of tool names and descriptions, scored against requests and their clauses."""

    def __init__(self, catalog: Sequence[ToolText]) -> None:
        self.catalog = tuple(catalog)
        # Lower case: catalogs write titles, and a masked name would be lost.
        texts = [_content(words(described(tool).lower())) for tool in self.catalog]
        vocabulary = list(dict.fromkeys(word for text in texts for word in text))
        self._column = {word: column for column, word in enumerate(vocabulary)}
        dense = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
        for row, text in enumerate(texts):
            dense[row, [self._column[word] for word in text]] = 1.0
        self._idf = (np.log((1 + len(texts)) / (1 + dense.sum(axis=0))) + 1).astype(np.float32)
        dense *= self._idf
        dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
        self._weights = np.ascontiguousarray((dense * dense).T)  # (words, tools)

    def evidence(self, request: str) -> tuple[Floats, Floats]:
        """Per tool: strength 0..1 (share of its text's weight met in the request) and mean place 0..1 of the words."""
        tokens = words(request)
        first: dict[int, float] = {}
        for index, token in enumerate(tokens):
            column = self._column.get(token)
            if column is not None and token not in _DROPPED:
                first.setdefault(column, index / len(tokens))
        if not first:
            empty = np.zeros(len(self.catalog), dtype=np.float32)
            return empty, empty
        columns = np.array(list(first), dtype=np.int32)
        weights = self._weights[columns]
        places = np.array(list(first.values()), dtype=np.float32)
        total = weights.sum(axis=0)
        return np.sqrt(total), np.where(total > 0, (places @ weights) / np.maximum(total, 1e-9), np.float32(0.5))

    def strengths(self, clauses: Sequence[str]) -> Floats:
        """Of each clause per tool, (clauses, tools): the share of the tool's weight met in it."""
        met = [{self._column[word] for word in plain_words(clause) if word in self._column} for clause in clauses]
        columns = np.array([column for of_clause in met for column in of_clause], dtype=np.int32)
        says = np.zeros((len(clauses), len(columns)), dtype=np.float32)
        says[np.repeat(np.arange(len(met)), [len(of_clause) for of_clause in met]), np.arange(len(columns))] = 1.0
        return np.asarray(np.sqrt(says @ self._weights[columns]), dtype=np.float32)


def described(tool: ToolText) -> str:
    """A tool in words."""
    return f"{name_words(tool.name)}. {tool.description}"


def _content(tokens: Iterable[str]) -> list[str]:
    return [word for word in tokens if word not in _DROPPED]
