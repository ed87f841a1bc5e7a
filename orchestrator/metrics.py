"""Prometheus metrics. Names end in their unit.

Every process counts in a registry of its own; the ingress merges the expositions.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from reconciler.state.outcomes import Outcome
from reconciler.views.models import TaskView

_DISPATCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Users choose the kinds of their tasks, and every label value stays in memory as long as the process runs.
_MOST_KINDS = 200
_OTHERS = "(others)"
# Clients may send any method; those of no route share one label value.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_RUN_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)


class HttpMetrics:
    """Metrics of one ingress replica."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "forerun_http_requests", "HTTP requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "forerun_http_request_s",
            "Seconds from the request to the first byte of the response",
            ["method", "route"],
            registry=self._registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        method = method if method in _METHODS else _OTHERS
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def exposition(self) -> str:
        """The metrics as Prometheus text."""
        return generate_latest(self._registry).decode()


class RunMetrics:
    """Metrics of one shard's runs. Fulfils `Observer` and `OutcomeSink`."""

    def __init__(self, shard: int) -> None:
        self._registry = CollectorRegistry()
        self._shard = str(shard)
        self._kinds: set[str] = set()
        self._admitted = self._counter("forerun_tasks_admitted", "Tasks admitted", "kind")
        self._ended = self._counter("forerun_tasks_ended", "Tasks that have ended", "kind", "status")
        self._attempts = self._counter("forerun_attempts", "Attempts that received a verdict", "agent", "verdict")
        self._agent_s = self._counter("forerun_agent_s", "Seconds that agents spent on attempts", "agent", "verdict")
        self._usd = self._counter("forerun_usd", "Dollars that attempts cost", "agent", "verdict")
        self._first = self._histogram(
            "forerun_first_dispatch_s", "Seconds from admission to the first dispatch", _DISPATCH_BUCKETS, "mode"
        )
        self._run_s = self._histogram(
            "forerun_run_s", "Seconds from admission to the end of the task", _RUN_BUCKETS, "status"
        )
        self._saved_s = self._counter("forerun_saved_s", "Seconds that speculation saved on the critical path", "kind")

    def admitted(self, kind: str) -> None:
        """Count an admitted task."""
        self._admitted.labels(self._shard, self._kind(kind)).inc()

    def ended(self, view: TaskView) -> None:
        """Count a task that has ended."""
        kind = self._kind(view.kind)
        self._ended.labels(self._shard, kind, view.status.value).inc()
        if view.first_dispatch_s is not None:
            self._first.labels(self._shard, view.mode.value).observe(view.first_dispatch_s)
        if view.ended_s is not None:
            self._run_s.labels(self._shard, view.status.value).observe(view.ended_s)
        if view.saved_s is not None and view.saved_s > 0:
            self._saved_s.labels(self._shard, kind).inc(view.saved_s)

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Count attempts with verdicts. Steps that the gate did not dispatch have no attempt."""
        for outcome in outcomes:
            if not outcome.dispatched:
                continue
            labels = self._shard, outcome.agent, outcome.verdict.value
            self._attempts.labels(*labels).inc()
            self._agent_s.labels(*labels).inc(outcome.seconds)
            self._usd.labels(*labels).inc(outcome.usd)

    def exposition(self) -> str:
        """The metrics as Prometheus text."""
        return generate_latest(self._registry).decode()

    def _kind(self, kind: str) -> str:
        if kind not in self._kinds:
            if len(self._kinds) >= _MOST_KINDS:
                return _OTHERS
            self._kinds.add(kind)
        return kind

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, ["shard", *labels], registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, ["shard", *labels], buckets=buckets, registry=self._registry)


def joined(expositions: Iterable[str]) -> bytes:
    """Merge expositions into one, in which each metric family is declared once."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Joined(expositions))
    return generate_latest(registry)


class _Joined(Collector):
    def __init__(self, expositions: Iterable[str]) -> None:
        self._families: dict[str, Metric] = {}
        for exposition in expositions:
            for family in text_string_to_metric_families(exposition):
                if family.name.endswith("_created"):
                    # The creation time of each counter doubles the number of series, and nothing uses it.
                    continue
                known = self._families.setdefault(family.name, family)
                if known is not family:
                    known.samples.extend(family.samples)

    def collect(self) -> Iterable[Metric]:
        return self._families.values()
