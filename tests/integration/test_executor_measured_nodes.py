"""The snapshot tells what other jobs of Ray hold; nodes of one machine are equal, and own agents are no load."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import ray
import sample_agents as s
from attempts import Attempts, until

from actors.executor.measurements import Measurements
from actors.executor.nodes import pinned
from actors.executor.ray_cluster import RayCluster
from planners.cluster import ClusterSnapshot

pytestmark = pytest.mark.ray

Measured = tuple[Attempts, RayCluster, Measurements]


@pytest.fixture
async def measured(attempts_with: Any) -> AsyncIterator[Measured]:
    """Attempts, and a view that measures their cluster."""
    attempts = attempts_with(s.sleeps)
    measurements = Measurements(attempts.executor.held)
    view = RayCluster(refresh_s=0.1, measurements=measurements)
    await view.start()
    yield attempts, view, measurements
    await view.stop()


async def test_nodes_of_one_machine_are_equal_and_own_agents_are_no_load(
    measured: Measured, cluster: Any, tmp_path: Path
):
    attempts, view, measurements = measured
    seen: list[ClusterSnapshot] = []

    async def watch() -> None:
        while True:
            seen.append(view.snapshot())
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    await asyncio.gather(
        *(attempts.run(s.sleeps, on=cluster.cpu2, mark=str(tmp_path / "pid"), seconds=1.0) for _ in range(4))
    )
    await until(lambda: len(measurements.speeds()) == len(view.snapshot().nodes))
    await view.refresh()
    seen.append(view.snapshot())
    watching.cancel()

    for snapshot in seen:
        assert {node.speed for node in snapshot.nodes} == {1.0}
        assert snapshot.reservations == ()
        assert snapshot == ClusterSnapshot(nodes=snapshot.nodes)


async def test_what_another_job_holds_is_reserved_as_long_as_it_holds_it(measured: Measured, cluster: Any):
    _, view, _ = measured
    other: Any = ray.remote(num_cpus=2)(dict).options(scheduling_strategy=pinned(cluster.cpu2)).remote()

    await until(lambda: [(r.node, r.resources.cpus) for r in view.snapshot().reservations] == [(cluster.cpu2, 2)])
    ray.kill(other)
    await until(lambda: not view.snapshot().reservations)


async def test_a_node_that_joins_is_measured_and_leaves_when_it_is_lost(measured: Measured, cluster: Any):
    _, view, measurements = measured

    joined = cluster.add()

    await until(lambda: joined in view.snapshot().by_id)
    await until(lambda: joined in measurements.speeds())
    await asyncio.to_thread(cluster.remove, joined)
    await until(lambda: joined not in view.snapshot().by_id and joined not in measurements.speeds())
