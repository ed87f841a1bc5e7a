"""A resource that only one node has is never given twice: not to two kinds of agent, not by two executors."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
import sample_agents as s

pytestmark = pytest.mark.ray


async def test_one_microscope_serves_one_attempt_at_a_time(attempts_with: Any, cluster: Any):
    both = (s.where_is_the_microscope, s.where_is_the_microscope_async)
    executors = [attempts_with(*both), attempts_with(*both)]

    results = await asyncio.gather(
        *(
            attempts.run(agent, on=cluster.lab, seconds=0.1)
            for attempts in executors
            for agent in both
            for _ in range(2)
        )
    )

    assert {where for where, _, _ in results} == {cluster.lab}
    assert_one_at_a_time(results)


async def test_one_gpu_serves_one_async_agent_at_a_time(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where_is_the_gpu)

    results = await asyncio.gather(*(attempts.run(s.where_is_the_gpu, on=cluster.gpu, seconds=0.1) for _ in range(3)))

    assert_one_at_a_time(results)


async def test_an_attempt_that_waits_for_room_has_not_started(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where_is_the_microscope)
    first = attempts.start(s.where_is_the_microscope, on=cluster.lab, seconds=600)
    await attempts.started(first)
    second = attempts.start(s.where_is_the_microscope, on=cluster.lab)
    await asyncio.sleep(0.3)
    assert attempts.of(second) == []

    attempts.executor.flush(attempts.task, [first])

    assert (await attempts.result(second))[0] == cluster.lab


async def test_an_attempt_flushed_while_it_waits_for_room_takes_none(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where_is_the_microscope)
    first = attempts.start(s.where_is_the_microscope, on=cluster.lab, seconds=0.5)
    await attempts.started(first)
    waiting = [attempts.start(s.where_is_the_microscope, on=cluster.lab, seconds=600) for _ in range(3)]
    await asyncio.sleep(0.1)

    attempts.executor.flush(attempts.task, waiting)

    assert (await attempts.run(s.where_is_the_microscope, on=cluster.lab))[0] == cluster.lab
    assert not any(map(attempts.of, waiting))


def assert_one_at_a_time(results: list[tuple[str, float, float]]) -> None:
    intervals = sorted((began, ended) for _, began, ended in results)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(intervals)), intervals
