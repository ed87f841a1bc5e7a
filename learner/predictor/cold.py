"""What a request asks for by the catalog alone: which tools its clauses speak of, and the plan they make.

This is all there is before the first outcome. A trained predictor weighs it as one voice among others, so that few
outcomes, or noisy ones, do not make it forget what the catalog says.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from learner.predictor.example import GuessedPlan, ToolText
from learner.predictor.labels import Plan
from learner.predictor.lexical import CatalogText, described
from learner.predictor.semantics import WordVectors
from learner.predictor.vectors import Floats

_BREAK = re.compile(r"[.;!?]\s|,\s|\b(?:and|then|also|after that|finally|before)\b")
_MOST_CHARACTERS, _MOST_CLAUSES = 4_000, 40  # read of a long request
# Priors: what a match is worth before any outcome has said so.
_LEAST_STRENGTH = 0.5
_LEAST_BLEND = 0.4
_MEANING = 0.7
_PRIOR = 0.8
_LINK_PRIOR = 0.5
_MOST_STEPS = 4


@dataclass(frozen=True)
class ToolMentions:
    """``plan``: the guess; None when no clause is like any tool. ``sure``: how like its tools are to their clauses.

    ``most``: of each tool, how like it is to the clause it is most like.
    """

    plan: Plan | None
    sure: tuple[float, ...]
    most: Floats


class ColdGuess:
    """The tool each clause of a request speaks of most, in the order of the clauses.

    A clause and a tool are as alike as their words, or, where word vectors are installed, as their words and meaning.
    """

    def __init__(self, text: CatalogText, vectors: WordVectors | None) -> None:
        self._text = text
        self._vectors = vectors if text.catalog else None
        if self._vectors is None:
            return
        raw = self._vectors.means([described(tool) for tool in text.catalog])
        self._centre = raw.mean(axis=0)
        self._meanings = _unit(raw - self._centre)

    def heard(self, request: str) -> ToolMentions:
        """What the catalog says on a request."""
        clauses = [clause for clause in _BREAK.split(request[:_MOST_CHARACTERS]) if clause.strip()][:_MOST_CLAUSES]
        if not clauses or not self._text.catalog:
            return ToolMentions(None, (), np.zeros(len(self._text.catalog), dtype=np.float32))
        likeness = self._likeness(clauses)
        found: dict[int, float] = {}
        for tool, alike in zip(likeness.argmax(axis=1).tolist(), likeness.max(axis=1).tolist(), strict=True):
            if alike >= (_LEAST_STRENGTH if self._vectors is None else _LEAST_BLEND):
                found[tool] = max(found.get(tool, 0.0), min(alike, 1.0))
        likeliest = sorted(found, key=lambda tool: -found[tool])[:_MOST_STEPS]
        tools = tuple(tool for tool in found if tool in likeliest)
        plan = (tools, _edges([self._text.catalog[tool] for tool in tools])) if tools else None
        return ToolMentions(plan, tuple(found[tool] for tool in tools), likeness.max(axis=0))

    def __call__(self, request: str) -> list[GuessedPlan]:
        """One guess with probabilities by prior, or none when no clause is like any tool."""
        heard = self.heard(request)
        if heard.plan is None:
            return []
        tools, edges = heard.plan
        steps = tuple(_PRIOR * alike for alike in heard.sure)
        linked = tuple(_LINK_PRIOR * min(steps[i], steps[j]) for i, j in edges)
        names = tuple(self._text.catalog[tool].name for tool in tools)
        return [GuessedPlan(names, edges, steps, linked, math.prod([*steps, *linked]))]

    def _likeness(self, clauses: list[str]) -> Floats:
        strength = self._text.strengths(clauses)
        if self._vectors is None:
            return strength
        meaning = _unit(self._vectors.means(clauses) - self._centre) @ self._meanings.T
        return np.asarray((1 - _MEANING) * strength + _MEANING * np.maximum(meaning, 0), dtype=np.float32)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def _edges(tools: list[ToolText]) -> tuple[tuple[int, int], ...]:
    """By schema where all declare one (an output of the one is an input of the other); else one after another."""
    if not all(tool.inputs or tool.outputs for tool in tools):
        return tuple((i, i + 1) for i in range(len(tools) - 1))
    joined = [(i, j) for j in range(len(tools)) for i in range(j) if set(tools[i].outputs) & set(tools[j].inputs)]
    return tuple(joined)
