"""Static word vectors from an optional package (extra ``semantic``).

A request becomes two means of the vectors of its word pieces, one weighted towards its beginning and one towards its
end: the meaning of what is asked first and last. The weights ship in the wheel of ``wordllama``; nothing is downloaded.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_PIECES = "tokenizers/l2_supercat_tokenizer_config.json"
_MAX_CHARACTERS = 4_000
_KEPT_WORDS, _LONGEST_WORD = 50_000, 100


class WordVectors:
    """Begin- and end-weighted mean word vector of a text."""

    def __init__(self, table: NDArray[np.float32], pieces: Any) -> None:
        self._table = table
        # Words recur from request to request, and no piece of this vocabulary spans two of them.
        self._pieces_of = lru_cache(maxsize=_KEPT_WORDS)(
            lambda word: tuple(pieces.encode(word, add_special_tokens=False).ids)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled predictor leaves out the 16 MB table: the package is installed where it arrives, too."""
        return installed_word_vectors, ()

    def means(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Plain means of the vectors of short texts, (texts, 256); zero for a text without words."""
        ids = [self._ids(text) for text in texts]
        flat = self._table[[piece for of_text in ids for piece in of_text]].astype(np.float32)
        sizes = np.array([len(of_text) for of_text in ids])
        share = np.zeros((len(texts), len(flat)), dtype=np.float32)
        rows = np.repeat(np.arange(len(texts)), sizes)
        share[rows, np.arange(len(flat))] = 1 / sizes[rows]
        return np.asarray(share @ flat, dtype=np.float32)

    def of(self, text: str) -> NDArray[np.float32]:
        """Unit vector of a text, (512,), not centred; zero for a text without words."""
        ids = self._ids(text)
        if not ids:
            return np.zeros(2 * self._table.shape[1], dtype=np.float32)
        position = np.arange(len(ids), dtype=np.float32) / np.float32(max(len(ids) - 1, 1))
        vectors = self._table[ids].astype(np.float32)
        end = position @ vectors
        both = np.concatenate([vectors.sum(axis=0) - end, end])
        return np.asarray(both / max(float(np.linalg.norm(both)), 1e-9), dtype=np.float32)

    def _ids(self, text: str) -> list[int]:
        words = text[:_MAX_CHARACTERS].split()
        return [piece for word in words for piece in self._pieces_of(word[:_LONGEST_WORD])]


@cache
def installed_word_vectors() -> WordVectors | None:
    """The vectors of the installed package, or None without it. Loaded once (16 MB)."""
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    if not (folder / _WEIGHTS).is_file() or not (folder / _PIECES).is_file():
        return None
    from safetensors.numpy import load_file  # noqa: PLC0415 - optional: comes with the package
    from tokenizers import Tokenizer  # noqa: PLC0415 - optional: comes with the package

    pieces = Tokenizer.from_file(str(folder / _PIECES))
    pieces.no_padding()
    (table,) = load_file(folder / _WEIGHTS).values()
    return WordVectors(table, pieces)
