"""An executor lives in a Ray actor; with its process end all processes of its agents."""

from pathlib import Path
from typing import Any

import pytest
import ray
import sample_agents as s
from attempts import Attempts, lives, until

from actors.catalog import catalog_of
from actors.executor.ray_executor import RayExecutor

pytestmark = pytest.mark.ray


@ray.remote(num_cpus=0)
class Owner:
    """What a shard is, as far as executors go."""

    async def begin(self, node: str, mark: str) -> int:
        """Runs agents of both kinds to their end, starts one that does not end, and returns the host's process id."""
        self.executor = RayExecutor(catalog_of(s.add_in_process, s.own_pid, s.sleeps))
        attempts = Attempts(self.executor, node)
        assert await attempts.run(s.add_in_process, a=1) == 2
        host = await attempts.run(s.own_pid)
        await attempts.started(attempts.start(s.sleeps, mark=mark))
        return int(host)


async def test_no_agent_outlives_the_process_of_its_executor(cluster: Any, tmp_path: Path):
    mark = tmp_path / "pid"
    owner = Owner.remote()
    host = await owner.begin.remote(cluster.cpu2, str(mark))
    await until(lambda: mark.exists() and mark.read_text() != "")
    worker = int(mark.read_text())
    assert lives(host)
    assert lives(worker)

    ray.kill(owner)

    await until(lambda: not lives(host) and not lives(worker))
