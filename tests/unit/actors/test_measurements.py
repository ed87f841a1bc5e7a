"""Which nodes and links are measured, and what the speeds are relative to."""

import asyncio
from typing import Any

import pytest

from actors.executor import measurements as module
from actors.executor.measurements import Measurements
from actors.executor.probe_tasks import fetch, read_node
from actors.executor.readings import NodeReading, PairReading
from planners.cluster import ClusterNode
from planners.resources import Resources

KERNELS_S = {"head": 0.004, "beside": 0.009, "slow": 0.010}
MACHINES = {"head": "m1", "beside": "m1", "slow": "m2"}


def entry(node: str, address: str, **amounts: float) -> dict[str, Any]:
    return {"NodeID": node, "NodeManagerAddress": address, "NodeManagerPort": 1, "Resources": {"CPU": 2, **amounts}}


HEAD = entry("head", "10.0.0.1", **{"node:__internal_head__": 1.0})
BESIDE = entry("beside", "10.0.0.1")
SLOW = entry("slow", "10.0.0.2")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was asked of which node; Ray is not."""
    asked: list[tuple[str, str]] = []

    async def answer(task: Any, node: str, *_: Any) -> Any:
        asked.append(("read" if task is read_node else "fetch", node))
        assert task in (read_node, fetch)
        return NodeReading(MACHINES[node], 2, 0.0, {}, KERNELS_S[node]) if task is read_node else PairReading(1e7, 0.1)

    monkeypatch.setattr(module, "_answer", answer)
    monkeypatch.setattr(module, "start_objects", lambda _: [])
    return asked


async def measured(measurements: Measurements, *entries: dict[str, Any]) -> None:
    measurements.watch(entries)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_speeds_are_relative_to_the_head_and_equal_on_one_machine(asked: list[tuple[str, str]]):
    measurements = Measurements()
    await measured(measurements, SLOW, HEAD, BESIDE)

    assert measurements.speeds() == {"head": 1.0, "beside": 1.0, "slow": 0.41}
    await measurements.stop()


async def test_nodes_are_read_when_they_join_and_pairs_of_hosts_once(asked: list[tuple[str, str]]):
    measurements = Measurements()
    await measured(measurements, HEAD, BESIDE)
    await measured(measurements, HEAD, BESIDE, SLOW)
    await measured(measurements, HEAD, BESIDE, SLOW)
    assert sorted(asked) == [("fetch", "slow"), ("read", "beside"), ("read", "head"), ("read", "slow")]

    nodes = [ClusterNode(id=node, node_class="c", total=Resources(cpus=2)) for node in MACHINES]
    parts = measurements.parts(nodes, {})
    await measured(measurements, HEAD)

    assert (parts.bandwidth_bytes_per_s, parts.links) == (2**23, ())
    assert measurements.speeds() == {"head": 1.0}
    await measurements.stop()


async def test_a_node_runs_containers_as_was_last_tried(asked: list[tuple[str, str]]):
    measurements = Measurements()
    await measured(measurements, HEAD, SLOW)
    await measurements.first_readings()

    measurements.keep("slow", NodeReading("m2", 2, 1.0, containers=True))
    measurements.keep("slow", NodeReading("m2", 2, 2.0))  # not tried
    measurements.keep("head", NodeReading("m1", 2, 1.0, containers=False))
    assert measurements.containers() == {"slow"}
    measurements.keep("slow", NodeReading("m2", 2, 3.0, containers=False))

    assert measurements.containers() == frozenset()
    await measurements.stop()


async def test_a_lone_node_is_read_later_unless_somebody_waits_or_another_one_joins(asked: list[tuple[str, str]]):
    """A reading starts a process, on the cores that the service is starting on."""
    lone, awaited, joined = (Measurements(lone_s=3600.0) for _ in range(3))
    for measurements in (lone, awaited, joined):
        await measured(measurements, HEAD)
    assert asked == []

    await awaited.first_readings()
    assert asked == [("read", "head")]
    await measured(joined, HEAD, BESIDE)
    assert sorted(asked[1:]) == [("read", "beside"), ("read", "head")]

    for measurements in (lone, awaited, joined):
        await measurements.stop()
    assert asked.count(("read", "head")) == 2
