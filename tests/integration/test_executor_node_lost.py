"""A node leaves with all that ran there; everything else goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sample_agents as s
from attempts import output_of, until

from actors.executor.ray_cluster import RayCluster
from reconciler.state.handoff import FailureKind

pytestmark = pytest.mark.ray


async def test_attempts_of_a_lost_node_fail_and_others_go_on(attempts_with: Any, cluster: Any, tmp_path: Path):
    found: list[str] = []
    agents = (s.waits, s.sleeps, s.where, s.makes_in_host, s.reads)
    attempts, mark = attempts_with(*agents, on_node_lost=found.append), tmp_path / "pid"
    doomed = cluster.add()
    left: list[str] = []
    view = RayCluster(warm=attempts.executor.warm, on_lost=left.append, refresh_s=0.1)
    await view.start()
    assert doomed in view.snapshot().by_id
    made = attempts.start(s.makes_in_host, size=200_000, on=doomed)
    await attempts.ended(made)
    lost = [attempts.start(s.waits, on=doomed), attempts.start(s.sleeps, on=doomed, mark=str(mark))]
    other = attempts.start(s.waits, on=cluster.cpu2, seconds=1.0)
    await until(mark.exists)
    assert ("makes_in_host", doomed) in view.snapshot().warm

    await asyncio.to_thread(cluster.remove, doomed)
    failures = [await attempts.result(attempt) for attempt in lost]

    assert [failure.kind for failure in failures] == [FailureKind.NODE_LOST] * 2
    assert await attempts.result(other) == "waited"
    assert set(found) == {doomed}
    view.lose(doomed)
    await view.refresh()
    assert left == [doomed]
    assert doomed not in view.snapshot().by_id
    await view.stop()
    attempts.executor.forget_node(doomed)
    assert attempts.executor.warm() == {("waits", cluster.cpu2)}
    assert (await attempts.run(s.where, on=doomed)).kind is FailureKind.NODE_LOST
    assert (await attempts.run(s.reads, text=output_of(made, "text"))).error_type == "OutputGone"
    assert await attempts.run(s.where, on=cluster.cpu) == cluster.cpu
