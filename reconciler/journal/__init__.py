"""The journal: admitted tasks, their events and outcomes, durable in SQLite or PostgreSQL before they are acknowledged.

Here: the schema and its migrations, group commit, queries, and the log of one run. Not here: what a run decides.
"""

from reconciler.journal.journal import Journal
from reconciler.journal.rows import EventRow

__all__ = ["EventRow", "Journal"]
