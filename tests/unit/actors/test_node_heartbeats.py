"""Nodes that miss their heartbeat are reported once, and again when they answer; in virtual time."""

import asyncio
from typing import Any

import pytest
from virtual_loop import in_virtual_time

from actors.executor import nodes
from actors.executor.nodes import NodeHeartbeats


class Cluster:
    """Nodes whose raylets answer unless they are cut off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        self.entries = [{"NodeID": name, "NodeManagerAddress": name, "NodeManagerPort": 1} for name in names]
        self.cut_off: set[str] = set()
        self.told: list[tuple[str, str]] = []
        self.heartbeats = NodeHeartbeats(5.0, self._missed, lambda node: self.told.append(("healed", node)))
        monkeypatch.setattr(nodes, "answers_within", self._answers)

    async def beat(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(1.0)
            await self.heartbeats.beat()

    def _missed(self, node: str) -> None:
        self.told.append(("missed", node))

    async def _answers(self, address: str, port: int, within_s: float) -> bool:
        return address not in self.cut_off


def test_a_node_that_is_cut_off_is_lost_after_the_timeout_and_reported_once(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        cluster = Cluster(monkeypatch, "a", "b")
        cluster.heartbeats.watch(cluster.entries)
        await cluster.beat(2)
        cluster.cut_off = {"b"}
        await cluster.beat(4)
        assert cluster.told == []
        await cluster.beat(4)
        assert cluster.told == [("missed", "b")]

        cluster.cut_off = set()
        await cluster.beat(2)

        assert cluster.told == [("missed", "b"), ("healed", "b")]

    in_virtual_time(scenario())


def test_a_short_cut_loses_no_node(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        cluster = Cluster(monkeypatch, "a")
        cluster.heartbeats.watch(cluster.entries)
        for _ in range(3):
            cluster.cut_off = {"a"}
            await cluster.beat(4)
            cluster.cut_off = set()
            await cluster.beat(1)
        assert cluster.told == []

    in_virtual_time(scenario())


def test_nodes_that_left_are_not_watched_any_more(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        cluster = Cluster(monkeypatch, "a", "b")
        cluster.heartbeats.watch(cluster.entries)
        cluster.cut_off = {"b"}
        cluster.heartbeats.watch(cluster.entries[:1])
        await cluster.beat(9)
        assert cluster.told == []

    in_virtual_time(scenario())


def test_a_delay_of_this_process_proves_nothing(monkeypatch: pytest.MonkeyPatch):
    async def scenario() -> None:
        cluster = Cluster(monkeypatch, "a")
        cluster.heartbeats.watch(cluster.entries)

        async def late(*_: Any) -> bool:
            await asyncio.sleep(30.0)
            return False

        monkeypatch.setattr(nodes, "answers_within", late)
        await cluster.heartbeats.beat()
        assert cluster.told == []

    in_virtual_time(scenario())
