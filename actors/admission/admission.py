"""Attempts wait for what they use, hold it while they run, and may be confirmed while they wait."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from actors.admission.queues import AdmissionQueue, AgentQueue, Ticket
from planners.agents import AgentSpec
from planners.model import AgentName, AttemptId


class Admission:
    """Admits the attempts of agents that share capacities. An agent without a queue is admitted at once."""

    def __init__(self) -> None:
        self._queues: dict[AgentName, tuple[AdmissionQueue, AgentQueue]] = {}
        self._present: dict[AttemptId, tuple[AdmissionQueue, Ticket]] = {}

    @asynccontextmanager
    async def admission(
        self,
        agent: AgentSpec,
        attempt: AttemptId,
        *,
        speculative: bool = False,
        preempt: Callable[[], None] | None = None,
    ) -> AsyncIterator[None]:
        """Wait until the attempt is admitted, and hold what it uses while the context is open.

        An attempt that is cancelled while it waits has used nothing. ``preempt`` is called when a speculative attempt
        has to make room for a confirmed one; it must end the attempt, and must not block.
        """
        if agent.name not in self._queues:
            yield
            return
        queue, agent_queue = self._queues[agent.name]
        ticket = queue.ticket(agent_queue, speculative=speculative, preempt=preempt)
        self._present[attempt] = queue, ticket
        try:
            await queue.enter(ticket)
            try:
                yield
            finally:
                queue.leave_with(ticket)
        finally:
            self._present.pop(attempt, None)

    def admits(self, agent: AgentSpec) -> bool:
        """Whether no limit concerns the agent, so that its attempts never wait here."""
        return agent.name not in self._queues

    def confirm(self, attempt: AttemptId) -> None:
        """Let a speculative attempt that waits wait with the confirmed ones, and preempt it no more."""
        if (present := self._present.get(attempt)) is not None:
            queue, ticket = present
            queue.confirm(ticket)

    def close(self) -> None:
        """The executor has closed. These limits are in its process, so there is nothing to do."""

    def told(self, attempt: AttemptId, now_s: float) -> str | None:
        """What an attempt waits for, in words; None if it does not wait here. ``now_s``: monotonic."""
        waiting = self._present.get(attempt)
        if waiting is None or waiting[1].admitted.done():
            return None
        queue, ticket = waiting
        lacking = [capacity for capacity, amount in ticket.queue.uses if capacity.wait_s(amount, now_s) > 0]
        if lacking:
            return ", ".join(capacity.told() for capacity in lacking)
        return f"{queue.length - 1} others wait for the same and go first"
