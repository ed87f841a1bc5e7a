"""A shard that Ray has restarted takes its runs up by itself."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import ray
from attempts import until
from counted_builds import CountedBuild

from reconciler.runtime.actor import create

pytestmark = pytest.mark.ray

RESTART_S = 120.0  # a guard against hangs


async def test_kill_9_of_a_shard_is_followed_by_its_resumption_though_nobody_asks(cluster: Any, tmp_path: Path):
    build = CountedBuild(tmp_path / "built")
    kept = ray.put(build)  # Ray restarts an actor only while its arguments are held
    actor = create(kept, 0, "crashing-shard")
    try:
        await actor.start.remote()
        assert build.made == 1

        os.kill(await actor.pid.remote(), signal.SIGKILL)

        await until(lambda: build.made == 2, within_s=RESTART_S)
    finally:
        ray.kill(actor, no_restart=True)
