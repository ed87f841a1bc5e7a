"""The journal: what was admitted and what happened since, durable before it is acknowledged."""

from reconciler.journal.journal import EventRow, Journal, TaskRecord

__all__ = ["EventRow", "Journal", "TaskRecord"]
