"""Which tools a request speaks of, and where, by the words of the catalog alone.

This is all there is before the first outcome, and the only word on tools that no past plan has used.
"""

import math
import re
from collections.abc import Sequence

import numpy as np

from learner.predictor.example import GuessedPlan, ToolText
from learner.predictor.semantics import WordVectors
from learner.predictor.tokens import name_words, words
from learner.predictor.vectors import Floats

_WORDS = "the a an of to in on at for and is my me i it be that this with from by as or tool api"
_DROPPED = frozenset([*_WORDS.split(), *",.;!?"])
_BREAK = re.compile(r"[.;!?]\s|,\s|\b(?:and|then|also|after that|finally|before)\b")
# Priors: what a match is worth before any outcome has said so.
_LEAST_STRENGTH = 0.5
_LEAST_BLEND = 0.4
_MEANING = 0.7
_PRIOR = 0.8
_LINK_PRIOR = 0.5
_MOST_STEPS = 4


class CatalogText:
    """TF-IDF of tool names and descriptions, scored against requests and their clauses."""

    def __init__(self, catalog: Sequence[ToolText]) -> None:
        self.catalog = tuple(catalog)
        texts = [_content(described(tool)) for tool in self.catalog]
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


def described(tool: ToolText) -> str:
    """A tool in words."""
    return f"{name_words(tool.name)}. {tool.description}"


def _content(text: str) -> list[str]:
    # Lower case: catalogs write titles, and a masked name would be lost.
    return [word for word in words(text.lower()) if word not in _DROPPED]


class ColdGuess:
    """Guesses from the catalog alone: the tool each clause of a request speaks of most, in the order of the clauses.

    A clause and a tool are as alike as their words, or, where word vectors are installed, as their words and meaning.
    """

    def __init__(self, text: CatalogText, vectors: WordVectors | None) -> None:
        self._text = text
        self._vectors = vectors if text.catalog else None
        if self._vectors is None:
            return
        raw = np.stack([self._vectors.mean(described(tool)) for tool in text.catalog])
        self._centre = raw.mean(axis=0)
        self._meanings = _unit(raw - self._centre)

    def __call__(self, request: str) -> list[GuessedPlan]:
        """One guess, or none when no clause is like any tool."""
        found: dict[int, float] = {}
        for clause in filter(str.strip, _BREAK.split(request)) if self._text.catalog else ():
            likeness = self._likeness(clause)
            best = int(likeness.argmax())
            if likeness[best] >= (_LEAST_STRENGTH if self._vectors is None else _LEAST_BLEND):
                found[best] = max(found.get(best, 0.0), min(float(likeness[best]), 1.0))
        likeliest = sorted(found, key=lambda tool: -found[tool])[:_MOST_STEPS]
        return _plan([(self._text.catalog[tool], found[tool]) for tool in found if tool in likeliest])

    def _likeness(self, clause: str) -> Floats:
        strength, _ = self._text.evidence(clause)
        if self._vectors is None:
            return strength
        meaning = self._meanings @ _unit(self._vectors.mean(clause) - self._centre)
        return np.asarray((1 - _MEANING) * strength + _MEANING * np.maximum(meaning, 0), dtype=np.float32)


def _plan(found: list[tuple[ToolText, float]]) -> list[GuessedPlan]:
    if not found:
        return []
    edges = _edges([tool for tool, _ in found])
    steps = [_PRIOR * likeness for _, likeness in found]
    linked = tuple(_LINK_PRIOR * min(steps[i], steps[j]) for i, j in edges)
    return [
        GuessedPlan(tuple(tool.name for tool, _ in found), edges, tuple(steps), linked, math.prod([*steps, *linked]))
    ]


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def _edges(tools: list[ToolText]) -> tuple[tuple[int, int], ...]:
    """By schema where all declare one (an output of the one is an input of the other); else one after another."""
    if not all(tool.inputs or tool.outputs for tool in tools):
        return tuple((i, i + 1) for i in range(len(tools) - 1))
    joined = [(i, j) for j in range(len(tools)) for i in range(j) if set(tools[i].outputs) & set(tools[j].inputs)]
    return tuple(joined)
