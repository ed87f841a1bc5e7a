"""Joins the expositions of several processes into one."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


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
