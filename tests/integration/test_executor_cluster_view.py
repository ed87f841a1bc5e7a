"""The snapshot that planners see is the cluster that attempts run on."""

from typing import Any

import pytest
import sample_agents as s

from actors.executor.ray_cluster import RayCluster

pytestmark = pytest.mark.ray


async def test_the_snapshot_tells_what_each_node_has(attempts_with: Any, cluster: Any):
    attempts = attempts_with(s.where)
    view = RayCluster(warm=attempts.executor.warm)
    await view.start()
    await attempts.run(s.where, on=cluster.gpu)

    snapshot = view.snapshot()
    await view.stop()

    nodes = snapshot.by_id
    assert {cluster.cpu, cluster.cpu2, cluster.gpu, cluster.lab} <= nodes.keys()
    assert nodes[cluster.gpu].total.gpus == 1
    assert nodes[cluster.lab].total.custom == {"microscope": 1.0}
    assert nodes[cluster.cpu2].total.custom == {}
    assert all(node.total.cpus == 2 and node.total.memory_bytes > 0 for node in nodes.values())
    assert not snapshot.equal(cluster.cpu2, cluster.gpu)
    assert not snapshot.equal(cluster.cpu2, cluster.lab)
    assert snapshot.warm == {("where", cluster.gpu)}
