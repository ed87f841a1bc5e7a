"""Circuit breakers that are not closed, as gauges."""

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from planners.cluster import Outage


class OutageGauges(Collector):
    """One series for each provider and agent that does not answer, taken when Prometheus asks."""

    def __init__(self, shard: int, outages: Callable[[], tuple[Outage, ...]]) -> None:
        self._shard = str(shard)
        self._outages = outages

    def describe(self) -> Iterable[Metric]:
        """The gauge without values: registering it must not ask an event loop."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """The gauge: 1 for each breaker that is open or half-open."""
        family = self._family()
        for outage in self._outages():
            family.add_metric([self._shard, outage.kind, outage.name, outage.state], 1)
        return [family]

    @staticmethod
    def _family() -> GaugeMetricFamily:
        text = "1 for each circuit breaker that is open or half-open"
        return GaugeMetricFamily("forerun_breaker_open", text, labels=["shard", "kind", "name", "state"])
