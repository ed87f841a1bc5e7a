"""Agents of the tests with several hosts; found because they lie beside the catalog."""

import asyncio
import os
from pathlib import Path

import ray

from actors.agent import agent
from actors.context import Context


@agent("locate", expected_s=0.5, resources={"cpus": 0.5})
def locate(index: int) -> list[str]:
    """The address of the host that it runs on, and Ray's id of the node."""
    return [str(index), ray.util.get_node_ip_address(), ray.get_runtime_context().get_node_id()]


@agent("linger", expected_s=2.0)
async def linger(index: int, seconds: float) -> int:
    """Its index, after a while; shares its host's process."""
    await asyncio.sleep(seconds)
    return index


@agent("act", effect="irreversible", expected_s=1.0, resources={"cpus": 0.3})
async def act(index: int, seconds: float, witness: str, context: Context) -> int:
    """Acts on the world once, then takes its time."""
    file = os.open(Path(witness), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{index}\t{context.attempt}\n".encode())
    os.close(file)
    await asyncio.sleep(seconds)
    return index
