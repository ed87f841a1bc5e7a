"""What Prometheus sees. One word per concept, the same as everywhere else; units as suffix.

Every process counts for itself in a registry of its own; the ingress joins the expositions into one.
"""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from reconciler.state.outcomes import Outcome
from reconciler.views.models import TaskView

_DISPATCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Users choose the kinds of their tasks; every label value is kept for as long as the process lives.
_MOST_KINDS = 200
_OTHERS = "(others)"
_RUN_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)


class HttpMetrics:
    """What one ingress replica counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "forerun_http_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "forerun_http_request_s", "Seconds until the reply began", ["method", "route"], registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def exposition(self) -> str:
        """All of it as Prometheus text."""
        return generate_latest(self._registry).decode()


class RunMetrics:
    """What one shard counts about its runs. `record` is an outcome sink."""

    def __init__(self, shard: int) -> None:
        self._registry = CollectorRegistry()
        self._shard = str(shard)
        self._kinds: set[str] = set()
        self._admitted = self._counter("forerun_tasks_admitted", "Tasks taken on", "kind")
        self._ended = self._counter("forerun_tasks_ended", "Runs that ended", "kind", "status")
        self._attempts = self._counter("forerun_attempts", "Attempts that got their verdict", "agent", "verdict")
        self._agent_s = self._counter("forerun_agent_s", "Agent-seconds of attempts", "agent", "verdict")
        self._usd = self._counter("forerun_usd", "Dollars of attempts", "agent", "verdict")
        self._first = self._histogram(
            "forerun_first_dispatch_s", "Seconds from admission to the first dispatch", _DISPATCH_BUCKETS, "mode"
        )
        self._run_s = self._histogram("forerun_run_s", "Seconds from admission to the end", _RUN_BUCKETS, "status")
        self._saved_s = self._counter("forerun_saved_s", "Seconds that speculation saved", "kind")

    def admitted(self, kind: str) -> None:
        """A task was taken on."""
        self._admitted.labels(self._shard, self._kind(kind)).inc()

    def ended(self, view: TaskView) -> None:
        """A run has ended."""
        kind = self._kind(view.kind)
        self._ended.labels(self._shard, kind, view.status.value).inc()
        if view.first_dispatch_s is not None:
            self._first.labels(self._shard, view.mode.value).observe(view.first_dispatch_s)
        if view.ended_s is not None:
            self._run_s.labels(self._shard, view.status.value).observe(view.ended_s)
        if view.saved_s is not None and view.saved_s > 0:
            self._saved_s.labels(self._shard, kind).inc(view.saved_s)

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Attempts got their verdicts. Guesses that were refused were never attempts."""
        for outcome in outcomes:
            if not outcome.dispatched:
                continue
            labels = self._shard, outcome.agent, outcome.verdict.value
            self._attempts.labels(*labels).inc()
            self._agent_s.labels(*labels).inc(outcome.seconds)
            self._usd.labels(*labels).inc(outcome.usd)

    def exposition(self) -> str:
        """All of it as Prometheus text."""
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
    """Several expositions as one, each metric family declared once."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Joined(expositions))
    return generate_latest(registry)


class _Joined(Collector):
    def __init__(self, expositions: Iterable[str]) -> None:
        self._families: dict[str, Metric] = {}
        for exposition in expositions:
            for family in text_string_to_metric_families(exposition):
                if family.name.endswith("_created"):
                    # When a counter was made: a series for each series, that nobody asks for.
                    continue
                known = self._families.setdefault(family.name, family)
                if known is not family:
                    known.samples.extend(family.samples)

    def collect(self) -> Iterable[Metric]:
        return self._families.values()
