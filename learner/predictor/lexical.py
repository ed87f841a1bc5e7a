"""Which tools a request speaks of, and where, by the words of the catalog alone.

This is all there is before the first outcome, and the only word on tools that no past plan has used.
"""

import re
from collections.abc import Sequence

import numpy as np

from learner.predictor.example import GuessedPlan, ToolText
from learner.predictor.tokens import name_words, words
from learner.predictor.vectors import Floats

_WORDS = "the a an of to in on at for and is my me i it be that this with from by as or tool api"
_DROPPED = frozenset([*_WORDS.split(), *",.;!?"])
_BREAK = re.compile(r"[.;!?]\s|,\s|\b(?:and|then|also|after that|finally|before)\b")
_LEAST_STRENGTH = 0.5  # priors: what a match is worth before any outcome has said so
_PRIOR = 0.6
_MOST_STEPS = 4


class CatalogText:
    """TF-IDF of tool names and descriptions, scored against requests and their clauses."""

    def __init__(self, catalog: Sequence[ToolText]) -> None:
        self.catalog = tuple(catalog)
        texts = [_content(f"{name_words(tool.name)}. {tool.description}") for tool in self.catalog]
        vocabulary = list(dict.fromkeys(word for text in texts for word in text))
        self._column = {word: column for column, word in enumerate(vocabulary)}
        dense = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
        for row, text in enumerate(texts):
            dense[row, [self._column[word] for word in text]] = 1.0
        self._idf = (np.log((1 + len(texts)) / (1 + dense.sum(axis=0))) + 1).astype(np.float32)
        dense *= self._idf
        dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
        self._by_word = np.ascontiguousarray(dense.T)

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
        met = self._by_word[columns]
        places = np.array(list(first.values()), dtype=np.float32)
        weights = met * met
        total = weights.sum(axis=0)
        return np.sqrt(total), np.where(total > 0, (places @ weights) / np.maximum(total, 1e-9), np.float32(0.5))


def _content(text: str) -> list[str]:
    # Lower case: catalogs write titles, and a masked name would be lost.
    return [word for word in words(text.lower()) if word not in _DROPPED]


def guess_from_words(text: CatalogText, request: str) -> list[GuessedPlan]:
    """One guess: the tool each clause of the request speaks of most, in the order of the clauses."""
    found: dict[int, float] = {}
    for clause in _clauses(request):
        strength, _ = text.evidence(clause)
        if not len(strength):
            continue
        best = int(strength.argmax())
        if strength[best] >= _LEAST_STRENGTH:
            found[best] = max(found.get(best, 0.0), float(strength[best]))
    steps = [tool for tool, _ in sorted(found.items(), key=lambda pair: -pair[1])[:_MOST_STEPS]]
    steps = [tool for tool in found if tool in steps]
    if not steps:
        return []
    edges = _edges([text.catalog[tool] for tool in steps])
    probability = [_PRIOR * found[tool] for tool in steps]
    linked = tuple(0.5 * min(probability[i], probability[j]) for i, j in edges)
    whole = float(np.prod(probability) * np.prod(linked)) if linked else float(np.prod(probability))
    names = tuple(text.catalog[tool].name for tool in steps)
    return [GuessedPlan(names, edges, tuple(probability), linked, whole)]


def _edges(tools: list[ToolText]) -> tuple[tuple[int, int], ...]:
    """By schema where all declare one (an output of the one is an input of the other); else one after another."""
    if not all(tool.inputs or tool.outputs for tool in tools):
        return tuple((i, i + 1) for i in range(len(tools) - 1))
    joined = [(i, j) for j in range(len(tools)) for i in range(j) if set(tools[i].outputs) & set(tools[j].inputs)]
    return tuple(joined)


def _clauses(request: str) -> list[str]:
    return [clause for clause in _BREAK.split(request) if clause.strip()]
