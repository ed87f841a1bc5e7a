"""What is written to the journal all or nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

from reconciler.journal.statements import Change


class Rows:
    """Rows of a table that are made when they are written, in the writer's thread."""

    def __init__(self, make: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._make())


@dataclass(slots=True)
class Entry:
    """Rows to insert by table, then further statements in order, all or nothing.

    ``urgent``: somebody waits for it to be durable. ``lazy``: it is no fact that a run is recovered from, such as what
    an attempt has printed. It goes with the next commit; without one it is written alone and without an fsync, so a
    power cut may lose it. ``first``: somebody waits for it, and it follows from no other entry.
    """

    inserts: dict[Table, Iterable[Mapping[str, Any]]] = field(default_factory=dict)
    updates: Sequence[Change] = ()
    urgent: bool = False
    lazy: bool = False
    first: bool = False
    done: Future[None] = field(default_factory=Future)


def rows_by_table(entries: Iterable[Entry]) -> dict[Table, list[Mapping[str, Any]]]:
    """The rows that are to be inserted, in order. Tables without any are left out."""
    rows: dict[Table, list[Mapping[str, Any]]] = {}
    for entry in entries:
        for table, new in entry.inserts.items():
            rows.setdefault(table, []).extend(new)
    return {table: new for table, new in rows.items() if new}
