"""The figures of a shard as gauges, taken when Prometheus asks."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.runtime.figures import ShardFigures
from reconciler.state.commands import RunStatus
from reconciler.state.waiting import WaitKind


class ShardGauges(Collector):
    """Gauges of the latest figures. Every status and reason has a series, so that none is missing while it is 0."""

    def __init__(self, shard: int) -> None:
        self._shard = str(shard)
        self.figures = ShardFigures()

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        figures = self.figures
        statuses = [status for status in RunStatus if not status.ended]
        yield self._gauge(
            "forerun_tasks", "Tasks that have not ended", {s.value: figures.tasks.get(s, 0) for s in statuses}, "status"
        )
        yield self._one("forerun_queue_depth", "Tasks that have not ended", sum(figures.tasks.values()))
        yield self._one("forerun_queue_limit", "Tasks that may be unended before more are refused", figures.most_live)
        yield self._one("forerun_attempts_running", "Attempts whose agent has begun", figures.attempts_running)
        yield self._gauge(
            "forerun_steps_waiting",
            "Steps that wait, by what they wait for",
            {kind.value: figures.steps_waiting.get(kind, 0) for kind in WaitKind},
            "reason",
        )
        journal = figures.journal
        yield self._one("forerun_journal_stalled_seconds", "Age of the write under way", journal.stalled_s)
        yield self._one("forerun_journal_waiting_entries", "Entries behind the write under way", journal.waiting)
        if journal.size_bytes is not None:
            yield self._one("forerun_journal_size_bytes", "Size of the journal's database", journal.size_bytes)

    def _one(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["shard"])
        family.add_metric([self._shard], value)
        return family

    def _gauge(self, name: str, text: str, values: dict[str, int], label: str) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["shard", label])
        for value, number in values.items():
            family.add_metric([self._shard, value], number)
        return family
