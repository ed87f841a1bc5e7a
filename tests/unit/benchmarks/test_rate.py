"""Arrivals are random but the same for a seed, and bounded; latencies are told as quantiles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from benchmarks.burst_client import CONNECTIONS, expected
from benchmarks.rate import latencies
from benchmarks.rate_client import Arrivals, RateClient


def test_arrivals_come_at_their_rate_and_end_with_the_time():
    moments_s = Arrivals(per_s=50.0, most=10_000, seconds=100.0).moments_s()

    assert moments_s == sorted(moments_s)
    assert moments_s[-1] < 100.0
    assert len(moments_s) == pytest.approx(5_000, rel=0.05)
    assert moments_s == Arrivals(per_s=50.0, most=10_000, seconds=100.0).moments_s()


def test_there_are_no_more_arrivals_than_asked_for():
    assert len(Arrivals(per_s=50.0, most=10, seconds=100.0).moments_s()) == 10


class Reply(NamedTuple):
    """An answer of the service."""

    status: int
    body: dict[str, Any]

    async def json(self) -> dict[str, Any]:
        return self.body


class Service:
    """Answers as the service does; every third task fails. Requests wait for each other if `gathers` is set."""

    def __init__(self, gathers: int = 0) -> None:
        self.open = self.most_open = 0
        self._gathers = gathers
        self._gathered = asyncio.Event()
        self._submitted = 0

    @asynccontextmanager
    async def post(self, path: str, **_: Any) -> AsyncIterator[Reply]:
        assert path == "/v1/tasks"
        self._submitted += 1
        yield Reply(202, {"id": str(self._submitted - 1)})

    @asynccontextmanager
    async def get(self, path: str, **_: Any) -> AsyncIterator[Reply]:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        if self.open >= self._gathers:
            self._gathered.set()
        await self._gathered.wait()
        self.open -= 1
        number = int(path.rpartition("/")[2])
        outputs = {} if number % 3 == 2 else expected(number)
        yield Reply(200, {"outputs": outputs, "first_dispatch_s": 0.002})


async def run(service: Any, arrivals: Arrivals) -> dict[str, Any]:
    return await RateClient(service).run(arrivals)


async def test_tasks_are_submitted_whether_or_not_earlier_ones_have_been_answered():
    service = Service(gathers=30)

    found = await run(service, Arrivals(per_s=10_000.0, most=30, seconds=10.0))

    assert service.most_open == 30
    assert (len(found["timed"]), found["failed"]) == (20, 10)


@pytest.mark.parametrize(("per_s", "open_at_once"), [(0, 1), (-1, CONNECTIONS)])
async def test_the_capacity_is_measured_with_so_many_open_tasks_and_idle_with_one(per_s, open_at_once):
    service = Service(gathers=open_at_once)

    await run(service, Arrivals(per_s=per_s, most=100, seconds=60.0))

    assert service.most_open == open_at_once


def test_latencies_are_quantiles_in_milliseconds():
    told = latencies([(0.001 * number, 0.002, 0.01) for number in range(1, 101)])

    assert told["tasks"] == 100
    assert told["admission_ms"] == {"p50": 51.0, "p95": 96.0, "p99": 100.0}
    assert told["completion_ms"]["p50"] == 10.0


def test_a_level_in_which_nothing_ended_has_no_latencies():
    assert latencies([]) == {"tasks": 0}
