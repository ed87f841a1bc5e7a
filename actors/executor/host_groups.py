"""The hosts of one executor: those that agents without resources share, and those of agents that work in batches."""

from collections.abc import Mapping
from typing import Any

from actors.executor.hosts import Hosts, OnOutput
from actors.executor.readings import Held
from actors.kinds.batch_agent import process_resources
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName, NodeId
from planners.resources import Resources


class HostGroups:
    """Agents that work in batches have a host of their own on each node, which holds their resources.

    It starts with their first attempt there, and ends when the agents are reloaded or the executor is closed.
    """

    def __init__(self, heartbeat_timeout_s: float, executor: str, on_output: OnOutput | None) -> None:
        """As `Hosts`, without ``on_output`` hosts capture nothing."""
        self._made = (heartbeat_timeout_s, executor, on_output)
        self.shared = self._group(0, Resources())
        self._own: dict[tuple[AgentName, str], Hosts] = {}
        self._options: Mapping[str, Any] = {}

    def of(self, agent: AgentSpec) -> Hosts:
        """The hosts in which attempts of this agent run."""
        if agent.kind is not AgentKind.BATCH or not (needs := process_resources(agent)).amounts():
            return self.shared
        key = (agent.name, needs.model_dump_json())
        if key not in self._own:
            self._own[key] = self._group(len(self._own) + 1, needs)
            self._own[key].retire(self._options)
        return self._own[key]

    def held(self) -> dict[NodeId, Held]:
        """What the hosts of agents hold on each node, or have asked Ray for."""
        held: dict[NodeId, Held] = {}
        for hosts in self._own.values():
            for node, ready in hosts.nodes().items():
                here = held.get(node, Held())
                running = here.running + hosts.resources if ready else here.running
                held[node] = Held(running, here.waiting if ready else here.waiting + hosts.resources)
        return held

    def drop(self, node: NodeId) -> list[Any]:
        """Kill the hosts of a node; returns their actors."""
        return [actor for hosts in self._all() if (actor := hosts.drop(node)) is not None]

    def retire(self, options: Mapping[str, Any]) -> None:
        """See `Hosts.retire`."""
        self._options = options
        for hosts in self._all():
            hosts.retire(options)

    def close(self) -> None:
        """Kill all hosts."""
        for hosts in self._all():
            hosts.close()

    def _all(self) -> list[Hosts]:
        return [self.shared, *self._own.values()]

    def _group(self, number: int, resources: Resources) -> Hosts:
        heartbeat_timeout_s, executor, on_output = self._made
        if on_output is None:
            return Hosts(heartbeat_timeout_s, resources=resources)
        # A folder of its own for its lines: what worker processes print, only the shared hosts read.
        name = f"{executor}-{number}" if number else executor
        return Hosts(heartbeat_timeout_s, name, on_output, resources)
