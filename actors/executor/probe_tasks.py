"""Short Ray tasks that measure the node they run on."""

import os
import platform
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import ray

from actors.executor.nodes import pinned
from actors.executor.readings import NodeReading, PairReading
from actors.kinds.container_runtime import sweep, working_program
from planners.model import NodeId

_OBJECTS = 3
PATIENCE_S = 30.0
# On a busy machine a computation takes up to twice as long, in phases of some tens of milliseconds.
_KERNEL_RUNS = 15
_KERNEL_PAUSE_S = 0.02
_ROUND_TRIPS = 5
_OBJECT_BYTES = 2_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_RAY_PROCESSES = frozenset({"raylet", "gcs_server"})


@ray.remote(num_cpus=0, max_retries=0)
def read_node(timed: bool) -> NodeReading:  # noqa: FBT001 - Ray passes positions
    """A reading of this node; if ``timed``, with the CPU time of the fixed computation and whether containers run."""
    kernel_s = min(_kernel_s() for _ in range(_KERNEL_RUNS)) if timed else None
    containers = _has_containers() if timed else None
    machine = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else platform.node()
    return NodeReading(machine, os.cpu_count() or 1, time.monotonic(), _cpu_outside_ray(), kernel_s, containers)


def _has_containers() -> bool:
    """Whether containers can run here. Those that processes have left here are removed."""
    program = working_program()
    if program is not None:
        sweep(program)
    return program is not None


@ray.remote(num_cpus=0, max_retries=0)
def make_objects() -> list[Any]:
    """Objects of this node to fetch from another one. Random, so that nothing compresses them."""
    random = np.random.default_rng()
    return [random.integers(0, 256, _OBJECT_BYTES, dtype=np.uint8) for _ in range(_OBJECTS)]


def start_objects(node: NodeId) -> list[Any]:
    """References of objects that are made on a node.

    Raises:
        NoSuchNode: there is no such node.
    """
    references: Any = make_objects.options(num_returns=_OBJECTS, scheduling_strategy=pinned(node)).remote()
    return list(references)


@ray.remote(num_cpus=0, max_retries=0)
def fetch(references: list[Any], source: tuple[str, int]) -> PairReading:
    """Fetch objects from another host, and connect to its raylet; the best of several times each."""
    seconds = []
    for reference in references:
        began_s = time.perf_counter()
        ray.get(reference, timeout=PATIENCE_S)
        seconds.append(time.perf_counter() - began_s)
    return PairReading(_OBJECT_BYTES / min(seconds), min(_round_trip_s(source) for _ in range(_ROUND_TRIPS)))


def _kernel_s() -> float:
    """CPU seconds of this thread for a fixed computation; load by others does not count."""
    time.sleep(_KERNEL_PAUSE_S)
    began_s = time.thread_time()
    total = 0
    for number in range(60_000):
        total += number * number % 7
    return time.thread_time() - began_s


def _round_trip_s(source: tuple[str, int]) -> float:
    began_s = time.perf_counter()
    with socket.create_connection(source, timeout=PATIENCE_S):
        return time.perf_counter() - began_s


def _cpu_outside_ray() -> dict[int, float]:
    """CPU seconds of every process that is not Ray's and was not started by one that is."""
    seconds: dict[int, float] = {}
    parents: dict[int, int] = {}
    of_ray: set[int] = set()
    for process in psutil.process_iter(["name", "ppid", "cpu_times"]):
        told = process.info
        parents[process.pid] = told["ppid"] or 0
        if told["cpu_times"] is not None:
            seconds[process.pid] = told["cpu_times"].user + told["cpu_times"].system
        if told["name"] in _RAY_PROCESSES:
            of_ray.add(process.pid)
    return {pid: cpu_s for pid, cpu_s in seconds.items() if not of_ray.intersection(_lineage(pid, parents))}


def _lineage(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    seen: set[int] = set()
    while pid and pid not in seen:
        seen.add(pid)
        yield pid
        pid = parents.get(pid, 0)
