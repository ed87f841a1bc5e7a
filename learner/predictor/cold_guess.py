"""The plan that the catalog alone suggests for a request: one tool for each clause that mentions one.

This is the whole prediction before the first outcome. A trained predictor uses it as one candidate among others, so
that a few noisy outcomes do not hide what the catalog says.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from learner.predictor.alignment import AlignedWords
from learner.predictor.arrays import Floats
from learner.predictor.catalog_text import CatalogText, tool_description
from learner.predictor.example import ToolText
from learner.predictor.numbered_plan import NumberedPlan
from learner.predictor.word_vectors import WordVectors
from planners.speculative.predictor import GuessedPlan

_BREAK = re.compile(r"[.;!?]\s|,\s|\b(?:and|then|also|after that|finally|before)\b")
_MOST_CHARACTERS, _MOST_CLAUSES = 4_000, 40  # read of a long request
# Priors: the least similarity that counts as a match, and what a match is worth before any outcome.
_LEAST_STRENGTH = 0.5
_LEAST_BLEND = 0.4
_MEANING = 0.7
_PRIOR = 0.8
_LINK_PRIOR = 0.5
_MOST_STEPS = 4


@dataclass(frozen=True)
class CatalogGuess:
    """``plan``: the plan the catalog suggests; None when no clause is similar to any tool.

    ``confidence``: similarity of each of its tools to their clauses. ``strongest``: per tool, its similarity to the
    clause most similar to it, (tools,).
    """

    plan: NumberedPlan | None
    confidence: tuple[float, ...]
    strongest: Floats


@dataclass(frozen=True)
class Evidence:
    """What is known of one request before any plan is considered.

    ``scores`` is a row that `PlanSpace.parts` splits. ``strength`` and ``position`` are those of
    `CatalogText.mentions`, (tools,). ``aligned``: its words with the tools that they may stem from; None in predictors
    of releases that did not learn that. ``text``: of the catalog.
    """

    scores: Floats
    strength: Floats
    position: Floats
    cold: CatalogGuess
    aligned: AlignedWords | None
    text: CatalogText


class ColdGuess:
    """Assigns to each clause of a request the most similar tool, in the order of the clauses.

    Similarity is that of their words, or, where word vectors are installed, a blend of words and meaning.
    """

    def __init__(self, text: CatalogText, vectors: WordVectors | None) -> None:
        self._text = text
        self._vectors = vectors if text.catalog else None
        if self._vectors is None:
            return
        raw = self._vectors.means([tool_description(tool) for tool in text.catalog])
        self._centre = raw.mean(axis=0)
        self._meanings = _unit(raw - self._centre)

    def of(self, request: str) -> CatalogGuess:
        """What the catalog suggests for a request."""
        clauses = [clause for clause in _BREAK.split(request[:_MOST_CHARACTERS]) if clause.strip()][:_MOST_CLAUSES]
        if not clauses or not self._text.catalog:
            return CatalogGuess(None, (), np.zeros(self._text.tools, dtype=np.float32))
        similarity = self._similarity(clauses)
        found: dict[int, float] = {}
        for tool, score in zip(similarity.argmax(axis=1).tolist(), similarity.max(axis=1).tolist(), strict=True):
            if score >= (_LEAST_STRENGTH if self._vectors is None else _LEAST_BLEND):
                found[tool] = max(found.get(tool, 0.0), min(score, 1.0))
        likeliest = sorted(found, key=lambda tool: -found[tool])[:_MOST_STEPS]
        tools = tuple(tool for tool in found if tool in likeliest)
        plan = (tools, _edges([self._text.catalog[tool] for tool in tools])) if tools else None
        strongest = self._text.of_all_tools(similarity.max(axis=0))
        return CatalogGuess(plan, tuple(found[tool] for tool in tools), strongest)

    def __call__(self, request: str) -> list[GuessedPlan]:
        """One guess with prior probabilities, or none when no clause is similar to any tool."""
        guess = self.of(request)
        if guess.plan is None:
            return []
        tools, edges = guess.plan
        steps = tuple(_PRIOR * score for score in guess.confidence)
        linked = tuple(_LINK_PRIOR * min(steps[i], steps[j]) for i, j in edges)
        return [
            GuessedPlan(
                steps=tuple(self._text.catalog[tool].name for tool in tools),
                edges=edges,
                step_probability=steps,
                edge_probability=linked,
                probability=math.prod([*steps, *linked]),
            )
        ]

    def _similarity(self, clauses: list[str]) -> Floats:
        strength = self._text.strengths(clauses)
        if self._vectors is None:
            return strength
        meaning = _unit(self._vectors.means(clauses) - self._centre) @ self._meanings.T
        return np.asarray((1 - _MEANING) * strength + _MEANING * np.maximum(meaning, 0), dtype=np.float32)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def _edges(tools: list[ToolText]) -> tuple[tuple[int, int], ...]:
    """By schema where every tool declares one (an output of one is an input of the other); otherwise a chain."""
    if not all(tool.inputs or tool.outputs for tool in tools):
        return tuple((i, i + 1) for i in range(len(tools) - 1))
    joined = [(i, j) for j in range(len(tools)) for i in range(j) if set(tools[i].outputs) & set(tools[j].inputs)]
    return tuple(joined)
