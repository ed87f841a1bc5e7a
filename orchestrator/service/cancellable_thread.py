"""Plans while they are made, each of which whoever asked can stop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from planners.plans import Plan


class PlansUnderWay:
    """By ticket. Stopping one cancels what makes it wherever it waits: a conversation with an LLM is hung up, and the
    pipeline tells its solver's thread, which no cancellation reaches.
    """

    def __init__(self) -> None:
        self._making: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        """How many are being made."""
        return len(self._making)

    async def follow(self, ticket: str, making: AsyncGenerator[Plan, None]) -> AsyncGenerator[Plan, None]:
        """The plans as they are made, until the last one or until `stop`.

        Raises:
            PlanningError: what the making of them raises.
        """
        plans = asyncio.Queue[Plan | None]()
        producing = self._making[ticket] = asyncio.get_running_loop().create_task(_produce(making, plans))
        producing.add_done_callback(lambda _: plans.put_nowait(None))
        try:
            while (plan := await plans.get()) is not None:
                yield plan
            if not producing.cancelled():
                producing.result()
        finally:
            self.stop(ticket)

    def stop(self, ticket: str) -> None:
        """Nobody wants this plan any more. Nothing happens where it is made already."""
        if (producing := self._making.pop(ticket, None)) is not None:
            producing.cancel()

    def stop_all(self) -> None:
        """Nobody wants any."""
        for ticket in list(self._making):
            self.stop(ticket)


async def _produce(making: AsyncGenerator[Plan, None], plans: "asyncio.Queue[Plan | None]") -> None:
    async with aclosing(making):
        async for plan in making:
            plans.put_nowait(plan)
