"""Which remembered goal reads most like a new one: cosine of TF-IDF over words, from an inverted index."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Generic, TypeVar

_WORD = re.compile(r"[^\W\d_]+")
Key = TypeVar("Key", bound=Hashable)


class LikenessIndex(Generic[Key]):
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
        """The ``k`` likest keys with their cosine in 0..1, likest first; ties by age."""
        asked = {word: count * self._idf(word) for word, count in Counter(_WORD.findall(text.lower())).items()}
        dots: defaultdict[Key, float] = defaultdict(float)
        for word, weight in asked.items():
            for key, count in self._postings.get(word, {}).items():
                dots[key] += weight * count * self._idf(word)
        own = math.sqrt(sum(weight * weight for weight in asked.values()))
        best = sorted(dots, key=dots.__getitem__, reverse=True)[: 8 * k]
        scored = [(key, dots[key] / (own * self._norm(key))) for key in best if own > 0]
        return sorted(scored, key=lambda pair: -pair[1])[:k]

    def _idf(self, word: str) -> float:
        """Smoothed inverse document frequency: ln((1 + n) / (1 + df)) + 1, as scikit-learn has it."""
        return math.log((1 + len(self._words)) / (1 + len(self._postings.get(word, ())))) + 1

    def _norm(self, key: Key) -> float:
        return math.sqrt(sum((count * self._idf(word)) ** 2 for word, count in self._words[key].items())) or 1.0
