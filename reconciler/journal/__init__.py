"""The journal: what was admitted and what happened since, durable before it is acknowledged."""

from reconciler.journal.journal import Journal, Line, TaskRecord

__all__ = ["Journal", "Line", "TaskRecord"]
