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


async def _exists(file: str) -> None:
    """Return once the file exists: the machines of the tests are of one file system."""
    while not Path(file).exists():  # noqa: ASYNC110, ASYNC240 -- the file is made by another process
        await asyncio.sleep(0.1)


@agent("linger", expected_s=2.0)
async def linger(index: int, until: str) -> int:
    """Its index, once a file exists; shares its host's process."""
    await _exists(until)
    return index


@agent("act", effect="irreversible", expected_s=1.0, resources={"cpus": 0.3})
async def act(index: int, until: str, witness: str, context: Context) -> int:
    """Acts on the world once, and ends once a file exists."""
    file = os.open(Path(witness), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{index}\t{context.attempt}\n".encode())
    os.close(file)
    await _exists(until)
    return index
