"""A progress bar on standard error, so that what is printed can still be piped."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def tracked(items: Sequence[T], what: str) -> Iterable[T]:
    """The items, and a bar that tells how many are left; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    return track(items, description=what, console=console, disable=not console.is_terminal)
