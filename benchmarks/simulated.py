"""Simulated agents for the benchmarks: they take time and do nothing else."""

from typing import Any

from planners.agents import AgentKind, AgentSpec, Price
from planners.resources import Resources


def simulated(name: str, capability: str, **more: Any) -> AgentSpec:
    """A simulated agent; ``settings`` are those of `actors.simulated.SimulationSettings`."""
    defaults: dict[str, Any] = {
        "kind": AgentKind.ASYNC,
        "target": "actors.simulated:simulated",
        "resources": Resources(),
        "price": Price(usd_per_s=0.001),
    }
    return AgentSpec(name=name, capability=capability, **{**defaults, **more})
