"""Enforces the resources of one node, where nothing else does. Attempts wait here until there is room for them."""

from collections.abc import Iterable

from actors.admission.admission import Admission
from actors.admission.capacity import Semaphore
from actors.admission.queues import AdmissionQueue, AgentQueue
from planners.agents import AgentSpec
from planners.resources import Resources


class NodeRoom(Admission):
    """The resources of one node. An agent must fit into ``total``: validation and planners see to that."""

    def __init__(self, total: Resources, agents: Iterable[AgentSpec]) -> None:
        super().__init__()
        queue = AdmissionQueue()
        there = {name: Semaphore(amount, "this node", name) for name, amount in total.amounts().items()}
        for agent in agents:
            if needs := {name: amount for name, amount in agent.resources.amounts().items() if name in there}:
                uses = tuple((there[name], amount) for name, amount in needs.items())
                self._queues[agent.name] = queue, AgentQueue(uses)
