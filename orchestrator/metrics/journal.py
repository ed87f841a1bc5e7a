"""Metrics of one shard's journal."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class JournalMetrics:
    """How long transactions take. Called in the journal's thread."""

    def __init__(self, registry: CollectorRegistry, shard: int) -> None:
        shards = str(shard)
        self._commit_s = Histogram(
            "forerun_journal_commit_seconds", "Time of a transaction of the journal, with its fsync", ["shard"],
            buckets=_BUCKETS, registry=registry,
        ).labels(shards)  # fmt: skip
        self._entries = Counter(
            "forerun_journal_entries", "Entries written to the journal", ["shard"], registry=registry
        ).labels(shards)
        self._failed = Counter(
            "forerun_journal_failed_writes", "Transactions that failed because of the database's state", ["shard"],
            registry=registry,
        ).labels(shards)  # fmt: skip

    def committed(self, seconds: float, entries: int) -> None:
        """A transaction is durable."""
        self._commit_s.observe(seconds)
        self._entries.inc(entries)

    def failed(self) -> None:
        """A transaction failed, and will be tried again."""
        self._failed.inc()
