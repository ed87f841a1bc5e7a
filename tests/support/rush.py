"""Attempts at the limits of agents and providers, and the moments at which they are admitted."""

import asyncio
from typing import Any

from actors.admission.limits import AdmissionLimits
from planners.agents import AgentSpec, Catalog, Provider


class Rush:
    """Attempts at a set of limits; records when each was admitted."""

    def __init__(self, *agents: AgentSpec, **provider: Any) -> None:
        providers = (Provider(name="p", **provider),) if provider else ()
        self.limits = AdmissionLimits(Catalog(agents=agents, providers=providers))
        self.agents = {agent.name: agent for agent in agents}
        self.entered: dict[str, float] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    async def come(
        self, *attempts: str, agent: str = "a", speculative: bool = False, seconds: float | None = 0
    ) -> None:
        for attempt in attempts:
            stays = self._stay(attempt, self.agents[agent], seconds, speculative=speculative)
            self.tasks[attempt] = asyncio.get_running_loop().create_task(stays)
            await self.settle()

    async def leave(self, attempt: str) -> None:
        self._leave[attempt].set()
        await self.settle()

    async def flush(self, attempt: str) -> None:
        self.tasks[attempt].cancel()
        await self.settle()

    async def all_out(self) -> None:
        for event in self._leave.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    @staticmethod
    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _stay(self, attempt: str, agent: AgentSpec, seconds: float | None, *, speculative: bool) -> None:
        leave = self._leave[attempt] = asyncio.Event()
        async with self.limits.admission(agent, attempt, speculative=speculative):
            self.entered[attempt] = asyncio.get_running_loop().time()
            await (leave.wait() if seconds is None else asyncio.sleep(seconds))


def an_agent(name: str = "a", **fields: Any) -> AgentSpec:
    return AgentSpec(name=name, capability="x", **fields)
