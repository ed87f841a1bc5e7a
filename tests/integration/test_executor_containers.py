"""Commands in containers on Ray: nodes that have podman are found, and a flushed command leaves nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from attempts import until
from podman_images import busybox_image, containers, processes

from actors.catalog import parse_catalog
from actors.executor.measurements import Measurements
from actors.executor.ray_cluster import RayCluster
from planners.resources import CONTAINERS

pytestmark = pytest.mark.ray
MARK = "86413"


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with busybox_image() as name:
        yield name


async def test_a_command_runs_in_a_container_where_podman_was_found_and_leaves_nothing(attempts_with: Any, image: str):
    entry = {"capability": "run", "kind": "command", "settings": {"image": image}, "resources": {"cpus": 0.1}}
    agents = parse_catalog(
        {
            "agents": [
                {**entry, "name": "counts", "target": ["cat"]},
                {**entry, "name": "sleeps", "target": ["sh", "-c", f"sleep {MARK}"]},
            ]
        }
    ).agents
    attempts, nodes = attempts_with(*agents), RayCluster(measurements=Measurements())
    await nodes.start()
    await nodes.measured()
    assert all(CONTAINERS in node.total.custom for node in nodes.snapshot().nodes)

    assert await attempts.run("counts", n=1) == {"n": 1}
    attempt = attempts.start("sleeps")
    await until(lambda: len(processes(MARK)) > 0)
    attempts.executor.flush(attempts.task, [attempt])

    await until(lambda: not processes(MARK) and not containers(image))
    await nodes.stop()
