"""Plans while they are made, each of which whoever asked can stop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from planners.plans import Plan

# Makes a plan; the event is set when nobody wants it any more, for threads that no cancellation reaches.
Making = Callable[[threading.Event], AsyncGenerator[Plan, None]]


class PlansUnderWay:
    """By ticket. Stopping one cancels what makes it wherever it waits, so a conversation with an LLM is hung up."""

    def __init__(self) -> None:
        self._stops: dict[str, Callable[[], None]] = {}

    def __len__(self) -> int:
        """How many are being made."""
        return len(self._stops)

    async def follow(self, ticket: str, making: Making) -> AsyncGenerator[Plan, None]:
        """The plans as they are made, until the last one or until `stop`.

        Raises:
            PlanningError: what the making of them raises.
        """
        plans, unwanted = asyncio.Queue[Plan | None](), threading.Event()
        producing = asyncio.get_running_loop().create_task(_produce(making(unwanted), plans))
        producing.add_done_callback(lambda _: plans.put_nowait(None))

        def stop() -> None:
            unwanted.set()
            producing.cancel()

        self._stops[ticket] = stop
        try:
            while (plan := await plans.get()) is not None:
                yield plan
            if not producing.cancelled():
                producing.result()
        finally:
            self.stop(ticket)

    def stop(self, ticket: str) -> None:
        """Nobody wants this plan any more. Nothing happens where it is made already."""
        if (stop := self._stops.pop(ticket, None)) is not None:
            stop()

    def stop_all(self) -> None:
        """Nobody wants any."""
        for ticket in list(self._stops):
            self.stop(ticket)


async def _produce(making: AsyncGenerator[Plan, None], plans: "asyncio.Queue[Plan | None]") -> None:
    async with aclosing(making):
        async for plan in making:
            plans.put_nowait(plan)
