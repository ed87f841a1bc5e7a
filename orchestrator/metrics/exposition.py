"""Joins the expositions of several processes into one."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample


def joined(expositions: Iterable[str]) -> bytes:
    """Merge expositions into one, in which each metric family is declared once.

    What several processes count under the same labels is added.
    """
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
                    known.samples = _added(known, family)

    def collect(self) -> Iterable[Metric]:
        return self._families.values()


def _added(known: Metric, more: Metric) -> list[Sample]:
    if known.type not in {"counter", "histogram"}:
        return [*known.samples, *more.samples]
    samples = {(one.name, *sorted(one.labels.items())): one for one in known.samples}
    for one in more.samples:
        key = (one.name, *sorted(one.labels.items()))
        before = samples.get(key)
        samples[key] = one if before is None else one._replace(value=before.value + one.value)
    return list(samples.values())
