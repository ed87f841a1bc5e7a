"""The hosts of one executor: those that agents without resources share, and those of agents that work in batches."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.executor.hosts import Hosts, OnOutput
from actors.executor.readings import Held
from actors.kinds.batch_agent import batch_settings
from actors.logs.limits import LogLimits
from planners.agents import AgentKind, AgentSpec
from planners.model import AgentName, NodeId
from planners.resources import Resources


class HostGroups:
    """Agents that work in batches have a host of their own on each node, which holds their resources.

    It starts with their first attempt there, and ends when it has had nothing to do for so long as the agent says, when
    the agents are reloaded, or when the executor is closed.
    """

    def __init__(
        self,
        heartbeat_timeout_s: float,
        executor: str,
        on_output: OnOutput,
        on_release: Callable[[tuple[AgentName, NodeId]], object],
        logs: LogLimits | None = None,
    ) -> None:
        """As `Hosts`.

        ``on_release`` is called when the process of an agent has ended because it had nothing to do. ``logs``: what is
        kept of what attempts print and log; None: only their progress is captured.
        """
        self._on_release = on_release
        self._made = (heartbeat_timeout_s, executor, on_output)
        self._told_only = logs is None
        self.shared = self._group(0, Resources())
        self._own: dict[tuple[AgentName, str], Hosts] = {}
        self._options: Mapping[str, Any] = {}

    def of(self, agent: AgentSpec) -> Hosts:
        """The hosts in which attempts of this agent run."""
        if agent.kind is not AgentKind.BATCH or not (settings := batch_settings(agent)).process.amounts():
            return self.shared
        key = (agent.name, settings.process.model_dump_json())
        if key not in self._own:
            self._own[key] = self._group(len(self._own) + 1, settings.process)
            self._own[key].retire(self._options)
            self._own[key].on_release = lambda node: self._on_release((agent.name, node))
        self._own[key].release_after_s = settings.release_after_s
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
        # A folder of its own for its lines: what worker processes print, only the shared hosts read.
        name = f"{executor}-{number}" if number else executor
        hosts = Hosts(heartbeat_timeout_s, name, on_output, resources)
        hosts.told_only = self._told_only
        return hosts
