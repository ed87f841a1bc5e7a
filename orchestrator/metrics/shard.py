"""The metrics of one shard, in one registry."""

from collections.abc import Callable

from orchestrator.metrics.loop_lag import LoopLag
from orchestrator.metrics.outages import OutageGauges
from orchestrator.metrics.planning import PlanningMetrics
from orchestrator.metrics.runs import RunMetrics
from planners.cluster import Outage


def shard_metrics(index: int, outages: Callable[[], tuple[Outage, ...]]) -> tuple[RunMetrics, PlanningMetrics, LoopLag]:
    """The metrics of a shard, in one registry. Call it on the shard's event loop."""
    metrics = RunMetrics(index)
    metrics.registry.register(OutageGauges(index, outages))
    lag = LoopLag(metrics.registry, f"shard-{index}")
    lag.start()
    return metrics, PlanningMetrics(metrics.registry, index), lag
