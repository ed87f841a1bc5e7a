"""Inputs that are filled where an attempt runs, from the large outputs that travel beside it.

Expressions that may take long, or read such an output, are evaluated there as well.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic_core

from actors.errors import BadInput
from actors.payloads.store import PayloadStore
from planners.bindings import Path, follow
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import value_of


@dataclass(frozen=True, slots=True)
class InputSlot:
    """A path in the inputs (``at``) to be filled with a part (``path``) of the ``blob``-th referenced output."""

    at: tuple[str | int, ...]
    blob: int
    path: Path = ()


@dataclass(frozen=True, slots=True)
class ComputedSlot:
    """A path in the inputs (``at``) where the reads of an expression stand; its value (``path``) replaces them."""

    at: tuple[str | int, ...]
    cel: str
    path: Path = ()

    def value(self, reads: Any) -> Any:
        """The value of the expression.

        Raises:
            BadInput: it has none.
        """
        try:
            return value_of(self.cel, reads, self.path)
        except ExpressionFailed as error:
            message = f"'{self.cel}' has no value: {error.message}"
            fix = "test for what may be missing with has(), and convert numbers with double()"
            raise BadInput(message, ".".join(["inputs", *map(str, self.at)]), fix) from None


def compute(inputs: dict[str, Any], slots: Iterable[ComputedSlot]) -> None:
    """Replace the reads of every expression by its value, in place. Expressions inside others come first.

    Raises:
        BadInput: an expression has no value.
    """
    for slot in slots:
        parent = follow(inputs, slot.at[:-1])
        parent[slot.at[-1]] = slot.value(parent[slot.at[-1]])


def fill(inputs: dict[str, Any], slots: Iterable[InputSlot], blobs: Sequence[Any], payloads: PayloadStore) -> None:
    """Fill every slot of ``inputs`` in place. Each output is read and parsed once.

    Raises:
        LookupError: a path does not exist in its output, or an output is gone.
    """
    values = [pydantic_core.from_json(payloads.read(blob)) for blob in blobs]
    for slot in slots:
        parent = follow(inputs, slot.at[:-1])
        parent[slot.at[-1]] = follow(values[slot.blob], slot.path)
