"""A progress bar on standard error, so that standard output can be piped."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def tracked(items: Sequence[T], what: str) -> Iterable[T]:
    """Iterate over the items with a progress bar; without one if standard error is not a terminal."""
    console = Console(stderr=True)
    return track(items, description=what, console=console, disable=not console.is_terminal)
