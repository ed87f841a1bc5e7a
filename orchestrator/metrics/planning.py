"""Metrics of both planners as a shard sees them."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from prometheus_client import CollectorRegistry, Histogram

from planners.plans import Plan

_GUESS_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_PLAN_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class PlanningMetrics:
    """How long speculative and optimal plans take."""

    def __init__(self, registry: CollectorRegistry, shard: int) -> None:
        self._shard = str(shard)
        self._guess_s = Histogram(
            "forerun_guess_seconds", "Time to make a speculative plan", ["shard", "result"],
            buckets=_GUESS_BUCKETS, registry=registry,
        )  # fmt: skip
        self._plan_s = Histogram(
            "forerun_planning_seconds", "Time to make an optimal plan", ["shard", "result"],
            buckets=_PLAN_BUCKETS, registry=registry,
        )  # fmt: skip

    def timed_guesses(self, guesses: Iterator[Plan]) -> Iterator[Plan]:
        """The same guesses; the time of each is observed."""
        while True:
            began_s = time.perf_counter()
            guess = next(guesses, None)
            took_s = time.perf_counter() - began_s
            self._guess_s.labels(self._shard, "none" if guess is None else "plan").observe(took_s)
            if guess is None:
                return
            yield guess

    async def timed_plans(self, plans: AsyncGenerator[Plan, None]) -> AsyncGenerator[Plan, None]:
        """The same plans; the time to the complete one, or to the failure, is observed."""
        began_s, result = time.perf_counter(), "cancelled"
        try:
            async with aclosing(plans):
                async for plan in plans:
                    if plan.complete:
                        result = "plan"
                    yield plan
        except Exception:
            result = "failed"
            raise
        finally:
            self._plan_s.labels(self._shard, result).observe(time.perf_counter() - began_s)
