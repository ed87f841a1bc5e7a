"""Words and n-grams of a request: arguments are masked by kind, and n-grams carry positions.

What an argument *is* (a date, an amount, a name) tells tools apart; its value does not. Weights by position let a
linear model learn the order of steps: "change ... and then inquire" and "inquire ... and then change" have the same
words.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

Grams = dict[str, float]

_QUOTED = re.compile(r"(?<!\w)'[^']{1,120}'|\"[^\"]{1,120}\"|“[^”]{1,120}”")
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_TIME = re.compile(r"\b\d{1,2}:\d\d(?: ?[AaPp]\.?[Mm]\b\.?)?|\b\d{1,2} ?[AaPp]\.?[Mm]\b\.?")
_DATE = re.compile(r"\b\d{4}-\d\d?-\d\d?\b")
_MIXED = re.compile(r"\b\w*\d\w*\b")
_TOKEN = re.compile(r"[^\W\d_]+|[.,;!?]")
_WORD = re.compile(r"[^\W\d_]+")
_SUFFIXES = ("ing", "ed", "es", "s", "ation", "ion")
# Of a longer request only the start and the end are read: at most so many characters, and so many tokens of those.
_MAX_CHARACTERS = 16_000
_MAX_TOKENS = 256
_PROPER = "properx"


@lru_cache(maxsize=8)  # one prediction reads its request twice: against the history and against the catalog
def words(request: str) -> tuple[str, ...]:
    """Stemmed lower-case words, punctuation marks, and placeholders for quotes, times, dates, numbers and names."""
    out: list[str] = []
    sentence_starts = True
    for piece in _TOKEN.findall(_masked(_ends(request))):
        if piece in ".,;!?":
            out.append(piece)
            sentence_starts = piece in ".!?"
            continue
        named = piece[0].isupper() and not sentence_starts and piece != "I"
        sentence_starts = False
        word = _PROPER if named else _stem(piece.lower())
        if not (word == _PROPER and out and out[-1] == _PROPER):
            out.append(word)
    return tuple(out if len(out) <= _MAX_TOKENS else out[: _MAX_TOKENS // 2] + out[-_MAX_TOKENS // 2 :])


def plain_words(text: str) -> list[str]:
    """Stemmed lower-case words, without names and numbers, in a tenth of the time that `words` takes."""
    found = _WORD.findall(_ends(text))
    return [_stem(word.lower()) for at, word in enumerate(found) if not (at and word[0].isupper())]


def name_words(name: str) -> str:
    """An identifier as words: ``trainTicket_query`` becomes "train Ticket query"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./]+", " ", name)


def ngrams(tokens: Sequence[str]) -> Grams:
    """Words and adjacent pairs with sublinear counts, 1 + ln(count)."""
    counts = Counter(tokens)
    counts.update(f"{a} {b}" for a, b in pairwise(tokens))
    # Nearly all counts are 1; the logarithm of the others is the textbook's sublinear term frequency.
    return {gram: 1.0 if count == 1 else 1.0 + _LOG[min(count, 63)] for gram, count in counts.items()}


def position_grams(tokens: Sequence[str]) -> Grams:
    """Each word as a "begin" and an "end" feature, weighted by its position: 0 is the start, 1 the end."""
    grams: Grams = {}
    length = max(len(tokens), 1)
    for index, token in enumerate(tokens):
        share = index / length
        grams["<" + token] = grams.get("<" + token, 0.0) + 1.0 - share
        grams[">" + token] = grams.get(">" + token, 0.0) + share
    return grams


def _ends(text: str) -> str:
    if len(text) <= _MAX_CHARACTERS:
        return text
    return f"{text[: _MAX_CHARACTERS // 2]} {text[-_MAX_CHARACTERS // 2 :]}"


def _masked(request: str) -> str:
    text = _URL.sub(" urlx ", request)
    text = _QUOTED.sub(" quotedx ", text)
    text = _DATE.sub(" datex ", _TIME.sub(" timex ", text))
    return _MIXED.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    text = match.group(0)
    if not text.isdigit():
        return " idx "
    return " numx " if len(text) < 5 else " longnumx "


@lru_cache(maxsize=20_000)  # words recur
def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) > 3:
            return word[: -len(suffix)]
    return word


_LOG = [0.0] + [math.log(n) for n in range(1, 64)]
