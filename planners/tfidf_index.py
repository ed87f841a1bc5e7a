"""Which remembered goal reads most like a new one: cosine of TF-IDF over words, from an inverted index."""

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Generic, TypeVar

_WORD = re.compile(r"[^\W\d_]+")
# Postings looked at for one question, the rarest words first: bounds its cost however much is remembered.
_POSTINGS = 3000
Key = TypeVar("Key", bound=Hashable)


class TfidfIndex(Generic[Key]):
    """Texts by key. Asking costs the postings of the words asked for; words in most texts weigh next to nothing."""

    def __init__(self) -> None:
        self._words: dict[Key, Counter[str]] = {}
        self._postings: defaultdict[str, dict[Key, int]] = defaultdict(dict)

    def add(self, key: Key, text: str) -> None:
        """Add or replace a text."""
        self.drop(key)
        self._words[key] = words = Counter(_WORD.findall(text.lower()))
        for word, count in words.items():
            self._postings[word][key] = count

    def drop(self, key: Key) -> None:
        """Forget a text, if it is there."""
        for word in self._words.pop(key, ()):
            postings = self._postings[word]
            del postings[key]
            if not postings:
                del self._postings[word]

    def nearest(self, text: str, k: int = 1) -> list[tuple[Key, float]]:
        """The ``k`` likest keys with their cosine in 0..1, likest first; ties by age.

        Candidates are found by the words that are in few texts; only the best of them are scored with all words.
        """
        asked = {word: count * self._idf(word) for word, count in Counter(_WORD.findall(text.lower())).items()}
        own = math.sqrt(sum(weight * weight for weight in asked.values()))
        if own == 0:
            return []
        dots: defaultdict[Key, float] = defaultdict(float)
        room = _POSTINGS
        for word in sorted(asked, key=lambda word: -self._idf(word)):
            postings = self._postings.get(word, {})
            if (room := room - len(postings)) < 0 and dots:
                break
            gain = asked[word] * self._idf(word)
            for key, count in postings.items():
                dots[key] += gain * count
        best = heapq.nlargest(8 * k, dots, key=dots.__getitem__)
        scored = [(key, self._cosine(key, asked, own)) for key in best]
        return sorted(scored, key=lambda pair: -pair[1])[:k]

    def _cosine(self, key: Key, asked: dict[str, float], own: float) -> float:
        weights = {word: count * self._idf(word) for word, count in self._words[key].items()}
        norm = math.sqrt(sum(weight * weight for weight in weights.values()))
        return sum(weight * asked.get(word, 0.0) for word, weight in weights.items()) / (own * norm) if norm else 0.0

    def _idf(self, word: str) -> float:
        """Smoothed inverse document frequency: ln((1 + n) / (1 + df)) + 1, as scikit-learn has it."""
        return math.log((1 + len(self._words)) / (1 + len(self._postings.get(word, ())))) + 1
