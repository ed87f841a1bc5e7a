"""Inputs that are filled where an attempt runs, from the large outputs that travel beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic_core

from actors.payloads.store import PayloadStore
from planners.bindings import Path, follow


@dataclass(frozen=True, slots=True)
class InputSlot:
    """A path in the inputs (``at``) to be filled with a part (``path``) of the ``blob``-th referenced output."""

    at: tuple[str | int, ...]
    blob: int
    path: Path = ()


def fill(inputs: dict[str, Any], slots: Iterable[InputSlot], blobs: Sequence[Any], payloads: PayloadStore) -> None:
    """Fill every slot of ``inputs`` in place. Each output is read and parsed once.

    Raises:
        LookupError: a path does not exist in its output, or an output is gone.
    """
    values = [pydantic_core.from_json(payloads.read(blob)) for blob in blobs]
    for slot in slots:
        parent = follow(inputs, slot.at[:-1])
        parent[slot.at[-1]] = follow(values[slot.blob], slot.path)
