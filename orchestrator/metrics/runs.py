"""Metrics of one shard's runs: tasks, attempts, the gate, seconds and dollars."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from orchestrator.metrics.gauges import ShardGauges
from reconciler.runtime.figures import ShardFigures
from reconciler.state.outcomes import Outcome
from reconciler.views.models import TaskView

_DISPATCH_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RUN_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
# Users choose the kinds of their tasks, and every label value stays in memory as long as the process runs.
_MOST_KINDS = 200
_OTHERS = "(others)"
_NO_VERDICT = "none"


class RunMetrics:
    """Metrics of one shard. Fulfils `Observer` and `OutcomeSink`; other parts of the shard add to its registry."""

    def __init__(self, shard: int) -> None:
        self.registry = CollectorRegistry()
        self._shard = str(shard)
        self._kinds: set[str] = set()
        self._gauges = ShardGauges(shard)
        self.registry.register(self._gauges)
        self._admitted = self._counter("forerun_tasks_admitted", "Tasks admitted", "kind")
        self._ended = self._counter("forerun_tasks_ended", "Tasks that have ended", "kind", "status")
        self._attempts = self._counter("forerun_attempts", "Attempts that have ended", "agent", "outcome", "verdict")
        self._agent_s = self._counter(
            "forerun_agent_seconds", "Time that agents spent on attempts", "agent", "outcome", "verdict"
        )
        self._usd = self._counter("forerun_cost_usd", "Dollars that attempts cost", "agent", "outcome", "verdict")
        self._by_ending: dict[tuple[str, ...], tuple[Counter, ...]] = {}
        self._wasted_s = self._counter("forerun_wasted_seconds", "Time of agents on flushed attempts", "agent")
        self._wasted_usd = self._counter("forerun_wasted_usd", "Dollars that flushed attempts cost", "agent")
        self._gate = self._counter(
            "forerun_gate_decisions", "Decisions of the gate, when the work is known to be used or not",
            "decision", "used",
        )  # fmt: skip
        self._first = self._histogram(
            "forerun_first_dispatch_seconds", "Time from admission to the first dispatch", _DISPATCH_BUCKETS, "mode"
        )
        self._task_s = self._histogram(
            "forerun_task_seconds", "Time from admission to the end of a task", _RUN_BUCKETS, "status"
        )
        self._saved_s = self._counter(
            "forerun_saved_seconds", "Time that speculation saved on the critical path", "kind"
        )

        self._hedges = self._counter("forerun_hedges", "Second attempts beside late ones", "kind")

    def admitted(self, kind: str) -> None:
        """Count an admitted task."""
        self._admitted.labels(self._shard, self._kind(kind)).inc()

    def ended(self, view: TaskView) -> None:
        """Count a task that has ended."""
        kind = self._kind(view.kind)
        self._ended.labels(self._shard, kind, view.status.value).inc()
        self._hedges.labels(self._shard, kind).inc(view.hedges)
        if view.first_dispatch_s is not None:
            self._first.labels(self._shard, view.mode.value).observe(view.first_dispatch_s)
        if view.ended_s is not None:
            self._task_s.labels(self._shard, view.status.value).observe(view.ended_s)
        if view.saved_s is not None and view.saved_s > 0:
            self._saved_s.labels(self._shard, kind).inc(view.saved_s)

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Count attempts that have ended, and decisions of the gate. A refused guess has no attempt."""
        for outcome in outcomes:
            if outcome.appraisal is not None:
                decision = "dispatched" if outcome.dispatched else "refused"
                self._gate.labels(self._shard, decision, "yes" if outcome.verdict.survives else "no").inc()
            if not outcome.dispatched or outcome.judged:
                continue
            attempts, agent_s, usd = self._of_attempts(outcome.agent, *_ending(outcome))
            attempts.inc()
            agent_s.inc(outcome.seconds)
            usd.inc(outcome.usd)
            if not outcome.verdict.survives:
                self._wasted_s.labels(self._shard, outcome.agent).inc(outcome.seconds)
                self._wasted_usd.labels(self._shard, outcome.agent).inc(outcome.usd)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """As `record`: whether a task is learned from makes no difference here."""
        self.record(outcomes)

    def exposition(self, figures: ShardFigures) -> str:
        """The metrics as Prometheus text."""
        self._gauges.figures = figures
        return generate_latest(self.registry).decode()

    def _of_attempts(self, *labels: str) -> tuple[Counter, ...]:
        """The counters of attempts that have ended so. Looking one up by its labels takes longer than counting."""
        if labels not in self._by_ending:
            counters = self._attempts, self._agent_s, self._usd
            self._by_ending[labels] = tuple(counter.labels(self._shard, *labels) for counter in counters)
        return self._by_ending[labels]

    def _kind(self, kind: str) -> str:
        if kind not in self._kinds:
            if len(self._kinds) >= _MOST_KINDS:
                return _OTHERS
            self._kinds.add(kind)
        return kind

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, ["shard", *labels], registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, ["shard", *labels], buckets=buckets, registry=self.registry)


def _ending(outcome: Outcome) -> tuple[str, str]:
    """Outcome and verdict of an attempt. One that failed commits nothing, so it has no verdict."""
    if outcome.succeeded:
        return "succeeded", outcome.verdict.value
    if not outcome.verdict.survives:
        return "cancelled", outcome.verdict.value
    return "failed", _NO_VERDICT
