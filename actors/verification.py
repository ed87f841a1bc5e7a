"""What a ``verify`` hook answers about an irreversible attempt whose process died: did its act happen?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actors.context import Context


@dataclass(frozen=True, slots=True)
class Happened:
    """The act happened; ``output`` is what the attempt would have returned."""

    output: Any = None


@dataclass(frozen=True, slots=True)
class DidNot:
    """The act did not happen and will not happen any more, so the step may be tried again."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The hook cannot tell; a person has to decide."""

    why: str = ""


# Sync or async. Finds the idempotency key of the attempt in the context.
Verify = Callable[[Context], Any]
