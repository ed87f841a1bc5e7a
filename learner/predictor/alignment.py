"""How far the words of a request are explained by the tools of a plan: IBM models 1 and 2 (Brown et al., 1993).

The regressions ask which plans like requests got; this asks the opposite, how likely a plan is to be asked for in these
words. Each word of a request stems from one of the plan's tools, all equally likely, or from none of them. Which one is
not known, so the probability of a word given a tool is learned by expectation maximisation. A plan that lacks a step
leaves words unexplained, one with a step too many spreads its tools thin.

Requests mostly name things in the order in which they are to be done. So in learning, a word is likelier to stem from a
step whose place in the plan is near the word's place in the request, with the prior of fast_align (Dyer et al., 2013).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Columns, Floats
from learner.predictor.catalog_text import DROPPED, PUNCTUATION
from planners.text.tokens import words

FROM_NO_TOOL = 0.5  # prior probability that a word stems from no tool
_PSEUDO_WORDS = 8.0  # of each tool, drawn from all requests
_LEAST_REQUESTS = 2  # that a word occurs in
_ROUNDS = 6
_TENSION = 4.0  # how fast the prior falls with the distance of a word and a step, as published; 3 to 6 are as good


Steps = Sequence[int]  # the tools of a plan, in its order


@dataclass(frozen=True)
class AlignedWords:
    """The words of one request that past requests had.

    ``position``: where each word first is, 0..1, (words,). ``least``: P(word | tool) / P(word) of words that a tool
    never had, (tools,). ``word``, ``tool`` and ``more``: what single pairs have beyond it. Few of all pairs do, and
    there are thousands of tools where steps are free text, so the ratios are laid out only for the tools asked about.
    """

    position: Floats
    least: Floats
    word: Columns
    tool: Columns
    more: Floats

    def ratio(self, tools: Columns) -> Floats:
        """P(word | tool) / P(word), (words, tools); the tools are distinct."""
        place = np.full(len(self.least), -1)
        place[tools] = np.arange(len(tools))
        column = place[self.tool]
        asked = column >= 0
        out = np.tile(self.least[tools], (len(self.position), 1))
        out[self.word[asked], column[asked]] += self.more[asked]
        return out


class WordAlignment:
    """The learned ratios: ``least`` of each tool, for words that it never had, and what single pairs have beyond it.

    ``starts``, ``tools`` and ``more`` are those pairs by word, as in a matrix of compressed sparse rows.
    """

    def __init__(self, vocabulary: Sequence[str], least: Floats, starts: Columns, tools: Columns, more: Floats) -> None:
        """Raises ValueError if the arrays do not fit together."""
        if len(starts) != len(vocabulary) + 1 or len(tools) != len(more) or (len(starts) and starts[-1] != len(more)):
            raise ValueError("the pairs of words and tools do not fit the words beside them")
        self._row = {word: row for row, word in enumerate(vocabulary)}
        self._least, self._starts, self._tools, self._more = least, starts, tools, more

    @classmethod
    def fit(
        cls, requests: Sequence[str], steps_of: Sequence[Sequence[Steps]], descriptions: Sequence[str], tools: int
    ) -> "WordAlignment":
        """Learn from requests, the steps of the plans that each got, and the first tools' descriptions."""
        texts = [_places(request) for request in requests]
        frequency: dict[str, int] = {}
        for text in texts:
            for word in text:
                frequency[word] = frequency.get(word, 0) + 1
        vocabulary = [word for word, count in frequency.items() if count >= _LEAST_REQUESTS]
        row = {word: at for at, word in enumerate(vocabulary)}
        share = np.array([frequency[word] for word in vocabulary], dtype=np.float64)
        share /= max(share.sum(), 1.0)
        of_texts = [_Words.of(text, row) for text in texts]
        described = [
            (row[word], tool) for tool, text in enumerate(descriptions) for word in _places(text.lower()) if word in row
        ]
        pairs = _Pairs.of(of_texts, steps_of, described, tools)
        counts = pairs.expected_counts(share, tools)
        of_word, of_tool = np.divmod(pairs.codes, max(tools, 1))
        total = np.bincount(of_tool, counts, minlength=tools) + _PSEUDO_WORDS
        more = counts / total[of_tool] / share[of_word]
        starts = np.searchsorted(of_word, np.arange(len(vocabulary) + 1))
        return cls(vocabulary, (_PSEUDO_WORDS / total).astype(np.float32), starts, of_tool, more.astype(np.float32))

    def of(self, request: str) -> AlignedWords:
        """The words of a request that have been learned."""
        places = [(row, place) for word, place in _places(request).items() if (row := self._row.get(word)) is not None]
        rows = np.array([row for row, _ in places], dtype=int)
        starts, sizes = self._starts[rows], self._starts[rows + 1] - self._starts[rows]
        ends = np.cumsum(sizes)
        found = np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes)
        position = np.array([place for _, place in places], dtype=np.float32)
        word = np.repeat(np.arange(len(rows)), sizes)
        return AlignedWords(position, self._least, word, self._tools[found], self._more[found])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything needed to rebuild the alignment, as plain arrays."""
        return {
            "words": np.array(list(self._row), dtype=np.str_),
            "least": self._least,
            "starts": self._starts,
            "tools": self._tools,
            "more": self._more,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "WordAlignment":
        """Inverse of `arrays`.

        Raises:
            ValueError: the arrays do not fit together.
        """
        least, more = arrays["least"].astype(np.float32), arrays["more"].astype(np.float32)
        starts, tools = arrays["starts"].astype(int), arrays["tools"].astype(int)
        return cls([str(word) for word in arrays["words"]], least, starts, tools, more)


class _Words(NamedTuple):
    """The words of one request that are learned: their rows in the vocabulary and where they are, 0..1, (words,)."""

    rows: Columns
    places: Floats

    @classmethod
    def of(cls, text: Mapping[str, float], row: Mapping[str, int]) -> "_Words":
        known = [(row[word], place) for word, place in text.items() if word in row]
        rows, places = [at for at, _ in known], [place for _, place in known]
        return cls(np.array(rows, dtype=int), np.array(places, dtype=np.float32))

    def stems(self, plans: Sequence[Steps]) -> tuple[Columns, Floats]:
        """The tools of the plans, and the prior probability that a word stems from each of them, (words, tools)."""
        tools = np.array(sorted({tool for steps in plans for tool in steps}), dtype=int)
        prior = np.zeros((len(self.places), len(tools)))
        for steps, times in Counter(map(tuple, plans)).items():
            middle = (np.arange(len(steps)) + 0.5) / len(steps)
            near = np.exp(-_TENSION * np.abs(self.places[:, None] - middle))
            near *= times / len(plans) / near.sum(axis=1, keepdims=True)
            prior += near @ (np.array(steps)[:, None] == tools)
        return tools, prior.astype(np.float32)


class _Pairs(NamedTuple):
    """Each word of each request with each tool of its plan.

    ``codes``: the distinct pairs, word * tools + tool, ascending. ``pair``: index into them, of each occurrence;
    ``place``: the word in its request that an occurrence is of; ``weight``: of the tool among those of the plans.
    ``described``: how often each distinct pair is in a description, (codes,).
    """

    codes: Columns
    pair: Columns
    place: Columns
    weight: Floats
    described: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        texts: Sequence[_Words],
        steps_of: Sequence[Sequence[Steps]],
        described: Sequence[tuple[int, int]],
        tools: int,
    ) -> "_Pairs":
        none = np.zeros(0, dtype=int)
        code, place, weight, places = [none], [none], [np.zeros(0, dtype=np.float32)], 0
        for text, plans in zip(texts, steps_of, strict=True):
            used, prior = text.stems(plans)
            code.append((text.rows[:, None] * tools + used).ravel())
            place.append(np.repeat(np.arange(places, places + len(text.rows)), len(used)))
            weight.append(prior.ravel())
            places += len(text.rows)
        in_text = np.concatenate(code)
        of_catalog = np.array([word * tools + tool for word, tool in described], dtype=int)
        codes, pair = np.unique(np.concatenate([in_text, of_catalog]), return_inverse=True)
        known = np.bincount(pair[len(in_text) :], minlength=len(codes)).astype(np.float64)
        return cls(codes, pair[: len(in_text)], np.concatenate(place), np.concatenate(weight), known)

    def expected_counts(self, share: NDArray[np.float64], tools: int) -> NDArray[np.float64]:
        """How often each distinct pair is expected to be a tool and its word; ``share`` is P(word), (words,)."""
        word, tool = np.divmod(self.codes, max(tools, 1))
        ratio = np.ones(len(self.codes))
        counts = self.described
        for _ in range(_ROUNDS):
            stems = (1 - FROM_NO_TOOL) * self.weight * ratio[self.pair]
            stems /= (np.bincount(self.place, stems) + FROM_NO_TOOL)[self.place]
            counts = np.bincount(self.pair, stems, minlength=len(self.codes)) + self.described
            total = np.bincount(tool, counts, minlength=tools) + _PSEUDO_WORDS
            ratio = (counts / share[word] + _PSEUDO_WORDS) / total[tool]
        return counts


def _places(request: str) -> dict[str, float]:
    """Content words and adjacent pairs of them, each with its first position, 0..1. Punctuation separates pairs."""
    tokens = words(request)
    found: dict[str, float] = {}
    content: list[tuple[str, float]] = []
    for at, token in enumerate(tokens):
        if token not in DROPPED:
            found.setdefault(token, at / len(tokens))
        if token not in DROPPED or token in PUNCTUATION:
            content.append((token, at / len(tokens)))
    for (first, _), (second, place) in pairwise(content):
        if first not in PUNCTUATION and second not in PUNCTUATION:
            found.setdefault(f"{first} {second}", place)
    return found
