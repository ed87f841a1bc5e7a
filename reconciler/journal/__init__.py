"""The journal: admitted tasks, their events and outcomes, durable in SQLite or PostgreSQL before they are acknowledged.

Here: the schema and its migrations, group commit, queries, a journal in memory, and the log of one run. Not here: what
a run decides. `Journal` is imported when it is first used: a run in memory needs no database library.
"""

from typing import TYPE_CHECKING, Any

from reconciler.journal.rows import EventRow

if TYPE_CHECKING:
    from reconciler.journal.journal import Journal

__all__ = ["EventRow", "Journal"]


def __getattr__(name: str) -> Any:
    if name != "Journal":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from reconciler.journal.journal import Journal  # noqa: PLC0415 -- see the module's docstring

    return Journal
