"""Metrics of one ingress replica."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

# Clients may send any method; those of no route share one label value.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHERS = "(others)"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class HttpMetrics:
    """Requests by route template, and how long they took. Requests that wait by intention are counted, not timed."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "forerun_http_requests", "HTTP requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "forerun_http_request_seconds",
            "Time from a request to the first byte of the response, without requests with wait_s",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float, *, waits: bool = False) -> None:
        """Count one answered request. ``waits``: the client asked for a late answer."""
        method = method if method in _METHODS else _OTHERS
        self._requests.labels(method, route, str(status)).inc()
        if not waits:
            self._seconds.labels(method, route).observe(seconds)

    def exposition(self) -> str:
        """The metrics as Prometheus text."""
        return generate_latest(self.registry).decode()
