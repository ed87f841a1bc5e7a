"""How late an event loop is: the delay of a timer."""

import asyncio

from prometheus_client import CollectorRegistry, Histogram

_EVERY_S = 0.25
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class LoopLag:
    """Observes the lag of the event loop that it is started on. ``process`` names it: shard-0, planner, ingress."""

    def __init__(self, registry: CollectorRegistry, process: str) -> None:
        self._seconds = Histogram(
            "forerun_loop_lag_seconds", "Delay of a timer on the event loop of a process", ["process"],
            buckets=_BUCKETS, registry=registry,
        ).labels(process)  # fmt: skip
        self._measuring: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Measure from now on. Starting twice does nothing."""
        if self._measuring is None:
            self._measuring = asyncio.get_running_loop().create_task(self._measure())

    def stop(self) -> None:
        """Stop measuring."""
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _EVERY_S
            await asyncio.sleep(_EVERY_S)
            self._seconds.observe(max(0.0, loop.time() - due_s))
